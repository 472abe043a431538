//! The end of a worker.

use std::time::Duration;

use domain::JobState;
use serde_json::json;
use testkit::eventually;
use tokio::time::{Instant, timeout};
use worker::{Config, Registry};

use crate::handlers::{Gate, Gates};
use crate::proxy::Proxy;
use crate::world::{PATIENCE, World, config, job, store_within, test_handlers};

#[tokio::test]
async fn what_runs_may_end_and_nothing_new_is_taken() {
    let world = World::new().await;
    let gates = Gates::new();
    let running = world.run(world.worker(Registry::new().register(Gate(gates.clone()))).await);
    let id = world.submit(job("test.gate", &json!(null), 1)).await;
    gates.until_begun(1).await;
    running.shutdown.begin();
    let late = world.submit(job("test.gate", &json!(null), 1)).await;
    gates.open.add_permits(2);
    let drained = timeout(PATIENCE, running.drained).await.unwrap().unwrap();
    assert_eq!(drained.abandoned, 0);
    assert_eq!(world.job(id).await.state, JobState::Succeeded);
    assert_eq!(world.job(late).await.state, JobState::Queued);
    assert_eq!(world.count("select count(*) from worker").await, 0);
}

#[tokio::test]
async fn what_does_not_end_is_handed_back_and_the_attempt_is_not_spent() {
    let world = World::new().await;
    let gates = Gates::new();
    let running = world.run(world.worker(Registry::new().register(Gate(gates.clone()))).await);
    let id = world.submit(job("test.gate", &json!(null), 1)).await;
    gates.until_begun(1).await;
    running.shutdown.begin();
    running.shutdown.abort().cancel();
    let drained = timeout(PATIENCE, running.drained).await.unwrap().unwrap();
    assert_eq!(drained.abandoned, 0);
    gates.until_dropped(1).await;
    let job = world.job(id).await;
    assert_eq!(
        (job.state, job.attempt, job.attempts_spent),
        (JobState::Queued, 1, 0)
    );
    assert_eq!(world.failures(id).await[0].0, "released");

    gates.open.add_permits(1);
    let next = world.run(world.worker(Registry::new().register(Gate(gates.clone()))).await);
    assert_eq!(world.until(id, JobState::Succeeded).await.attempts_spent, 1);
    next.drain().await;
}

#[tokio::test]
async fn a_worker_without_a_database_ends_in_time_and_its_job_starts_again() {
    let world = World::new().await;
    let proxy = Proxy::to(&world.db.url()).await;
    let gates = Gates::new();
    let config = Config {
        hand_back: Duration::from_secs(3),
        lease: Duration::from_secs(8),
        ..config()
    };
    // As in production: while there is no database, nothing may wait for long.
    let store = store_within(&proxy.url, Duration::from_secs(2)).await;
    let running = world.run(world.worker_on(&store, Registry::new().register(Gate(gates.clone())), config));
    let id = world.submit(job("test.gate", &json!(null), 2)).await;
    gates.until_begun(1).await;
    proxy.cut();
    running.shutdown.begin();
    running.shutdown.abort().cancel();
    let began = Instant::now();
    let drained = timeout(PATIENCE, running.drained).await.unwrap().unwrap();
    assert_eq!(drained.abandoned, 1);
    assert!(
        began.elapsed() < Duration::from_secs(12),
        "it took {:?}",
        began.elapsed()
    );
    assert_eq!(world.job(id).await.state, JobState::Running);

    gates.open.add_permits(1);
    let next = world.run(world.worker(Registry::new().register(Gate(gates.clone()))).await);
    let job = world.until(id, JobState::Succeeded).await;
    assert_eq!((job.attempt, job.attempts_spent), (2, 2));
    assert_eq!(world.failures(id).await[0].1, "worker_lost");
    next.drain().await;
}

#[tokio::test]
async fn an_idle_worker_ends_at_once_and_hands_the_maintenance_on() {
    let world = World::new().await;
    let first = world.run(world.worker(test_handlers()).await);
    eventually("the first worker leads", PATIENCE, async || {
        first.handle.status().leads.then_some(())
    })
    .await;
    let second = world.run(world.worker(test_handlers()).await);
    second.worker_id().await;
    assert!(!second.handle.status().leads);
    first.drain().await;
    eventually("the second worker leads", PATIENCE, async || {
        second.handle.status().leads.then_some(())
    })
    .await;
    second.drain().await;
}
