//! One delivery and the answer to its claim: what is done about the job and about the message.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{JobId, JobState};
use queue::{Delivery, Receipt};
use store::Claim;
use tokio::sync::OwnedSemaphorePermit;

use crate::consumer::Consumer;
use crate::places::Place;
use crate::running::Claiming;
use crate::slot::Slot;
use crate::started::Ticket;

/// How soon a message comes again whose job could not be started just now.
const SOON: Duration = Duration::from_secs(1);

/// What one delivery came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StepOutcome {
    /// The job was started, and the attempt's end is recorded: the job is in this state now.
    Ended {
        /// The job.
        job_id: JobId,
        /// The attempt.
        attempt: u32,
        /// Where it stands.
        state: JobState,
    },
    /// The job was started, but the attempt was not this worker's any more when it ended: nothing is recorded.
    LeaseLost {
        /// The job.
        job_id: JobId,
        /// The attempt.
        attempt: u32,
    },
    /// The job was started, but this process had to end before the database took the outcome: the lease runs out.
    GivenUp {
        /// The job.
        job_id: JobId,
        /// The attempt.
        attempt: u32,
    },
    /// The job had ended before.
    Finished(JobState),
    /// Another attempt holds a lease.
    Held {
        /// Until then, unless it is renewed.
        until: DateTime<Utc>,
    },
    /// The job is due later.
    NotDue {
        /// Then.
        run_at: DateTime<Utc>,
    },
    /// The job's lane is paused.
    Paused,
    /// The job's tenant runs all that it may.
    OverLimit,
    /// The job could not be started just now.
    NotStarted,
    /// The message of a dead letter was moved back: its job is queued again.
    Revived,
    /// The message of a dead letter was moved back, but somebody had decided about the job before.
    Stale,
    /// There is no such job.
    Unknown,
    /// The message is not one of ours.
    Unreadable,
}

/// A delivery, with the right to run its job.
#[derive(Debug)]
pub struct Received {
    pub(crate) delivery: Delivery,
    pub(crate) slot: OwnedSemaphorePermit,
    /// From the claim on that starts it.
    pub(crate) place: Option<Place>,
    pub(crate) claiming: Claiming,
}

impl Consumer {
    /// Does what the answer to a claim asks for. Returns when the job's attempt is recorded, or at once when there is
    /// none. A message is deleted only after the outcome it stands for is committed.
    pub async fn step(&self, received: Received, claim: Claim) -> StepOutcome {
        let Received {
            delivery,
            slot,
            place,
            claiming,
        } = received;
        let receipt = delivery.receipt;
        let claims = &self.shared.meters.claims;
        match claim {
            Claim::Started(started) => {
                claims.started.increment(1);
                let entry = self.enter(&started, claiming);
                let slot = Slot {
                    _permit: slot,
                    _place: place,
                };
                let ticket = Ticket { receipt, slot, entry };
                self.run_started(*started, ticket).await
            }
            Claim::StartedUnreadable(unreadable) => {
                claims.started.increment(1);
                let outcome = self.fail_unreadable(unreadable, receipt).await;
                drop((slot, claiming));
                outcome
            }
            Claim::Finished(state) => {
                claims.finished.increment(1);
                self.messages.delete(receipt);
                StepOutcome::Finished(state)
            }
            Claim::Held { until } => {
                claims.held.increment(1);
                // However that attempt ends, what follows announces itself. Kept, this message would come again and
                // again beside a long job, until SQS took it for a poison message.
                self.messages.delete(receipt);
                StepOutcome::Held { until }
            }
            Claim::NotDue { run_at } => {
                claims.not_due.increment(1);
                self.messages.delete(receipt);
                StepOutcome::NotDue { run_at }
            }
            Claim::Paused => {
                claims.paused.increment(1);
                self.delete_beside_outbox(receipt);
                StepOutcome::Paused
            }
            Claim::OverLimit => {
                claims.over_limit.increment(1);
                self.delete_beside_outbox(receipt);
                StepOutcome::OverLimit
            }
            Claim::NotStarted => {
                claims.not_started.increment(1);
                self.not_started(receipt)
            }
            Claim::Unreadable { what } => {
                claims.not_started.increment(1);
                tracing::error!(error = what, queue = %self.lane.name, "a message names a job that can't be read");
                // Its state is one that a newer version knows, so it is not queued. When it is, it is announced anew.
                self.messages.delete(receipt);
                StepOutcome::NotStarted
            }
            Claim::Unknown => {
                claims.unknown.increment(1);
                let job_id = delivery.message.ok().map(|message| message.job_id.to_string());
                tracing::warn!(job.id = job_id, queue = %self.lane.name, "a message names a job that does not exist");
                self.messages.delete(receipt);
                StepOutcome::Unknown
            }
        }
    }

    /// Deletes the message of a job that waits in the outbox; not where the outbox' row is the message.
    fn delete_beside_outbox(&self, receipt: Receipt) {
        if self.hidden.is_some() {
            self.messages.delete(receipt);
        }
    }

    /// Has a message delivered again soon.
    pub(crate) fn not_started(&self, receipt: Receipt) -> StepOutcome {
        self.messages.delay(receipt, SOON);
        StepOutcome::NotStarted
    }

    /// Gets rid of what is no message of ours, or it would come again for ever.
    pub(crate) fn unreadable(&self, unreadable: &queue::Unreadable, receipt: Receipt) -> StepOutcome {
        self.shared.meters.unreadable.increment(1);
        tracing::warn!(error = %unreadable, queue = %self.lane.name, "a message is not ours to read, deleting it");
        self.messages.delete(receipt);
        StepOutcome::Unreadable
    }
}
