//! Whether jobs ended as those who submitted them intended.

use std::collections::HashSet;

use uuid::Uuid;

use crate::history::History;
use crate::invariants::shown;
use crate::life::State;
use crate::record::{Behaviour, End, Job, Wish};
use crate::violation::{Invariant, Violation};

/// The status of a cancel that took effect before it was answered.
const CANCELLED: u16 = 200;

/// Intent: what can succeed succeeded, what can't failed, and what ended otherwise was asked for. A job that has not
/// ended is another invariant's matter.
pub(super) fn jobs_ended_as_intended(history: &History) -> Vec<Violation> {
    let asked = |wish| {
        let requests = history.requests.iter();
        requests
            .filter(move |request| request.wish == wish)
            .map(|it| it.job_id)
    };
    let cancels: HashSet<Uuid> = asked(Wish::Cancel).collect();
    let redrives: HashSet<Uuid> = asked(Wish::Redrive).collect();
    let mut violations = Vec::new();
    for job in history.jobs.iter() {
        let surprises = [
            surprise(history, job, cancels.contains(&job.id)),
            late_start(history, job),
        ];
        for evidence in surprises.into_iter().flatten() {
            violations.push(Violation::of_job(Invariant::Intent, job.id, evidence));
        }
    }
    for request in history.requests.iter().filter(|it| it.wish == Wish::Redrive) {
        let is_done = matches!(request.end, End::Ok(_));
        if is_done && history.redrives(request.job_id).is_empty() {
            let evidence = format!(
                "operation {} was told that it is retried, but it was not",
                request.op
            );
            violations.push(Violation::of_job(Invariant::Intent, request.job_id, evidence));
        }
    }
    for request in history.requests.iter().filter(|it| it.wish == Wish::Cancel) {
        let is_done = matches!(request.end, End::Ok(answer) if answer.status == Some(CANCELLED));
        let state = history.job(request.job_id).map(|job| job.state);
        if is_done && state != Some(State::Cancelled) && !redrives.contains(&request.job_id) {
            let now = state.map_or_else(|| "gone".to_owned(), |state| state.to_string());
            let evidence = format!(
                "operation {} was told that it is cancelled, but it is {now}",
                request.op
            );
            violations.push(Violation::of_job(Invariant::Intent, request.job_id, evidence));
        }
    }
    violations
}

/// What is unexpected about the end of a job.
fn surprise(history: &History, job: &Job, cancel_asked: bool) -> Option<String> {
    let behaviour = history.submit_of(job)?.behaviour;
    let can_succeed = can_succeed(behaviour);
    let is_fine = match job.state {
        State::Scheduled | State::Queued | State::Running => true,
        State::Succeeded => can_succeed,
        State::Failed => !can_succeed || (is_crash(job) && history.run.crash_failures_allowed),
        State::Cancelled => cancel_asked,
        State::Expired => {
            let may_expire = history.submit_of(job)?.start_by.is_some();
            may_expire && history.starts(job.id).is_empty()
        }
    };
    if is_fine {
        return None;
    }
    let code = job.error_code.as_deref().unwrap_or("no error");
    Some(match job.state {
        State::Cancelled => "it is cancelled, but nobody asked for that".to_owned(),
        state => format!("it behaves as {behaviour:?}, but it is {state} ({code})"),
    })
}

/// How a job started too late to be what its submitter wanted.
fn late_start(history: &History, job: &Job) -> Option<String> {
    let start_by = history.submit_of(job)?.start_by?;
    let first = history.starts(job.id).into_iter().next()?;
    (first.started_at > start_by).then(|| {
        format!(
            "it was to start by {}, but started at {}",
            shown(start_by),
            shown(first.started_at)
        )
    })
}

fn can_succeed(behaviour: Behaviour) -> bool {
    match behaviour {
        Behaviour::Ok | Behaviour::Slow | Behaviour::FailFirst => true,
        Behaviour::AlwaysFail | Behaviour::Panic | Behaviour::UnknownKind => false,
    }
}

/// Whether a failed job's last attempt died with its worker, and none was left.
fn is_crash(job: &Job) -> bool {
    job.error_code.as_deref() == Some("worker_lost") && job.attempts_spent >= job.max_attempts
}

/// How many jobs could have succeeded, and failed because their workers died too often.
pub(crate) fn failed_by_crashes(history: &History) -> usize {
    let failed = history.jobs.iter().filter(|job| job.state == State::Failed);
    failed
        .filter(|job| is_crash(job))
        .filter_map(|job| history.submit_of(job))
        .filter(|submit| can_succeed(submit.behaviour))
        .count()
}
