//! Compares a dead-letter queue with the rows, and corrects the queue.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::{JobId, QueueName};
use runtime::metric;
use store::Store;
use tokio::time::Instant;

use super::reading::{Reader, Reading};
use super::{DeadLetterQueue, PATIENCE};
use crate::config::DeadLetterConfig;
use crate::error::{Error, within};
use crate::maintenance::pass::{Counts, Pass};

/// See the module.
pub(super) struct Reconcile {
    store: Store,
    source: DeadLetterQueue,
    config: DeadLetterConfig,
    /// When the queue was last read.
    read_at: Mutex<Option<Instant>>,
}

#[async_trait]
impl Pass for Reconcile {
    fn name(&self) -> &'static str {
        "reconcile_dead_letters"
    }

    fn interval(&self) -> Duration {
        self.config.reconcile
    }

    /// To read, and to ask before and afterwards.
    fn time_limit(&self) -> Duration {
        self.config.visibility + PATIENCE * 4
    }

    async fn run_once(&self, limit: i32) -> Result<Counts, Error> {
        let changed = self.reconcile(limit).await?;
        Ok(Counts {
            changed,
            ..Counts::default()
        })
    }

    fn resigned(&self) {
        tell(&self.source.lane, 0, 0);
    }
}

impl Reconcile {
    pub(super) fn new(store: Store, source: DeadLetterQueue, config: DeadLetterConfig) -> Self {
        Self {
            store,
            source,
            config,
            read_at: Mutex::default(),
        }
    }

    /// Answers how many messages were deleted or will be sent again.
    async fn reconcile(&self, limit: i32) -> Result<u64, Error> {
        let source = &self.source;
        let depth = within(PATIENCE, source.queue.depth()).await?;
        let announced = within(PATIENCE, self.store.count_announced_dead_letters(&source.lane)).await?;
        tell(&source.lane, announced, depth);
        let began = Instant::now();
        if depth == announced && !self.is_due(began) {
            return Ok(0);
        }
        let reader = Reader {
            store: &self.store,
            source,
            config: &self.config,
        };
        let reading = reader.read().await?;
        let missing = if reading.complete {
            let age = began.elapsed() + self.config.settled;
            self.announce_again(&reading, age, limit).await?
        } else {
            tracing::info!(queue = %source.lane, depth, "the dead-letter queue was not read to its end");
            0
        };
        *self.read_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(began);
        count("kept", reading.kept.len() as u64);
        count("announced_again", missing);
        let deleted = reading.deleted;
        if deleted + missing > 0 {
            tracing::info!(queue = %source.lane, kept = reading.kept.len(), deleted, missing, "the dead-letter queue was corrected");
        }
        Ok(deleted + missing)
    }

    /// Whether the queue is read even if its depth is right: one message too many may hide one that is missing.
    fn is_due(&self, now: Instant) -> bool {
        let read_at = *self.read_at.lock().unwrap_or_else(PoisonError::into_inner);
        read_at.is_none_or(|read_at| now - read_at >= self.config.read_anyway)
    }

    async fn announce_again(&self, reading: &Reading, age: Duration, limit: i32) -> Result<u64, Error> {
        let kept: Vec<JobId> = reading.kept.iter().copied().collect();
        let missing = self
            .store
            .owe_unseen_dead_letters(&self.source.lane, &kept, age, limit.into());
        within(PATIENCE, missing).await
    }
}

fn tell(lane: &QueueName, announced: u64, depth: u64) {
    let label = || [lane.to_string().into()];
    metric::ANNOUNCED_DEAD_LETTERS.with(label()).set(announced as f64);
    metric::DEAD_LETTER_QUEUE_DEPTH.with(label()).set(depth as f64);
}

fn count(action: &'static str, messages: u64) {
    metric::DEAD_LETTER_MESSAGES
        .with([action.into()])
        .increment(messages);
}
