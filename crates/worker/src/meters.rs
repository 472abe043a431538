//! The series that jobs move often, looked up once.

use domain::{Event, Failure, JobState};
use metrics::{Counter, Gauge, Histogram};
use runtime::metric;

/// Series of the worker as a whole.
pub(crate) struct Meters {
    pub(crate) deliveries: Counter,
    pub(crate) unreadable: Counter,
    pub(crate) pickup: Histogram,
    pub(crate) running: Gauge,
    pub(crate) claims: ClaimMeters,
    pub(crate) recorded: Counter,
    pub(crate) lease_lost: Counter,
}

/// Answers to claims.
pub(crate) struct ClaimMeters {
    pub(crate) started: Counter,
    pub(crate) finished: Counter,
    pub(crate) held: Counter,
    pub(crate) not_due: Counter,
    pub(crate) paused: Counter,
    pub(crate) over_limit: Counter,
    pub(crate) not_started: Counter,
    pub(crate) unknown: Counter,
}

impl Meters {
    pub(crate) fn new() -> Self {
        let claims = |answer: &'static str| metric::CLAIMS.with([answer.into()]);
        Self {
            deliveries: metric::DELIVERIES.with([]),
            unreadable: metric::UNREADABLE_MESSAGES.with([]),
            pickup: metric::PICKUP.with([]),
            running: metric::JOBS_RUNNING.with([]),
            claims: ClaimMeters {
                started: claims("started"),
                finished: claims("finished"),
                held: claims("held"),
                not_due: claims("not_due"),
                paused: claims("paused"),
                over_limit: claims("over_limit"),
                not_started: claims("not_started"),
                unknown: claims("unknown"),
            },
            recorded: metric::FINISHES.with(["recorded".into()]),
            lease_lost: metric::FINISHES.with(["lease_lost".into()]),
        }
    }
}

/// Series of one kind of job.
pub(crate) struct KindMeters {
    pub(crate) duration: Histogram,
    succeeded: Counter,
    retry_scheduled: Counter,
    failed: Counter,
    snoozed: Counter,
    released: Counter,
    cancelled: Counter,
}

impl KindMeters {
    pub(crate) fn new(kind: &'static str) -> Self {
        let ended = |event: Event| metric::ATTEMPTS.with([kind.into(), event.as_str().into()]);
        Self {
            duration: metric::ATTEMPT_DURATION.with([kind.into()]),
            succeeded: ended(Event::Succeeded),
            retry_scheduled: ended(Event::RetryScheduled),
            failed: ended(Event::Failed),
            snoozed: ended(Event::Snoozed),
            released: ended(Event::Released),
            cancelled: ended(Event::Cancelled),
        }
    }

    /// Counts an attempt that was recorded.
    pub(crate) fn ended(&self, event: Event) {
        let counter = match event {
            Event::Succeeded => &self.succeeded,
            Event::RetryScheduled => &self.retry_scheduled,
            Event::Failed => &self.failed,
            Event::Snoozed => &self.snoozed,
            Event::Released => &self.released,
            Event::Cancelled => &self.cancelled,
            // A handler's end is none of these.
            Event::Promoted
            | Event::Started
            | Event::LeaseExpired
            | Event::Expired
            | Event::Redriven
            | Event::Discarded => return,
        };
        counter.increment(1);
    }
}

/// Counts a recorded failure that is for us to mend. A job whose end was asked for has not failed.
pub(crate) fn count_own_failure(failure: Option<&Failure>, state: JobState) {
    let own = failure.filter(|failure| failure.code.is_own() && state != JobState::Cancelled);
    if let Some(failure) = own {
        metric::OWN_FAILURES
            .with([failure.code.as_str().into()])
            .increment(1);
    }
}

/// What was recorded, when it is not what was decided: a job whose end was asked for does not wait for another attempt.
pub(crate) fn recorded_event(decided: Event, state: JobState) -> Event {
    if state == JobState::Cancelled {
        Event::Cancelled
    } else {
        decided
    }
}
