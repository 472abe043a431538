//! A job that was started: its handler is run, the outcome recorded, the message cared for, and one line logged.

use std::sync::Arc;
use std::time::Duration;

use domain::{
    Event, Failure, FailureCode, Finish, JobId, JobState, Lease, Outcome, RetryPolicy, Secrets, StartedJob,
};
use queue::Receipt;
use runtime::trace::TraceSpan;
use serde_json::value::RawValue;
use store::{Ending, UnreadableJob};
use tokio::time::Instant;
use tracing::{Instrument as _, Span};

use crate::attempt::Attempt;
use crate::consumer::Consumer;
use crate::finisher::Recorded;
use crate::handler::JobScope;
use crate::meters::recorded_event;
use crate::running::{Claiming, Control, Entry, Stop};
use crate::slot::Slot;
use crate::step::StepOutcome;
use crate::traced;

/// The longest that an attempt may take, whatever its job says: later moments can't be told any more.
const LONGEST_TIMEOUT: Duration = Duration::from_hours(24 * 365);

/// What a started job holds while it runs.
pub(crate) struct Ticket {
    /// Its message.
    pub(crate) receipt: Receipt,
    /// Its share of the concurrency.
    pub(crate) slot: Slot,
    /// Its place among the running attempts.
    pub(crate) entry: Entry,
}

impl Consumer {
    /// Gives a started attempt its place, which takes over from the claim's.
    pub(crate) fn enter(&self, job: &StartedJob, claiming: Claiming) -> Entry {
        let entry = self.shared.running.enter(job);
        drop(claiming);
        // Whoever takes the identity away stops all entries after it: one of both sees the other.
        if self.shared.identity.current() != Some(job.lease.worker_id) {
            entry.control().stop(Stop::LeaseLost);
        }
        entry
    }

    pub(crate) async fn run_started(&self, mut job: StartedJob, ticket: Ticket) -> StepOutcome {
        self.shared.meters.pickup.record(job.waited);
        let trace = traced::begin(&job);
        // What the handler sends goes on from the attempt.
        job.traceparent = trace.traceparent().or(job.traceparent);
        let span = span_of(&job, &trace);
        self.run_to_end(job, ticket, trace).instrument(span).await
    }

    async fn run_to_end(&self, job: StartedJob, ticket: Ticket, trace: TraceSpan) -> StepOutcome {
        let shared = &self.shared;
        let Ticket { receipt, slot, entry } = ticket;
        let slot = Arc::new(slot);
        let hidden = self.hidden.as_ref().map(|hidden| hidden.keep(receipt.clone()));
        let began = Instant::now();
        let (policy, spent, tenant_id) = (job.policy, job.spent, job.tenant_id);
        let meters = shared.handlers.meters(&job.kind);
        let secrets = shared.handlers.secrets(&job);
        let work = Attempt {
            handlers: &shared.handlers,
            control: entry.control(),
            timeout: job.timeout.min(LONGEST_TIMEOUT),
            stop_grace: shared.config.stop_grace,
            slot: Arc::clone(&slot),
        };
        let (lease, payload, scope) = take_apart(job, began + work.timeout, entry.control());
        failpoint::hit("before_effect");
        let outcome = work
            .run(payload, scope)
            .await
            .map(|outcome| keep(&secrets, outcome));
        failpoint::hit("after_effect");
        let mut end = End {
            job_id: lease.job_id,
            attempt: lease.attempt,
            took: began.elapsed(),
            event: Event::Released,
            failure: None,
            error: None,
            wait: Duration::ZERO,
            trace,
        };
        meters.duration.record(end.took);
        let Some(outcome) = outcome else {
            shared.meters.lease_lost.increment(1);
            entry.settle();
            return end.stopped();
        };

        let released = matches!(outcome, Outcome::Released);
        let finish = Finish::decide(outcome, &policy, spent, runtime::random::jitter());
        end.decided(&finish);
        let reply = shared.finisher.hand_over(Ending { lease, finish }).await;
        // Who waits for a slot need not wait for the database as well; the finisher bounds what waits for that.
        drop(slot);
        let recorded = reply.await.unwrap_or(Recorded::GivenUp);
        drop(hidden);
        match recorded {
            Recorded::As(state) => {
                entry.settle();
                failpoint::hit("after_commit_before_delete");
                end.event = recorded_event(end.event, state);
                meters.ended(end.event);
                shared.holds.ended(tenant_id);
                shared.activity.ended(tenant_id, &self.lane.name, end.event);
                shared.meters.recorded.increment(1);
                self.after_record(state, released, receipt);
            }
            Recorded::LeaseLost => {
                entry.settle();
                shared.meters.lease_lost.increment(1);
            }
            Recorded::GivenUp => {}
        }
        end.told(recorded)
    }

