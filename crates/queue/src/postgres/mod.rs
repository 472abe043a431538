//! The embedded backend: the outbox is the queue.
//!
//! A receiver takes rows of its lane by hiding them until `visible_at`; the claim, in the store, deletes
//! them. On SQS the dispatcher receives in the same way. Rows are usually inserted by the store, in the
//! transaction that makes a job queued; who did so rings the [`Bell`], and a [`Listener`] wakes the
//! receivers. That is a hint for speed only: a receiver also looks when the next hidden row becomes visible,
//! and every few seconds.
//!
//! Receivers are fair: a look takes from one tenant after the other, and the next look goes on where it ended.

mod bell;
mod failure;
mod listener;
mod receipt;
mod rows;
mod take;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::{LaneHolds, QueueName, TenantId};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::message::{self, Delivery, Envelope, Receipt, Receive};
use crate::{EntryFailure, Error, MAX_WAIT, Queue};

pub use bell::{Bell, ring};
pub use listener::{Listener, Wakeups};

/// How long a receiver that hears nothing waits before it looks again: the longest that a lost signal can
/// cost.
const FALLBACK: Duration = Duration::from_secs(5);

/// A lane of the outbox.
#[derive(Clone, Debug)]
pub struct PostgresQueue {
    pool: PgPool,
    lane: QueueName,
    listener: Listener,
    dead_letters: Option<DeadLetters>,
    fallback: Duration,
    holds: Arc<watch::Sender<LaneHolds>>,
    /// The tenant that was served last: the next look begins behind it.
    served: Arc<Mutex<TenantId>>,
}

/// What becomes of a message that nobody deletes.
#[derive(Clone, Debug)]
pub struct DeadLetters {
    /// A message that was received this often moves away when a receiver next looks, instead of being
    /// received again.
    pub max_receives: u32,
    /// The lane it moves to.
    pub lane: QueueName,
}

impl PostgresQueue {
    /// A lane of the outbox that `pool`, whose connections have the role `tandem_worker`, can reach.
    #[must_use]
    pub fn new(pool: PgPool, lane: QueueName, listener: Listener) -> Self {
        Self {
            pool,
            lane,
            listener,
            dead_letters: None,
            fallback: FALLBACK,
            holds: Arc::new(watch::Sender::new(LaneHolds::default())),
            served: Arc::new(Mutex::new(TenantId(uuid::Uuid::nil()))),
        }
    }

    /// Moves messages that were received too often to another lane. The product does not use it: here the
    /// claim consumes the row, so a row is received again only while claims fail, for instance because the
    /// database is in trouble, and that says nothing against its job. Whether a job is given up is decided by
    /// its attempts alone.
    #[must_use]
    pub fn with_dead_letters(self, dead_letters: DeadLetters) -> Self {
        Self {
            dead_letters: Some(dead_letters),
            ..self
        }
    }

    /// Has a receiver that hears nothing wait for so long before it looks again. For tests, which see by it what wakes
    /// receivers, however slow the machine is.
    #[must_use]
    pub fn with_fallback(self, fallback: Duration) -> Self {
        Self { fallback, ..self }
    }

    /// Takes what is visible now, and not held.
    async fn take(&self, receive: &Receive, holds: &LaneHolds) -> Result<take::Taken, Error> {
        if holds.everyone {
            return Ok(take::Taken::default());
        }
        if let Some(dead_letters) = &self.dead_letters {
            rows::move_dead(&self.pool, &self.lane, dead_letters).await?;
        }
        let served = || self.served.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = take::Turn {
            after: *served(),
            holds,
        };
        let taken = take::take(&self.pool, &self.lane, receive, &turn).await?;
        *served() = taken.served;
        Ok(taken)
    }

    /// Tells the lane's receivers in all processes to look. Failing that they look by themselves, so a caller
    /// whose rows were written does not hear of it.
    async fn ring(&self) {
        if let Err(error) = ring(&self.pool, std::slice::from_ref(&self.lane)).await {
            tracing::debug!(error = &error as &dyn std::error::Error, queue = %self.lane, "ringing failed");
        }
    }
}

#[async_trait]
impl Queue for PostgresQueue {
    /// Upserts the jobs' outbox rows in one statement: a job has one message, and sending it again makes it a
    /// new one, whose older receipts are stale.
    async fn send(&self, envelopes: &[Envelope]) -> Result<Vec<EntryFailure>, Error> {
        let (sendable, failures) = message::sendable(envelopes);
        if !sendable.is_empty() {
            rows::upsert(&self.pool, &self.lane, &sendable).await?;
            // Also when all are delayed: those who wait must learn how long.
            self.ring().await;
        }
        Ok(failures)
    }

    async fn receive(&self, receive: Receive) -> Result<Vec<Delivery>, Error> {
        if receive.max == 0 {
            return Ok(Vec::new());
        }
        let deadline = Instant::now() + receive.wait.min(MAX_WAIT);
        // Before the first look, so that no signal falls between a look and the wait.
        let mut wakeups = self.listener.subscribe(&self.lane);
        let mut holds = self.holds.subscribe();
        loop {
            let held = holds.borrow_and_update().clone();
            let taken = self.take(&receive, &held).await?;
            let now = Instant::now();
            if !taken.deliveries.is_empty() || now >= deadline {
                return Ok(taken.deliveries);
            }
            let next_look = now
                + taken
                    .next_visible_in
                    .map_or(self.fallback, |next| next.min(self.fallback));
            let wakeup = async {
                tokio::select! {
                    () = wakeups.wait() => {}
                    // The sender is this queue's own, so it is there.
                    _ = holds.changed() => {}
                }
            };
            let woken = timeout_at(next_look.min(deadline), wakeup).await.is_ok();
            if !woken && deadline <= next_look {
                return Ok(Vec::new());
            }
            tracing::trace!(queue = %self.lane, woken, "looking again");
        }
    }

    async fn extend(&self, receipts: &[Receipt], visibility: Duration) -> Result<Vec<EntryFailure>, Error> {
        if receipts.is_empty() {
            return Ok(Vec::new());
        }
        let failures = rows::extend(&self.pool, &self.lane, receipts, visibility).await?;
        // Those who wait learn of a later moment by themselves, in time.
        if visibility < self.fallback && failures.len() < receipts.len() {
            self.ring().await;
        }
        Ok(failures)
    }

    async fn delete(&self, receipts: &[Receipt]) -> Result<Vec<EntryFailure>, Error> {
        if receipts.is_empty() {
            return Ok(Vec::new());
        }
        rows::delete(&self.pool, &self.lane, receipts).await
    }

    async fn depth(&self) -> Result<u64, Error> {
        rows::count(&self.pool, &self.lane).await
    }

    /// A lane exists by being named, so this tells whether the outbox can be read.
    async fn check(&self) -> Result<(), Error> {
        rows::check(&self.pool, &self.lane).await
    }

    fn hold(&self, holds: &LaneHolds) {
        self.holds.send_if_modified(|held| {
            // Whoever waits need not look because there is less to be had.
            let frees = holds.frees(held);
            held.clone_from(holds);
            frees
        });
    }

    fn is_outbox(&self) -> bool {
        true
    }
}
