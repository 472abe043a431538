//! What an attempt came to, and what is recorded for it. Deciding is here; recording is the store's.

use std::time::Duration;

use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::retry::{Decision, RetryPolicy, decide};
use crate::state::{Event, JobState};

/// What an attempt came to.
#[derive(Debug)]
pub enum Outcome {
    /// The handler did its work; the result is kept with the job.
    Succeeded(Option<Box<RawValue>>),
    /// The attempt failed; another one may succeed, not before the wait that the target asked for.
    Failed {
        /// What went wrong.
        failure: Failure,
        /// What the target asked for by `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// The attempt failed and no other can succeed.
    Aborted(Failure),
    /// The handler wants to be started again after this wait.
    Snoozed(Duration),
    /// The worker shuts down and hands the job back.
    Released,
    /// The attempt was stopped because somebody cancelled the job.
    Cancelled,
    /// The lease ran out.
    LeaseExpired,
}

/// What is recorded for an attempt that ended.
#[derive(Debug)]
pub struct Finish {
    /// What happened to the job.
    pub event: Event,
    /// The job's next state.
    pub state: JobState,
    /// The result of a success.
    pub result: Option<Box<RawValue>>,
    /// The error of a failure.
    pub failure: Option<Failure>,
    /// How long until the next start, when the next state is `scheduled`.
    pub wait: Duration,
    /// Whether the attempt counts against `max_attempts`.
    pub spends_attempt: bool,
}

impl Finish {
    /// Decides what is recorded for an outcome. `spent` counts the attempts spent so far, this one included;
    /// `jitter` is uniform in `[0, 1)`.
    #[must_use]
    pub fn decide(outcome: Outcome, policy: &RetryPolicy, spent: u32, jitter: f64) -> Self {
        match outcome {
            Outcome::Succeeded(result) => Self {
                result,
                ..Self::of(Event::Succeeded)
            },
            Outcome::Failed { failure, retry_after } => {
                let planned = match decide(policy, spent, jitter, retry_after) {
                    Decision::Again(wait) => Self {
                        wait,
                        ..Self::of(Event::RetryScheduled)
                    },
                    Decision::Exhausted => Self::of(Event::Failed),
                };
                Self {
                    failure: Some(failure),
                    ..planned
                }
            }
            Outcome::Aborted(failure) => Self {
                failure: Some(failure),
                ..Self::of(Event::Failed)
            },
            Outcome::Snoozed(wait) => Self {
                wait,
                spends_attempt: false,
                ..Self::of(Event::Snoozed)
            },
            Outcome::Released => Self {
                spends_attempt: false,
                ..Self::of(Event::Released)
            },
            Outcome::Cancelled => Self::of(Event::Cancelled),
            Outcome::LeaseExpired => {
                // The lease was the wait: a job of a dead worker starts again at once.
                let event = match decide(policy, spent, jitter, None) {
                    Decision::Again(_) => Event::LeaseExpired,
                    Decision::Exhausted => Event::Failed,
                };
                Self {
                    failure: Some(Failure::worker_lost()),
                    ..Self::of(event)
                }
            }
        }
    }

    fn of(event: Event) -> Self {
        let state = JobState::Running
            .next(event)
            .expect("every outcome is an event of a running job");
        Self {
            event,
            state,
            result: None,
            failure: None,
            wait: Duration::ZERO,
            spends_attempt: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::FailureCode;

    fn failed() -> Outcome {
        Outcome::Failed {
            failure: Failure::new(FailureCode::HandlerError, "no"),
            retry_after: None,
        }
    }

    #[test]
    fn each_outcome_has_one_next_state() {
        let policy = RetryPolicy {
            max_attempts: 2,
            ..RetryPolicy::default()
        };
        let state = |outcome, spent| Finish::decide(outcome, &policy, spent, 0.5).state;
        let lost = || Failure::worker_lost();
        assert_eq!(state(Outcome::Succeeded(None), 1), JobState::Succeeded);
        assert_eq!(state(failed(), 1), JobState::Scheduled);
        assert_eq!(state(failed(), 2), JobState::Failed);
        assert_eq!(state(Outcome::Aborted(lost()), 1), JobState::Failed);
        assert_eq!(state(Outcome::Snoozed(Duration::ZERO), 2), JobState::Scheduled);
        assert_eq!(state(Outcome::Released, 2), JobState::Queued);
        assert_eq!(state(Outcome::Cancelled, 1), JobState::Cancelled);
        assert_eq!(state(Outcome::LeaseExpired, 1), JobState::Queued);
        assert_eq!(state(Outcome::LeaseExpired, 2), JobState::Failed);
    }

    #[test]
    fn only_snooze_and_release_give_the_attempt_back() {
        let policy = RetryPolicy::default();
        let spends = |outcome| Finish::decide(outcome, &policy, 1, 0.0).spends_attempt;
        assert!(!spends(Outcome::Released) && !spends(Outcome::Snoozed(Duration::ZERO)));
        assert!(spends(failed()) && spends(Outcome::LeaseExpired) && spends(Outcome::Cancelled));
    }
}
