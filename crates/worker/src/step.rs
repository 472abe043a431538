//! One delivery and the answer to its claim: what is done about the job and about the message.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{Event, Finish, JobId, JobState, Lease, Outcome, StartedJob};
use queue::{Delivery, Receipt};
use store::{Claim, Ending};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::attempt::Attempt;
use crate::consumer::Consumer;
use crate::finisher::Recorded;
use crate::handler::JobScope;
use crate::meters::recorded_event;
use crate::running::Stop;

/// How soon a message comes again whose job could not be started just now.
const SOON: Duration = Duration::from_secs(1);
/// The longest that a message waits for the end of another attempt's lease.
const LONGEST_HOLD: Duration = Duration::from_secs(15 * 60);

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
    /// The job could not be started just now.
    NotStarted,
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
}

impl Consumer {
    /// Does what the answer to a claim asks for. Returns when the job's attempt is recorded, or at once when there is
    /// none. A message is deleted only after the outcome it stands for is committed.
    pub async fn step(&self, received: Received, claim: Claim) -> StepOutcome {
        let Received { delivery, slot } = received;
        let receipt = delivery.receipt;
        let claims = &self.shared.meters.claims;
        match claim {
            Claim::Started(started) => {
                claims.started.increment(1);
                self.run_started(*started, receipt, slot).await
            }
            Claim::Finished(state) => {
                claims.finished.increment(1);
                self.messages.delete(receipt);
                StepOutcome::Finished(state)
            }
            Claim::Held { until } => {
                claims.held.increment(1);
                let wait = (until - runtime::clock::now()).to_std().unwrap_or_default();
                self.messages.delay(receipt, wait.clamp(SOON, LONGEST_HOLD));
                StepOutcome::Held { until }
            }
            Claim::NotDue { run_at } => {
                claims.not_due.increment(1);
                self.messages.delete(receipt);
                StepOutcome::NotDue { run_at }
            }
            Claim::NotStarted => {
                claims.not_started.increment(1);
                self.not_started(receipt)
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

    async fn run_started(
        &self,
        job: StartedJob,
        receipt: Receipt,
        slot: OwnedSemaphorePermit,
    ) -> StepOutcome {
        self.shared.meters.pickup.record(job.waited);
        let span = tracing::info_span!(
            "job",
            job.id = %job.lease.job_id,
            job.kind = job.kind.as_str(),
            attempt = job.lease.attempt,
            tenant.id = %job.tenant_id,
            request.id = job.request_id.as_deref(),
            trace.id = job.traceparent.as_deref().and_then(trace_id),
        );
        self.run_to_end(job, receipt, slot).instrument(span).await
    }

    async fn run_to_end(&self, job: StartedJob, receipt: Receipt, slot: OwnedSemaphorePermit) -> StepOutcome {
        let shared = &self.shared;
        let (job_id, attempt) = (job.lease.job_id, job.lease.attempt);
        let entry = shared.running.enter(&job.lease);
        // Whoever takes the identity away stops all entries after it: one of both sees the other.
        if shared.identity.current() != Some(job.lease.worker_id) {
            entry.control().stop(Stop::LeaseLost);
        }
        let hidden = self.hidden.as_ref().map(|hidden| hidden.keep(receipt.clone()));

        let began = Instant::now();
        let (policy, spent, timeout) = (job.policy, job.spent, job.timeout);
        let work = Attempt {
            handlers: &shared.handlers,
            control: entry.control(),
            timeout,
            stop_grace: shared.config.stop_grace,
        };
        let meters = shared.handlers.meters(&job.kind);
        let (lease, payload, scope) = scope_of(job, began, entry.control());
        let outcome = work.run(payload, scope).await;
        let took = began.elapsed();
        meters.duration.record(took);
        let Some(outcome) = outcome else {
            shared.meters.lease_lost.increment(1);
            tracing::warn!(
                duration_ms = took.as_millis(),
                "the lease was lost, the handler is stopped"
            );
            return StepOutcome::LeaseLost { job_id, attempt };
        };

        let released = matches!(outcome, Outcome::Released);
        let finish = Finish::decide(outcome, &policy, spent, runtime::random::jitter());
        let told = Told::of(&finish);
        let reply = shared.finisher.hand_over(Ending { lease, finish }).await;
        // Who waits for a slot need not wait for the database as well; the finisher bounds what waits for that.
        drop(slot);
        let recorded = reply.await.unwrap_or(Recorded::GivenUp);
        drop(hidden);
        match recorded {
            Recorded::As(state) => {
                let event = recorded_event(told.event, state);
                meters.ended(event);
                shared.meters.recorded.increment(1);
                told.log(event, took);
                self.after_record(state, released, receipt);
                StepOutcome::Ended {
                    job_id,
                    attempt,
                    state,
                }
            }
            Recorded::LeaseLost => {
                shared.meters.lease_lost.increment(1);
                tracing::warn!(
                    decided = %told.event, duration_ms = took.as_millis(),
                    "the outcome came after the lease was lost and is not recorded"
                );
                StepOutcome::LeaseLost { job_id, attempt }
            }
            Recorded::GivenUp => {
                tracing::error!(decided = %told.event, "the outcome could not be recorded, the job will start again");
                StepOutcome::GivenUp { job_id, attempt }
            }
        }
    }

    /// The outcome is committed: the message has done its work, unless the job is handed back.
    fn after_record(&self, state: JobState, released: bool, receipt: Receipt) {
        if state == JobState::Queued {
            self.shared.bell.ring(&self.lane.name);
        }
        // On the outbox the claim has consumed the message already.
        if self.hidden.is_some() {
            if released && state == JobState::Queued {
                self.messages.delay(receipt, Duration::ZERO);
            } else {
                self.messages.delete(receipt);
            }
        }
    }
}

/// Takes a started job apart: the right to finish it, what the handler takes, and what it may want to know.
fn scope_of(
    job: StartedJob,
    began: Instant,
    control: &crate::running::Control,
) -> (Lease, Box<serde_json::value::RawValue>, JobScope) {
    let scope = JobScope {
        job_id: job.lease.job_id,
        tenant_id: job.tenant_id,
        kind: job.kind,
        queue: job.queue,
        attempt: job.lease.attempt,
        spent: job.spent,
        max_attempts: job.policy.max_attempts,
        created_at: job.created_at,
        deadline: began + job.timeout,
        cancelled: control.told().clone(),
        traceparent: job.traceparent,
        request_id: job.request_id,
    };
    (job.lease, job.payload, scope)
}

/// What the log tells of an attempt's end.
struct Told {
    event: Event,
    error: Option<String>,
    wait: Duration,
}

impl Told {
    fn of(finish: &Finish) -> Self {
        let error = finish.failure.as_ref();
        Self {
            event: finish.event,
            error: error.map(|failure| format!("{}: {}", failure.code.as_str(), failure.message)),
            wait: finish.wait,
        }
    }

    /// The one line per attempt.
    fn log(&self, event: Event, took: Duration) {
        let (outcome, duration_ms) = (event.as_str(), took.as_secs_f64() * 1_000.0);
        match (&self.error, event) {
            (None, _) => tracing::info!(outcome, duration_ms, "attempt ended"),
            (Some(error), Event::RetryScheduled) => {
                let retry_in_ms = self.wait.as_millis();
                tracing::warn!(outcome, duration_ms, error, retry_in_ms, "attempt failed");
            }
            (Some(error), _) => tracing::warn!(outcome, duration_ms, error, "attempt failed"),
        }
    }
}

/// The trace's id in a W3C `traceparent`: `00-<32 hex digits>-<16 hex digits>-01`.
fn trace_id(traceparent: &str) -> Option<&str> {
    let id = traceparent.split('-').nth(1)?;
    (id.len() == 32).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_traces_id_is_the_second_part() {
        let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(trace_id(traceparent), Some("0af7651916cd43dd8448eb211c80319c"));
        assert_eq!(trace_id("nonsense"), None);
    }
}
