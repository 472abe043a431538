//! The whole path over SQS.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::{JobId, JobState};
use queue::sqs::SqsQueue;
use queue::{Delivery, EntryFailure, Envelope, Queue, Receipt, Receive};
use serde_json::json;
use testkit::eventually;
use tokio::time::timeout;
use worker::{Dispatched, Lane, Registry, StepOutcome};

use crate::handlers::{Gate, Gates};
use crate::sqs_world::SqsWorld;
use crate::world::{PATIENCE, config, job, lane, random, states, test_handlers};

#[tokio::test]
async fn jobs_are_announced_run_and_their_messages_deleted() {
    let sqs = SqsWorld::new().await;
    let running = sqs.world.run(sqs.worker(test_handlers(), config()).await);
    let jobs = (0..25)
        .map(|number| job("test.echo", &json!(number), 1))
        .collect();
    for id in sqs.world.submit_all(jobs).await {
        assert_eq!(sqs.world.until(id, JobState::Succeeded).await.attempt, 1);
    }
    sqs.until_depth("0", "0").await;
    running.drain().await;
    sqs.delete().await;
}

#[tokio::test]
async fn a_message_stays_until_the_outcome_is_committed() {
    let sqs = SqsWorld::new().await;
    let gates = Gates::new();
    let worker = sqs
        .worker(Registry::new().register(Gate(gates.clone())), config())
        .await;
    let running = sqs.world.run(worker);
    let id = sqs.world.submit(job("test.gate", &json!(null), 1)).await;
    gates.until_begun(1).await;
    sqs.until_depth("0", "1").await;
    // Nothing of the job is recorded yet, and somebody holds up what would record it.
    let mut blocker = sqs.world.db.superuser().await;
    let lock = "begin; lock table attempt in access exclusive mode";
    sqlx::raw_sql(lock).execute(&mut blocker).await.unwrap();
    gates.open.add_permits(1);
    eventually("the handler has ended", PATIENCE, async || {
        (gates.open.available_permits() == 0).then_some(())
    })
    .await;
    eventually("the statement waits", PATIENCE, async || {
        let waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        (sqs.world.count(waiting).await == 1).then_some(())
    })
    .await;
    assert_eq!(sqs.depth().await, ("0".to_owned(), "1".to_owned()));

    sqlx::raw_sql("rollback").execute(&mut blocker).await.unwrap();
    sqs.world.until(id, JobState::Succeeded).await;
    sqs.until_depth("0", "0").await;
    running.drain().await;
    sqs.delete().await;
}

#[tokio::test]
async fn a_message_that_comes_twice_starts_one_attempt() {
    let sqs = SqsWorld::new().await;
    let worker = sqs.worker(test_handlers(), config()).await;
    let id = sqs.world.submit(job("test.echo", &json!(null), 1)).await;
    sqs.send(id).await;
    sqs.send(id).await;
    let mut outcomes = Vec::new();
    while outcomes.len() < 2 {
        outcomes.extend(worker.run_once(&lane(), 1).await.unwrap());
    }
    assert_eq!(states(&outcomes[..1]), [JobState::Succeeded]);
    assert_eq!(outcomes[1], StepOutcome::Finished(JobState::Succeeded));
    sqs.until_depth("0", "0").await;
    assert_eq!(sqs.world.attempts(id).await.len(), 1);
    sqs.delete().await;
}

#[tokio::test]
async fn what_is_no_message_of_ours_is_deleted() {
    let sqs = SqsWorld::new().await;
    let worker = sqs.worker(test_handlers(), config()).await;
    sqs.client
        .send_message()
        .queue_url(&sqs.url)
        .message_body("<hello/>")
        .send()
        .await
        .unwrap();
    assert_eq!(
        worker.run_once(&lane(), 1).await.unwrap(),
        [StepOutcome::Unreadable]
    );
    sqs.until_depth("0", "0").await;
    sqs.send(JobId(random())).await;
    assert_eq!(worker.run_once(&lane(), 1).await.unwrap(), [StepOutcome::Unknown]);
    sqs.until_depth("0", "0").await;
    sqs.delete().await;
}

#[tokio::test]
async fn a_job_that_is_handed_back_can_be_taken_at_once() {
    let sqs = SqsWorld::new().await;
    let gates = Gates::new();
    let worker = sqs
        .worker(Registry::new().register(Gate(gates.clone())), config())
        .await;
    let running = sqs.world.run(worker);
    let id = sqs.world.submit(job("test.gate", &json!(null), 1)).await;
    gates.until_begun(1).await;
    running.shutdown.begin();
    running.shutdown.abort().cancel();
    let drained = timeout(PATIENCE, running.drained).await.unwrap().unwrap();
    assert_eq!(drained.abandoned, 0);
    // The message itself, not a new one: nobody dispatches any more.
    let receive = Receive {
        max: 1,
        wait: Duration::from_secs(2),
        visibility: Duration::ZERO,
    };
    let delivery = sqs.queue().receive(receive).await.unwrap().remove(0);
    assert_eq!(delivery.message.unwrap().job_id, id);
    assert!(delivery.receive_count > 1);

    let next = sqs
        .worker(Registry::new().register(Gate(gates.clone())), config())
        .await;
    gates.open.add_permits(1);
    let outcomes = next.run_once(&lane(), 1).await.unwrap();
    assert_eq!(states(&outcomes), [JobState::Succeeded]);
    assert_eq!(sqs.world.job(id).await.attempts_spent, 1);
    sqs.delete().await;
}

