//! The database goes away for a while.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::JobState;
use queue::postgres::PostgresQueue;
use queue::{Delivery, EntryFailure, Envelope, Queue, Receipt, Receive};
use serde_json::json;
use sqlx::Connection as _;
use testkit::eventually;
use tokio::sync::Notify;
use worker::{Config, Lane, Registry, StepOutcome};

use crate::handlers::{Gate, Gates};
use crate::proxy::Proxy;
use crate::world::{PATIENCE, World, config, job, lane, store_at, store_within, test_handlers};

/// How long a worker waits for a connection, as in production.
const SOON: Duration = Duration::from_secs(2);

#[tokio::test]
async fn an_outcome_waits_for_the_database_within_the_lease() {
    let world = World::new().await;
    let proxy = Proxy::to(&world.db.url()).await;
    let gates = Gates::new();
    let store = store_within(&proxy.url, SOON).await;
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
        // Short enough to end while the test waits, and longer than a busy machine stands still.
        lease: Duration::from_secs(8),
        ..config()
    };
    let store = store_within(&proxy.url, SOON).await;
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

#[tokio::test]
async fn an_outcome_whose_answer_was_lost_is_recorded_and_no_lost_lease() {
    let world = World::new().await;
    let proxy = Proxy::to(&world.db.url()).await;
    let worker = world.worker_on(&store_at(&proxy.url).await, test_handlers(), config());
    let id = world.submit(job("test.echo", &json!(null), 1)).await;
    // The statement has the claim's row and waits for the test before its commit.
    let mut stalling = world.db.superuser().await;
    let stall = "create function wait_for_test() returns trigger language plpgsql security definer as $$
                 begin perform pg_advisory_xact_lock_shared(1); return null; end $$;
                 create trigger stall after insert on attempt for each row execute function wait_for_test();
                 select pg_advisory_lock(1)";
    sqlx::raw_sql(stall).execute(&mut stalling).await.unwrap();
    let losing = async {
        let waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        let until_waiting = async |statements: i64| {
            eventually("statements wait", PATIENCE, async || {
                (world.count(waiting).await == statements).then_some(())
            })
            .await;
        };
        until_waiting(1).await;
        proxy.cut();
        // The proxy's tasks, which share this thread, end the connections.
        tokio::task::yield_now().await;
        proxy.mend();
        // The same outcome again, behind the first one.
        until_waiting(2).await;
        stalling.close().await.unwrap();
    };
    let lane = lane();
    let (outcomes, ()) = tokio::join!(worker.run_once(&lane, 1), losing);
    let ended = StepOutcome::Ended {
        job_id: id,
        attempt: 1,
        state: JobState::Succeeded,
    };
    assert_eq!(outcomes.unwrap(), [ended]);
}

/// A queue after whose first delivery the database is away.
#[derive(Debug)]
struct LastWord {
    queue: PostgresQueue,
    proxy: Arc<Proxy>,
    said: Arc<Notify>,
}

#[async_trait]
impl Queue for LastWord {
    async fn send(&self, envelopes: &[Envelope]) -> Result<Vec<EntryFailure>, queue::Error> {
        self.queue.send(envelopes).await
    }

    async fn receive(&self, receive: Receive) -> Result<Vec<Delivery>, queue::Error> {
        let deliveries = self.queue.receive(receive).await?;
        if !deliveries.is_empty() {
            self.proxy.cut();
            // The proxy's tasks, which share this thread, end the connections before anybody uses them.
            tokio::task::yield_now().await;
            self.said.notify_one();
        }
        Ok(deliveries)
    }

    async fn extend(
        &self,
        receipts: &[Receipt],
        visibility: Duration,
    ) -> Result<Vec<EntryFailure>, queue::Error> {
        self.queue.extend(receipts, visibility).await
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
        true
    }
}

#[tokio::test]
async fn jobs_that_were_received_before_an_outage_are_claimed_right_after_it() {
    let world = World::new().await;
    let proxy = Arc::new(Proxy::to(&world.db.url()).await);
    let said = Arc::<Notify>::default();
    let store = store_within(&proxy.url, SOON).await;
    // Nobody else gets the message while this test runs.
    let config = Config {
        visibility: Duration::from_hours(1),
        ..config()
    };
    let running = world.run(
        world.worker_with(&store, test_handlers(), config, |listener| Lane {
            name: lane(),
            queue: Arc::new(LastWord {
                queue: PostgresQueue::new(store.pool().clone(), lane(), listener.clone()),
                proxy: Arc::clone(&proxy),
                said: Arc::clone(&said),
            }),
            dead_letters: None,
            receivers: 1,
        }),
    );
    let id = world.submit(job("test.echo", &json!(null), 1)).await;
    said.notified().await;
    assert_eq!(world.job(id).await.state, JobState::Queued);
    proxy.mend();
    let job = world.until(id, JobState::Succeeded).await;
    assert_eq!(job.attempt, 1);
    running.drain().await;
}
