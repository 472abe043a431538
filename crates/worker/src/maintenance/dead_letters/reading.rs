//! One reading of a dead-letter queue.

use std::collections::HashSet;
use std::time::Duration;

use domain::JobId;
use queue::{Delivery, Receipt, Receive};
use runtime::metric;
use store::Store;
use tokio::time::{Instant, timeout_at};

use super::verdict::{Reason, Verdict, judge};
use super::{DeadLetterQueue, PATIENCE};
use crate::config::DeadLetterConfig;
use crate::error::{Error, within};

/// As many as SQS gives at once.
const MAX_BATCH: usize = 10;
/// How long a receive looks for more messages. Long enough for SQS to ask all its servers; nothing then is the end.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// What there was.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The jobs whose messages are there, rightly.
    pub(super) kept: HashSet<JobId>,
    /// How many messages were deleted.
    pub(super) deleted: u64,
    /// Whether nothing is left that was not read.
    pub(super) complete: bool,
    /// Hidden at this moment, and to be shown again.
    hidden: Vec<Receipt>,
}

/// Reads one queue.
pub(super) struct Reader<'a> {
    pub(super) store: &'a Store,
    pub(super) source: &'a DeadLetterQueue,
    pub(super) config: &'a DeadLetterConfig,
}

impl Reader<'_> {
    /// Reads as much as may be read at once, deletes what does not belong there, and shows the rest again.
    pub(super) async fn read(&self) -> Result<Reading, Error> {
        let mut reading = Reading::default();
        let read = self.read_into(&mut reading).await;
        self.show_again(&reading.hidden).await;
        reading.complete = read?;
        Ok(reading)
    }

    /// Answers whether nothing is left.
    async fn read_into(&self, reading: &mut Reading) -> Result<bool, Error> {
        // What was read first is hidden for twice as long: so a message that comes twice is there twice.
        let deadline = Instant::now() + self.config.visibility / 2;
        let receive = Receive {
            max: MAX_BATCH,
            wait: LAST_LOOK,
            visibility: self.config.visibility,
        };
        let mut messages = 0;
        while messages < self.config.most_messages {
            let Ok(received) = timeout_at(deadline, self.source.queue.receive(receive)).await else {
                return Ok(false);
            };
            let deliveries = received?;
            if deliveries.is_empty() {
                return Ok(true);
            }
            messages += deliveries.len();
            self.settle(deliveries, reading).await?;
        }
        Ok(false)
    }

    /// Keeps or deletes each message.
    async fn settle(&self, deliveries: Vec<Delivery>, reading: &mut Reading) -> Result<(), Error> {
        let readable = deliveries
            .iter()
            .filter_map(|delivery| delivery.message.as_ref().ok());
        let ids: Vec<JobId> = readable.map(|message| message.job_id).collect();
        let rows = match within(PATIENCE, self.store.dead_letters_among(&ids)).await {
            Ok(rows) => rows,
            Err(error) => {
                let receipts = deliveries.into_iter().map(|delivery| delivery.receipt);
                reading.hidden.extend(receipts);
                return Err(error);
            }
        };
        let mut deletes = Vec::new();
        for delivery in deliveries {
            let job_id = delivery.message.as_ref().ok().map(|message| message.job_id);
            let row = job_id.and_then(|id| rows.get(&id).copied());
            let kept = job_id.is_some_and(|id| reading.kept.contains(&id));
            match judge(&delivery.message, row, kept) {
                Verdict::Keep => {
                    reading.kept.extend(job_id);
                    reading.hidden.push(delivery.receipt);
                }
                Verdict::Delete(reason) => {
                    self.tell(reason, &delivery);
                    deletes.push(delivery.receipt);
                }
            }
        }
        reading.deleted += self.delete(&deletes).await?;
        Ok(())
    }

    fn tell(&self, reason: Reason, delivery: &Delivery) {
        metric::DEAD_LETTER_MESSAGES
            .with([reason.action().into()])
            .increment(1);
        let queue = &self.source.lane;
        match &delivery.message {
            Ok(message) => {
                tracing::debug!(job.id = %message.job_id, %queue, action = reason.action(), "a message does not belong in the dead-letter queue");
            }
            Err(unreadable) => {
                tracing::warn!(error = %unreadable, %queue, "a message in the dead-letter queue is not ours to read, deleting it");
            }
        }
    }

    /// Answers how many were. Those that were not are found by the next reading.
    async fn delete(&self, receipts: &[Receipt]) -> Result<u64, Error> {
        let failures = within(PATIENCE, self.source.queue.delete(receipts)).await?;
        Ok((receipts.len() - failures.len()) as u64)
    }

    /// What can't be shown now, shows itself when its visibility ends.
    async fn show_again(&self, receipts: &[Receipt]) {
        if let Err(error) = within(PATIENCE, self.source.queue.extend(receipts, Duration::ZERO)).await {
            tracing::warn!(error.chain = %runtime::error_chain(&error), queue = %self.source.lane, "messages of dead letters stay hidden for a while");
        }
    }
}