/// How long [`Lenient`] hides.
const LENIENT: Duration = Duration::from_secs(10);

/// A queue that hides for longer than it is told to, so that a renewal may be late, as on a busy machine it is; one that
/// does not come at all still shows the message.
#[derive(Debug)]
struct Lenient {
    queue: SqsQueue,
    deliveries: AtomicUsize,
    extensions: AtomicUsize,
}

#[async_trait]
impl Queue for Lenient {
    async fn send(&self, envelopes: &[Envelope]) -> Result<Vec<EntryFailure>, queue::Error> {
        self.queue.send(envelopes).await
    }

    async fn receive(&self, receive: Receive) -> Result<Vec<Delivery>, queue::Error> {
        let visibility = LENIENT;
        let deliveries = self
            .queue
            .receive(Receive {
                visibility,
                ..receive
            })
            .await?;
        self.deliveries.fetch_add(deliveries.len(), Ordering::SeqCst);
        Ok(deliveries)
    }

    async fn extend(&self, receipts: &[Receipt], _: Duration) -> Result<Vec<EntryFailure>, queue::Error> {
        let failures = self.queue.extend(receipts, LENIENT).await?;
        self.extensions
            .fetch_add(receipts.len() - failures.len(), Ordering::SeqCst);
        Ok(failures)
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
async fn a_message_of_a_long_job_is_kept_hidden() {
    let sqs = SqsWorld::new().await;
    let gates = Gates::new();
    let config = worker::Config {
        visibility: Duration::from_secs(2),
        ..config()
    };
    let lenient = Arc::new(Lenient {
        queue: sqs.queue(),
        deliveries: AtomicUsize::new(0),
        extensions: AtomicUsize::new(0),
    });
    let lane = Lane {
        queue: Arc::clone(&lenient) as Arc<dyn Queue>,
        ..sqs.lane()
    };
    let registry = Registry::new().register(Gate(gates.clone()));
    let running = sqs.world.run(sqs.worker_of(registry, config, vec![lane]).await);
    let id = sqs.world.submit(job("test.gate", &json!(null), 1)).await;
    gates.until_begun(1).await;
    // Longer than it would be hidden: what is waited for here is that nothing happens.
    let receive = Receive {
        max: 1,
        wait: LENIENT + Duration::from_secs(2),
        visibility: Duration::from_secs(30),
    };
    assert!(sqs.queue().receive(receive).await.unwrap().is_empty());
    eventually("it is hidden again and again", PATIENCE, async || {
        (lenient.extensions.load(Ordering::SeqCst) >= 3).then_some(())
    })
    .await;
    assert_eq!(lenient.deliveries.load(Ordering::SeqCst), 1);
    gates.open.add_permits(1);
    sqs.world.until(id, JobState::Succeeded).await;
    sqs.until_depth("0", "0").await;
    running.drain().await;
    sqs.delete().await;
}

#[tokio::test]
async fn a_job_whose_message_was_lost_is_announced_again() {
    let sqs = SqsWorld::new().await;
    let worker = sqs.worker(test_handlers(), config()).await;
    let id = sqs.world.submit(job("test.echo", &json!(null), 1)).await;
    let dispatched = worker.dispatch_once(&lane(), 10).await.unwrap();
    assert_eq!(dispatched, Dispatched { sent: 1, failed: 0 });
    sqs.client.purge_queue().queue_url(&sqs.url).send().await.unwrap();
    sqs.until_depth("0", "0").await;
    // It was announced a moment ago: not again, before its time.
    assert_eq!(
        worker.dispatch_once(&lane(), 10).await.unwrap(),
        Dispatched::default()
    );
    sqs.world.sql("update outbox set visible_at = now()").await;
    assert_eq!(worker.dispatch_once(&lane(), 10).await.unwrap().sent, 1);
    let outcomes = worker.run_once(&lane(), 1).await.unwrap();
    assert_eq!(states(&outcomes), [JobState::Succeeded]);
    assert_eq!(sqs.world.job(id).await.attempt, 1);
    sqs.delete().await;
}

#[tokio::test]
async fn a_worker_with_free_slots_does_not_wait_for_a_message_that_was_lost() {
    let sqs = SqsWorld::new().await;
    let announcer = sqs.worker(test_handlers(), config()).await;
    let id = sqs.world.submit(job("test.echo", &json!(null), 1)).await;
    assert_eq!(announcer.dispatch_once(&lane(), 10).await.unwrap().sent, 1);
    sqs.client.purge_queue().queue_url(&sqs.url).send().await.unwrap();
    sqs.until_depth("0", "0").await;
    sqs.world
        .sql("update outbox set visible_at = now() + interval '1 hour'")
        .await;

    let running = sqs.world.run(sqs.worker(test_handlers(), config()).await);
    sqs.world.until(id, JobState::Succeeded).await;
    assert_eq!(sqs.world.job(id).await.attempt, 1);
    running.drain().await;
    sqs.delete().await;
}

#[tokio::test]
async fn a_job_that_could_not_be_announced_is_tried_again_soon() {
    let sqs = SqsWorld::new().await;
    let worker = sqs.worker(test_handlers(), config()).await;
    sqs.world.submit(job("test.echo", &json!(null), 1)).await;
    sqs.client
        .delete_queue()
        .queue_url(&sqs.url)
        .send()
        .await
        .unwrap();
    assert!(worker.dispatch_once(&lane(), 10).await.is_err());
    let soon =
        "select count(*) from outbox where visible_at <= now() + interval '1 second' and receive_count = 0";
    assert_eq!(sqs.world.count(soon).await, 1);
}
