//! Ending a job that runs.

use std::sync::Arc;
use std::time::Duration;

use domain::JobState;
use serde_json::json;
use store::Cancel;
use tokio::sync::Notify;
use worker::{Beat, Config, Registry};

use crate::handlers::{Gate, Gates, Polite};
use crate::world::{PATIENCE, World, config, job, lane, test_handlers};

#[tokio::test]
async fn a_running_job_is_cancelled_with_the_next_heartbeat() {
    let world = World::new().await;
    let running = world.run(world.worker(test_handlers()).await);
    let id = world.submit(job("test.sleep", &json!({"ms": 600_000}), 5)).await;
    world.until(id, JobState::Running).await;
    assert_eq!(
        world
            .api
            .cancel(&testkit::actor(world.tenant_id), id)
            .await
            .unwrap(),
        Cancel::Requested
    );
    running.handle.beat_now();
    world.until(id, JobState::Cancelled).await;
    assert_eq!(world.failures(id).await[0].0, "cancelled");
    running.drain().await;
}

#[tokio::test]
async fn a_cancel_is_heard_before_the_next_heartbeat() {
    let world = World::new().await;
    // No heartbeat comes by itself while this test runs.
    let hour = Duration::from_hours(1);
    let unhurried = Config {
        heartbeat: hour,
        lease: 3 * hour,
        ..config()
    };
    let running = world.run(world.worker_on(&world.store().await, test_handlers(), unhurried));
    let id = world.submit(job("test.sleep", &json!({"ms": 600_000}), 5)).await;
    world.until(id, JobState::Running).await;
    // Asked again and again, because a signal is lost on a worker that does not listen yet.
    testkit::eventually("the job's end", PATIENCE, || async {
        let answer = world
            .api
            .cancel(&testkit::actor(world.tenant_id), id)
            .await
            .unwrap();
        (answer == Cancel::AlreadyFinished(JobState::Cancelled)).then_some(())
    })
    .await;
    running.drain().await;
}

#[tokio::test]
async fn a_handler_that_does_not_listen_is_dropped_after_its_grace() {
    let world = World::new().await;
    let gates = Gates::new();
    let running = world.run(world.worker(Registry::new().register(Gate(gates.clone()))).await);
    let id = world.submit(job("test.gate", &json!(null), 5)).await;
    gates.until_begun(1).await;
    world
        .api
        .cancel(&testkit::actor(world.tenant_id), id)
        .await
        .unwrap();
    world.until(id, JobState::Cancelled).await;
    assert!(gates.told.load(std::sync::atomic::Ordering::SeqCst));
    gates.until_dropped(1).await;
    running.drain().await;
}

#[tokio::test]
async fn work_that_was_done_in_time_counts_as_done() {
    let world = World::new().await;
    let begun = Arc::new(Notify::new());
    let worker = Arc::new(
        world
            .worker(Registry::new().register(Polite(Arc::clone(&begun))))
            .await,
    );
    worker.beat().await.unwrap();
    let id = world.submit(job("test.polite", &json!(null), 5)).await;
    let step = world.spawn({
        let worker = Arc::clone(&worker);
        async move { worker.run_once(&lane(), 1).await.unwrap() }
    });
    begun.notified().await;
    world
        .api
        .cancel(&testkit::actor(world.tenant_id), id)
        .await
        .unwrap();
    let beat = worker.beat().await.unwrap();
    assert_eq!(
        beat,
        Beat::Renewed {
            cancelled: 1,
            lost: 0,
            orphaned: 0
        }
    );
    step.await.unwrap();
    let job = world.job(id).await;
    assert_eq!(
        (job.state, job.result.unwrap().get()),
        (JobState::Succeeded, r#""tidied up""#)
    );
}
