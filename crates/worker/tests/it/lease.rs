//! Attempts that change hands.

use std::sync::Arc;
use std::time::Duration;

use domain::JobState;
use serde_json::json;
use store::Claim;
use worker::{Beat, Registry, StepOutcome, Worker};

use crate::handlers::{Gate, Gates};
use crate::world::{World, job, lane, test_handlers};

const NOTHING: Beat = Beat::Renewed {
    cancelled: 0,
    lost: 0,
    orphaned: 0,
};

/// A worker that runs one job at its gate, with the step under way.
async fn at_the_gate(
    world: &World,
    gates: &Gates,
) -> (
    Arc<Worker>,
    domain::JobId,
    tokio::task::JoinHandle<Vec<StepOutcome>>,
) {
    let worker = Arc::new(world.worker(Registry::new().register(Gate(gates.clone()))).await);
    worker.beat().await.unwrap();
    let id = world.submit(job("test.gate", &json!(null), 5)).await;
    let step = world.spawn({
        let worker = Arc::clone(&worker);
        async move { worker.run_once(&lane(), 1).await.unwrap() }
    });
    gates.until_begun(1).await;
    (worker, id, step)
}

#[tokio::test]
async fn a_zombies_handler_is_dropped_and_nothing_of_it_is_recorded() {
    let world = World::new().await;
    let gates = Gates::new();
    let (zombie, id, step) = at_the_gate(&world, &gates).await;
    assert_eq!(zombie.beat().await.unwrap(), NOTHING);
    world
        .sql("update worker set lease_expires_at = now() - interval '1 second'")
        .await;
    assert_eq!(zombie.beat().await.unwrap(), Beat::Lost);
    let outcomes = step.await.unwrap();
    assert_eq!(
        outcomes,
        [StepOutcome::LeaseLost {
            job_id: id,
            attempt: 1
        }]
    );
    gates.until_dropped(1).await;
    assert_eq!(world.job(id).await.state, JobState::Running);
    assert!(matches!(zombie.beat().await.unwrap(), Beat::Registered(_)));
}

#[tokio::test]
async fn a_zombies_outcome_is_refused() {
    let world = World::new().await;
    let gates = Gates::new();
    let (_zombie, id, step) = at_the_gate(&world, &gates).await;
    world
        .sql("update worker set lease_expires_at = now() - interval '1 second'")
        .await;
    let other = world.worker(test_handlers()).await;
    let recovered = other.maintain_once("recover", 10).await.unwrap().unwrap();
    assert_eq!(recovered.changed, 1);
    gates.open.add_permits(1);
    assert_eq!(
        step.await.unwrap(),
        [StepOutcome::LeaseLost {
            job_id: id,
            attempt: 1
        }]
    );
    let job = world.job(id).await;
    assert_eq!(
        (job.state, job.attempt, job.result.is_none()),
        (JobState::Queued, 1, true)
    );
}

#[tokio::test]
async fn an_attempt_that_was_taken_away_is_stopped_with_the_next_heartbeat() {
    let world = World::new().await;
    let gates = Gates::new();
    let (worker, id, step) = at_the_gate(&world, &gates).await;
    world.sql("delete from claim").await;
    let beat = worker.beat().await.unwrap();
    assert!(matches!(beat, Beat::Renewed { lost: 1, .. }), "{beat:?}");
    assert_eq!(
        step.await.unwrap(),
        [StepOutcome::LeaseLost {
            job_id: id,
            attempt: 1
        }]
    );
    gates.until_dropped(1).await;
}

#[tokio::test]
async fn an_attempt_whose_claims_answer_was_lost_is_handed_back() {
    let world = World::new().await;
    let worker = world.worker(test_handlers()).await;
    let Beat::Registered(worker_id) = worker.beat().await.unwrap() else {
        panic!("the first beat registers")
    };
    let id = world.submit(job("test.echo", &json!(null), 1)).await;
    // As the database sees it when the connection breaks during the answer.
    let claims = world.store().await.claim(worker_id, &[id]).await.unwrap();
    assert!(matches!(claims[..], [Claim::Started(_)]));
    assert_eq!(worker.beat().await.unwrap(), NOTHING);
    let beat = worker.beat().await.unwrap();
    assert!(matches!(beat, Beat::Renewed { orphaned: 1, .. }), "{beat:?}");
    let job = world.until(id, JobState::Queued).await;
    assert_eq!(job.attempts_spent, 0);
    worker.run_once(&lane(), 1).await.unwrap();
    assert_eq!(world.job(id).await.state, JobState::Succeeded);
}

#[tokio::test]
async fn jobs_of_a_dead_worker_start_again_or_fail_when_their_attempts_are_used_up() {
    let world = World::new().await;
    let ids = world
        .submit_all(vec![
            job("test.echo", &json!(1), 2),
            job("test.echo", &json!(2), 1),
        ])
        .await;
    let store = world.store().await;
    let dead = domain::WorkerId(crate::world::random());
    store
        .register_worker(dead, "dead", Duration::from_millis(1))
        .await
        .unwrap();
    world
        .sql("update worker set lease_expires_at = now() + interval '1 minute'")
        .await;
    let claims = store.claim(dead, &ids).await.unwrap();
    assert!(claims.iter().all(|claim| matches!(claim, Claim::Started(_))));

    let running = world.run(world.worker(test_handlers()).await);
    running.worker_id().await;
    world
        .sql("update worker set lease_expires_at = now() - interval '1 second' where host = 'dead'")
        .await;
    let again = world.until(ids[0], JobState::Succeeded).await;
    assert_eq!((again.attempt, again.attempts_spent), (2, 2));
    let failed = world.until(ids[1], JobState::Failed).await;
    assert_eq!(
        (failed.attempt, failed.error_code.as_deref()),
        (1, Some("worker_lost"))
    );
    running.drain().await;
}
