//! The database goes away for a while.

use std::time::Duration;

use domain::JobState;
use serde_json::json;
use testkit::eventually;
use worker::{Config, Registry};

use crate::handlers::{Gate, Gates};
use crate::proxy::Proxy;
use crate::world::{PATIENCE, World, config, job, store_at};

#[tokio::test]
async fn an_outcome_waits_for_the_database_within_the_lease() {
    let world = World::new().await;
    let proxy = Proxy::to(&world.db.url()).await;
    let gates = Gates::new();
    let store = store_at(&proxy.url).await;
    let running = world.run(world.worker_on(&store, Registry::new().register(Gate(gates.clone())), config()));
    let id = world.submit(job("test.gate", &json!(null), 5)).await;
    gates.until_begun(1).await;
    proxy.cut();
    gates.open.add_permits(1);
    // The handler has ended, but nobody can be told.
    eventually("the handler has ended", PATIENCE, async || {
        (gates.open.available_permits() == 0).then_some(())
    })
    .await;
    assert_eq!(world.job(id).await.state, JobState::Running);
    proxy.mend();
    let job = world.until(id, JobState::Succeeded).await;
    assert_eq!(job.attempt, 1);
    running.drain().await;
}

#[tokio::test]
async fn a_worker_that_can_not_renew_its_lease_stops_its_handlers_and_comes_back_as_another() {
    let world = World::new().await;
    let proxy = Proxy::to(&world.db.url()).await;
    let gates = Gates::new();
    let config = Config {
        lease: Duration::from_secs(2),
        ..config()
    };
    let store = store_at(&proxy.url).await;
    let running = world.run(world.worker_on(&store, Registry::new().register(Gate(gates.clone())), config));
    let before = running.worker_id().await;
    let id = world.submit(job("test.gate", &json!(null), 5)).await;
    gates.until_begun(1).await;
    proxy.cut();
    gates.until_dropped(1).await;
    assert_eq!(running.handle.status().worker_id, None);
    assert_eq!(world.job(id).await.state, JobState::Running);

    proxy.mend();
    gates.open.add_permits(1);
    let job = world.until(id, JobState::Succeeded).await;
    assert_eq!(job.attempt, 2);
    let attempts = world.attempts(id).await;
    assert_eq!(attempts[0].worker_id, before);
    assert_ne!(attempts[1].worker_id, before);
    assert_eq!(attempts[0].error_code.as_deref(), Some("worker_lost"));
    running.drain().await;
}