    /// Fails a started job that can't be read: no other attempt of this version could.
    pub(crate) async fn fail_unreadable(&self, unreadable: UnreadableJob, receipt: Receipt) -> StepOutcome {
        let UnreadableJob { lease, what } = unreadable;
        let (job_id, attempt) = (lease.job_id, lease.attempt);
        tracing::error!(job.id = %job_id, attempt, error = what, "a job can't be read and fails");
        let failure = Failure::new(FailureCode::JobUnreadable, what);
        let finish = Finish::decide(Outcome::Aborted(failure), &RetryPolicy::default(), 0, 0.0);
        let reply = self.shared.finisher.hand_over(Ending { lease, finish }).await;
        match reply.await.unwrap_or(Recorded::GivenUp) {
            Recorded::As(state) => {
                self.shared.meters.recorded.increment(1);
                self.after_record(state, false, receipt);
                StepOutcome::Ended {
                    job_id,
                    attempt,
                    state,
                }
            }
            Recorded::LeaseLost => {
                self.shared.meters.lease_lost.increment(1);
                StepOutcome::LeaseLost { job_id, attempt }
            }
            Recorded::GivenUp => StepOutcome::GivenUp { job_id, attempt },
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

fn span_of(job: &StartedJob, trace: &TraceSpan) -> Span {
    tracing::info_span!(
        "job",
        job.id = %job.lease.job_id,
        job.kind = job.kind.as_str(),
        attempt = job.lease.attempt,
        tenant.id = %job.tenant_id,
        request.id = job.request_id.as_deref(),
        trace.id = job.traceparent.as_deref().and_then(trace_id),
        span.id = trace.id(),
    )
}

/// The trace's id in a W3C `traceparent`: `00-<32 hex digits>-<16 hex digits>-01`.
fn trace_id(traceparent: &str) -> Option<&str> {
    let id = traceparent.split('-').nth(1)?;
    (id.len() == 32).then_some(id)
}

/// Keeps personal data out of what is recorded and logged about a failure.
fn keep(secrets: &Secrets, outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Failed { failure, retry_after } => Outcome::Failed {
            failure: secrets.keep(failure),
            retry_after,
        },
        Outcome::Aborted(failure) => Outcome::Aborted(secrets.keep(failure)),
        other @ (Outcome::Succeeded(_)
        | Outcome::Snoozed(_)
        | Outcome::Released
        | Outcome::Cancelled
        | Outcome::LeaseExpired) => other,
    }
}

/// Takes a started job apart: the right to finish it, what the handler takes, and what it may want to know.
fn take_apart(job: StartedJob, deadline: Instant, control: &Control) -> (Lease, Box<RawValue>, JobScope) {
    let scope = JobScope {
        job_id: job.lease.job_id,
        tenant_id: job.tenant_id,
        kind: job.kind,
        queue: job.queue,
        attempt: job.lease.attempt,
        spent: job.spent,
        max_attempts: job.policy.max_attempts,
        created_at: job.created_at,
        deadline,
        cancelled: control.told().clone(),
        traceparent: job.traceparent,
        request_id: job.request_id,
        fire: job.fire,
        metadata: job.metadata,
    };
    (job.lease, job.payload, scope)
}

/// How an attempt ended: for the one line that is logged about it, and for who asked.
struct End {
    job_id: JobId,
    attempt: u32,
    took: Duration,
    event: Event,
    failure: Option<FailureCode>,
    error: Option<String>,
    wait: Duration,
    trace: TraceSpan,
}

impl End {
    fn decided(&mut self, finish: &Finish) {
        let error = finish.failure.as_ref();
        self.event = finish.event;
        self.failure = error.map(|failure| failure.code);
        self.error = error.map(loggable);
        self.wait = finish.wait;
    }

    fn duration_ms(&self) -> f64 {
        self.took.as_secs_f64() * 1_000.0
    }

    /// The handler was stopped, and there is nothing to record.
    fn stopped(self) -> StepOutcome {
        let duration_ms = self.duration_ms();
        tracing::warn!(
            outcome = "lease_lost",
            duration_ms,
            "the lease was lost, the handler is stopped"
        );
        traced::end_unrecorded(&self.trace, "lease_lost");
        StepOutcome::LeaseLost {
            job_id: self.job_id,
            attempt: self.attempt,
        }
    }

    fn told(self, recorded: Recorded) -> StepOutcome {
        let (job_id, attempt) = (self.job_id, self.attempt);
        let (decided, duration_ms) = (self.event.as_str(), self.duration_ms());
        match recorded {
            Recorded::As(state) => {
                self.log_recorded();
                traced::end(&self.trace, self.event, self.failure);
                StepOutcome::Ended {
                    job_id,
                    attempt,
                    state,
                }
            }
            Recorded::LeaseLost => {
                let why = "the outcome came after the lease was lost and is not recorded";
                tracing::warn!(outcome = "lease_lost", decided, duration_ms, "{why}");
                traced::end_unrecorded(&self.trace, "lease_lost");
                StepOutcome::LeaseLost { job_id, attempt }
            }
            Recorded::GivenUp => {
                let why = "the outcome could not be recorded, the job will start again";
                tracing::error!(outcome = "given_up", decided, duration_ms, "{why}");
                traced::end_unrecorded(&self.trace, "given_up");
                StepOutcome::GivenUp { job_id, attempt }
            }
        }
    }

    fn log_recorded(&self) {
        let (outcome, duration_ms) = (self.event.as_str(), self.duration_ms());
        match (&self.error, self.event) {
            (None, _) => tracing::info!(outcome, duration_ms, "attempt ended"),
            (Some(error), Event::RetryScheduled) => {
                let retry_in_ms = self.wait.as_millis();
                tracing::warn!(outcome, duration_ms, error, retry_in_ms, "attempt failed");
            }
            (Some(error), _) => tracing::warn!(outcome, duration_ms, error, "attempt failed"),
        }
    }
}

/// A failure as the log may tell it. The message itself is with the job.
fn loggable(failure: &Failure) -> String {
    let code = failure.code.as_str();
    if failure.code.may_quote() {
        return code.to_owned();
    }
    format!("{code}: {}", failure.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_repeats_our_own_words_only() {
        let told = |code| loggable(&Failure::new(code, "the password is 42"));
        assert_eq!(told(FailureCode::HandlerError), "handler_error");
        assert_eq!(told(FailureCode::Panicked), "panicked");
        assert_eq!(told(FailureCode::TimedOut), "timed_out: the password is 42");
    }

    #[test]
    fn the_traces_id_is_the_second_part() {
        let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(trace_id(traceparent), Some("0af7651916cd43dd8448eb211c80319c"));
        assert_eq!(trace_id("nonsense"), None);
    }
}
