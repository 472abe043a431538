//! What is left in the small tables, by which a job is found in its state.

use crate::history::History;
use crate::invariants::shown;
use crate::life::{Event, State};
use crate::record::{Job, Place};
use crate::violation::{Invariant, Violation};

/// I6: each job has exactly the token of its state, the claim is that of its attempt, and no token is without a job.
pub(super) fn each_job_has_its_token(history: &History) -> Vec<Violation> {
    let mut violations = Vec::new();
    for job in history.jobs.iter() {
        let places: Vec<Place> = history.tokens.of(job.id).iter().map(|it| it.place).collect();
        let expected = expected(history, job);
        if places != expected.as_slice() {
            let found: Vec<&str> = places.iter().map(|place| place.table()).collect();
            let needs = expected.map_or("no token".to_owned(), |place| {
                format!("a token in {}", place.table())
            });
            let evidence = format!("it is {} and needs {needs}, but has these: {found:?}", job.state);
            violations.push(Violation::of_job(Invariant::I6, job.id, evidence));
        }
        for claim in history
            .claims
            .of(job.id)
            .iter()
            .filter(|it| it.attempt != job.attempt)
        {
            let evidence = format!(
                "attempt {} is claimed, but it is at attempt {}",
                claim.attempt, job.attempt
            );
            violations.push(Violation::of_job(Invariant::I6, job.id, evidence));
        }
    }
    for token in history
        .tokens
        .iter()
        .filter(|it| history.job(it.job_id).is_none())
    {
        let evidence = format!("it has a token in {}, but no row", token.place.table());
        violations.push(Violation::of_job(Invariant::I6, token.job_id, evidence));
    }
    violations
}

/// Where the token of a job in this state is.
fn expected(history: &History, job: &Job) -> Option<Place> {
    let is_discarded = || {
        let last = history.events.of(job.id).last();
        last.is_some_and(|event| event.event == Event::Discarded)
    };
    match job.state {
        State::Scheduled => Some(Place::Due),
        State::Queued => Some(Place::Outbox),
        State::Running => Some(Place::Claim),
        State::Failed if is_discarded() => None,
        State::Failed => Some(Place::DeadLetter),
        State::Succeeded | State::Cancelled | State::Expired => None,
    }
}

/// I12: at the end nothing waits and nothing runs, and that was reached within the limit.
pub(super) fn all_work_ended(history: &History) -> Vec<Violation> {
    let mut violations = Vec::new();
    for job in history.jobs.iter().filter(|job| !job.state.is_terminal()) {
        let evidence = format!("it is still {}", job.state);
        violations.push(Violation::of_job(Invariant::I12, job.id, evidence));
    }
    let is_over = |job_id| history.job(job_id).is_none_or(|job| job.state.is_terminal());
    let left = history
        .tokens
        .iter()
        .filter(|it| it.place != Place::DeadLetter && is_over(it.job_id));
    violations.extend(left.map(|token| {
        let evidence = format!("it is still in {}", token.place.table());
        Violation::of_job(Invariant::I12, token.job_id, evidence)
    }));
    violations.extend(late(history).map(|evidence| Violation::new(Invariant::I12, "run", evidence)));
    violations
}

/// Why the run was not drained in time.
fn late(history: &History) -> Option<String> {
    let run = &history.run;
    let Some(drained_at) = run.drained_at else {
        return Some(format!("it was not drained within {} s", run.drain_limit_secs));
    };
    let took = (drained_at - run.faults_ended_at).as_seconds_f64();
    (took > run.drain_limit_secs).then(|| {
        format!(
            "the faults ended at {}, and it took {took:.1} s to drain instead of {} s",
            shown(run.faults_ended_at),
            run.drain_limit_secs
        )
    })
}
