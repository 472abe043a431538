//! Dead letters that somebody moved back from the dead-letter queue to their lane's queue, on AWS' console for instance.

use std::time::Duration;

use domain::JobId;
use queue::Receipt;
use runtime::metric;
use tokio::sync::OwnedSemaphorePermit;

use crate::consumer::Consumer;
use crate::error::within;
use crate::step::StepOutcome;

/// How long the database may take; longer than Postgres itself lets it.
const PATIENCE: Duration = Duration::from_secs(15);

/// A message that was moved back, with a slot: so there are never more of them at work than jobs may run.
#[derive(Debug)]
pub(crate) struct Redriven {
    pub(crate) job_id: JobId,
    /// The attempt after which the job became a dead letter.
    pub(crate) attempt: u32,
    pub(crate) receipt: Receipt,
    pub(crate) slot: OwnedSemaphorePermit,
}

impl Consumer {
    /// Queues the job again, if it is still a dead letter since this attempt, and deletes the message once that is
    /// committed. The message starts nothing itself: the job has a doorbell of its own from now on.
    pub(crate) async fn revive(&self, redriven: Redriven) -> StepOutcome {
        let Redriven {
            job_id,
            attempt,
            receipt,
            slot: _slot,
        } = redriven;
        let queue = &self.lane.name;
        match within(PATIENCE, self.shared.store.revive(job_id, attempt)).await {
            Ok(true) => {
                metric::REDRIVEN_MESSAGES.with(["revived".into()]).increment(1);
                tracing::info!(job.id = %job_id, attempt, %queue, "a dead letter was moved back, its job is queued again");
                self.shared.bell.ring(queue);
                self.messages.delete(receipt);
                StepOutcome::Revived
            }
            Ok(false) => {
                metric::REDRIVEN_MESSAGES.with(["stale".into()]).increment(1);
                tracing::info!(job.id = %job_id, attempt, %queue, "a message was moved back whose dead letter is no more");
                self.messages.delete(receipt);
                StepOutcome::Stale
            }
            Err(error) => {
                tracing::warn!(error.chain = %runtime::error_chain(&error), job.id = %job_id, %queue, "a dead letter is not queued again yet");
                self.not_started(receipt)
            }
        }
    }
}
