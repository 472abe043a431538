//! What an attempt does outside, by the number that it says there: rows can't tell that two processes run one attempt,
//! because there is one row only.

use std::collections::HashSet;

use chrono::TimeDelta;

use crate::history::History;
use crate::invariants::effects::HTTP_KIND;
use crate::invariants::shown;
use crate::life::Event;
use crate::record::{Attempt, Delivery};
use crate::violation::{Invariant, Violation};

/// How far two readings of one machine's clock may be apart.
const CLOCK: TimeDelta = TimeDelta::milliseconds(5);

/// I13: no attempt reaches the receiver twice, none that the database does not know, and none before its start; and an
/// HTTP attempt that succeeded was answered with success before it ended. A job that is not there is the matter of I9.
pub(super) fn attempts_run_once(history: &History) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (job_id, deliveries) in history.deliveries.groups() {
        if history.job(job_id).is_none() {
            continue;
        }
        let mut seen = HashSet::new();
        for delivery in deliveries {
            let is_again = !seen.insert(delivery.attempt);
            if let Some(evidence) = surprise(history, delivery, is_again) {
                violations.push(Violation::of_job(Invariant::I13, job_id, evidence).at(delivery.at));
            }
        }
    }
    let is_http = |attempt: &&Attempt| {
        let job = history.job(attempt.job_id);
        job.is_some_and(|job| job.kind == HTTP_KIND)
    };
    let succeeded = history.attempts.iter().filter(|it| it.event == Event::Succeeded);
    for attempt in succeeded.filter(is_http) {
        if !was_heard(history, attempt) {
            let evidence = format!(
                "attempt {} succeeded at {}, but was not answered with success before",
                attempt.attempt,
                shown(attempt.finished_at)
            );
            let violation = Violation::of_job(Invariant::I13, attempt.job_id, evidence);
            violations.push(violation.at(attempt.finished_at));
        }
    }
    violations
}

/// What is wrong with a request of a job.
fn surprise(history: &History, delivery: &Delivery, is_again: bool) -> Option<String> {
    let at = shown(delivery.at);
    let Some(attempt) = delivery.attempt else {
        return Some(format!(
            "it reached the receiver at {at} without the number of its attempt"
        ));
    };
    if is_again {
        return Some(format!("attempt {attempt} reached the receiver again at {at}"));
    }
    let starts = history.starts(delivery.job_id);
    let Some(start) = starts.iter().find(|start| start.attempt == attempt) else {
        return Some(format!(
            "attempt {attempt} reached the receiver at {at}, but never started"
        ));
    };
    (delivery.at + CLOCK < start.started_at).then(|| {
        format!(
            "attempt {attempt} reached the receiver at {at}, but started at {}",
            shown(start.started_at)
        )
    })
}

/// Whether an attempt had its success from the receiver.
fn was_heard(history: &History, attempt: &Attempt) -> bool {
    let mut deliveries = history.deliveries.of(attempt.job_id).iter();
    deliveries.any(|delivery| {
        let in_time = |answered_at| answered_at <= attempt.finished_at + CLOCK;
        delivery.attempt == Some(attempt.attempt)
            && delivery.took_effect()
            && delivery.answered_at.is_some_and(in_time)
    })
}
