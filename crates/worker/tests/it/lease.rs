//! Attempts that change hands.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::JobState;
use queue::sqs::SqsQueue;
use queue::{Delivery, EntryFailure, Envelope, Queue, Receipt, Receive};
use serde_json::json;
use store::Claim;
use testkit::{Logs, eventually};
use worker::{Beat, Config, Lane, Registry, StepOutcome, Worker};

use crate::handlers::{Gate, Gates};
use crate::sqs_world::SqsWorld;
use crate::world::{PATIENCE, World, config, job, lane, test_handlers};

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
async fn a_zombies_outcome_is_refused_and_logged() {
    let logs = Logs::capture();
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
    let mut lines = logs.take();
    lines.retain(|line| line["outcome"] == "lease_lost");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(
        (&lines[0]["level"], &lines[0]["decided"]),
        (&json!("WARN"), &json!("succeeded"))
    );
    let span = &lines[0]["span"];
    assert_eq!(
        (&span["job.id"], &span["attempt"]),
        (&json!(id.to_string()), &json!(1))
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

/// A queue that hides no message any longer than when it was received, as SQS after twelve hours.
#[derive(Debug)]
struct Unyielding {
    queue: SqsQueue,
    refusals: AtomicU32,
    deliveries: AtomicU32,
}

#[async_trait]
impl Queue for Unyielding {
    async fn send(&self, envelopes: &[Envelope]) -> Result<Vec<EntryFailure>, queue::Error> {
        self.queue.send(envelopes).await
    }

    async fn receive(&self, receive: Receive) -> Result<Vec<Delivery>, queue::Error> {
        let deliveries = self.queue.receive(receive).await?;
        self.deliveries
            .fetch_add(u32::try_from(deliveries.len()).unwrap(), Ordering::SeqCst);
        Ok(deliveries)
    }

    async fn extend(&self, receipts: &[Receipt], _: Duration) -> Result<Vec<EntryFailure>, queue::Error> {
        self.refusals.fetch_add(1, Ordering::SeqCst);
        let refused = |index| EntryFailure {
            index,
            error: queue::Error::Rejected("total visibility timeout is beyond 12 hours".into()),
        };
        Ok((0..receipts.len()).map(refused).collect())
    }

    async fn delete(&self, receipts: &[Receipt]) -> Result<Vec<EntryFailure>, queue::Error> {
        self.queue.delete(receipts).await
    }

    async fn depth(&self) -> Result<u64, queue::Error> {
        self.queue.depth().await
    }

    async fn check(&self) -> Result<(), queue::Error> {
        self.queue.check().await
    }

    fn is_outbox(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn an_attempt_outlives_its_messages_longest_visibility() {
    let sqs = SqsWorld::new().await;
    let gates = Gates::new();
    let unyielding = Arc::new(Unyielding {
        queue: sqs.queue(),
        refusals: AtomicU32::new(0),
        deliveries: AtomicU32::new(0),
    });
    let lane = Lane {
        name: lane(),
        queue: Arc::clone(&unyielding) as Arc<dyn Queue>,
        dead_letters: None,
        receivers: 1,
    };
    let short = Config {
        visibility: Duration::from_secs(2),
        ..config()
    };
    let store = sqs.world.store().await;
    let registry = Registry::new().register(Gate(gates.clone()));
    let running = sqs
        .world
        .run(sqs.world.worker_with(&store, registry, short, |_| lane));
    let id = sqs.world.submit(job("test.gate", &json!(null), 5)).await;
    gates.until_begun(1).await;
    // The message comes again, because nobody can hide it; once, or SQS would take it for a poison message one day.
    eventually("another delivery", PATIENCE, async || {
        (unyielding.deliveries.load(Ordering::SeqCst) >= 2).then_some(())
    })
    .await;
    sqs.until_depth("0", "0").await;
    assert!(unyielding.refusals.load(Ordering::SeqCst) > 0);
    let held = sqs.world.job(id).await;
    assert_eq!((held.state, held.attempt), (JobState::Running, 1));
    assert_eq!(gates.begun.load(Ordering::SeqCst), 1);
    gates.open.add_permits(1);
    let ended = sqs.world.until(id, JobState::Succeeded).await;
    assert_eq!(ended.attempt, 1);
    sqs.until_depth("0", "0").await;
    running.drain().await;
    sqs.delete().await;
}

#[tokio::test]
async fn a_cancel_whose_signal_is_lost_is_heard_with_the_next_heartbeat() {
    let world = World::new().await;
    // As often as in production.
    let usual = Config {
        heartbeat: Config::default().heartbeat,
        lease: Config::default().lease,
        ..config()
    };
    let running = world.run(world.worker_on(&world.store().await, test_handlers(), usual));
    let id = world.submit(job("test.sleep", &json!({"ms": 600_000}), 5)).await;
    world.until(id, JobState::Running).await;
    // Not through the api, which would signal it.
    world.sql("update job set cancel_requested_at = now()").await;
    let asked_at = Instant::now();
    world.until(id, JobState::Cancelled).await;
    let after = asked_at.elapsed();
    tell(&format!("a cancel without a signal took {after:.1?}"));
    // A beat comes within ten seconds, and the one after it not before sixteen have gone by.
    assert!(after < Duration::from_secs(15), "{after:?}");
    running.drain().await;
}

#[expect(clippy::print_stderr, reason = "figures are for people")]
fn tell(figures: &str) {
    eprintln!("measured: {figures}");
}
