//! Messages whose job can't be started: one rule for each answer of the claim.

use std::time::Duration;

use chrono::TimeDelta;
use domain::{JobId, JobState, NewJob};
use queue::{Envelope, Message};
use serde_json::json;
use testkit::eventually;
use worker::{Registry, StepOutcome, Worker};

use crate::handlers::{Gate, Gates};
use crate::world::{PATIENCE, World, job, lane, random, test_handlers};

/// Rings for a job, whether it is queued or not.
async fn ring(worker: &Worker, world: &World, job_id: JobId) {
    let message = Message {
        job_id,
        tenant_id: world.tenant_id,
        traceparent: None,
        dead_letter: None,
    };
    let envelope = Envelope {
        message,
        delay: Duration::ZERO,
    };
    let failures = worker.queues()[0].send(&[envelope]).await.unwrap();
    assert!(failures.is_empty());
}

async fn step(worker: &Worker) -> StepOutcome {
    let mut outcomes = worker.run_once(&lane(), 1).await.unwrap();
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}

async fn until_no_message(world: &World) {
    eventually("the message is deleted", PATIENCE, async || {
        (world.count("select count(*) from outbox").await == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_message_for_an_ended_job_is_deleted() {
    let world = World::new().await;
    let worker = world.worker(test_handlers()).await;
    let id = world.submit(job("test.echo", &json!(null), 1)).await;
    assert!(matches!(step(&worker).await, StepOutcome::Ended { .. }));
    ring(&worker, &world, id).await;
    assert_eq!(step(&worker).await, StepOutcome::Finished(JobState::Succeeded));
    until_no_message(&world).await;
    assert_eq!(world.job(id).await.attempt, 1);
}

#[tokio::test]
async fn a_message_for_a_job_that_is_not_due_is_deleted() {
    let world = World::new().await;
    let worker = world.worker(test_handlers()).await;
    let run_at = runtime::clock::now() + TimeDelta::hours(1);
    let id = world
        .submit(NewJob {
            run_at: Some(run_at),
            ..job("test.echo", &json!(null), 1)
        })
        .await;
    ring(&worker, &world, id).await;
    assert!(matches!(step(&worker).await, StepOutcome::NotDue { .. }));
    until_no_message(&world).await;
    assert_eq!(world.job(id).await.state, JobState::Scheduled);
}

#[tokio::test]
async fn a_message_without_a_job_is_deleted() {
    let world = World::new().await;
    let worker = world.worker(Registry::new()).await;
    ring(&worker, &world, JobId(random())).await;
    assert_eq!(step(&worker).await, StepOutcome::Unknown);
    until_no_message(&world).await;
}

#[tokio::test]
async fn a_second_message_for_a_running_job_starts_nothing() {
    let world = World::new().await;
    let gates = Gates::new();
    let worker = world.worker(Registry::new().register(Gate(gates.clone()))).await;
    let running = world.run(worker);
    let id = world.submit(job("test.gate", &json!(null), 1)).await;
    gates.until_begun(1).await;

    let other = world.worker(Registry::new().register(Gate(gates.clone()))).await;
    ring(&other, &world, id).await;
    gates.open.add_permits(1);
    world.until(id, JobState::Succeeded).await;
    assert_eq!(world.job(id).await.attempt, 1);
    running.drain().await;
}

#[tokio::test]
async fn a_message_for_a_job_that_another_worker_runs_is_held() {
    let world = World::new().await;
    let worker = world.worker(test_handlers()).await;
    worker.beat().await.unwrap();
    let id = world.submit(job("test.echo", &json!(null), 1)).await;
    let store = world.store().await;
    let holder = domain::WorkerId(random());
    store
        .register_worker(holder, "test", Duration::from_secs(60))
        .await
        .unwrap();
    let claims = store.claim(holder, &[id]).await.unwrap();
    assert!(matches!(claims[..], [store::Claim::Started(_)]));

    ring(&worker, &world, id).await;
    let StepOutcome::Held { until } = step(&worker).await else {
        panic!("the job is held")
    };
    let wait = until - runtime::clock::now();
    assert!(
        wait > TimeDelta::seconds(50) && wait <= TimeDelta::seconds(60),
        "{wait}"
    );
    // The claim has consumed the message, which on this queue is the token: nothing is there to be delivered again.
    until_no_message(&world).await;
}

#[tokio::test]
async fn a_job_that_can_not_be_read_fails_and_its_neighbours_run() {
    let world = World::new().await;
    let worker = world.worker(test_handlers()).await;
    let jobs = (0..3).map(|number| job("test.echo", &json!(number), 5)).collect();
    let ids = world.submit_all(jobs).await;
    world
        .sql("update job set kind = 'no kind at all' where payload::text = '1'")
        .await;
    let outcomes = worker.run_once(&lane(), 10).await.unwrap();
    assert_eq!(outcomes.len(), 3);
    for id in [ids[0], ids[2]] {
        assert_eq!(world.job(id).await.state, JobState::Succeeded);
    }
    let (event, code, message) = world.failures(ids[1]).await.remove(0);
    assert_eq!((event.as_str(), code.as_str()), ("failed", "job_unreadable"));
    assert!(message.starts_with("a row is corrupt"), "{message}");
}

#[tokio::test]
async fn a_worker_without_registration_takes_nothing() {
    let world = World::new().await;
    let worker = world.worker(test_handlers()).await;
    let id = world.submit(job("test.echo", &json!(null), 1)).await;
    worker.beat().await.unwrap();
    world
        .sql("update worker set lease_expires_at = now() - interval '1 second'")
        .await;
    assert_eq!(step(&worker).await, StepOutcome::NotStarted);
    // It registers anew, and finds the message again when it is visible again.
    assert_eq!(worker.beat().await.unwrap(), worker::Beat::Lost);
    assert!(matches!(
        worker.beat().await.unwrap(),
        worker::Beat::Registered(_)
    ));
    let done = eventually("the message comes again", PATIENCE, async || {
        worker.run_once(&lane(), 1).await.unwrap().pop()
    })
    .await;
    assert!(matches!(done, StepOutcome::Ended { .. }));
    assert_eq!(world.job(id).await.state, JobState::Succeeded);
}
