//! How well the clients were served.

use chrono::{DateTime, TimeDelta, Utc};

use crate::history::History;
use crate::record::{End, Job, Submit};

/// What a start may take where nothing is lost.
const LATE: TimeDelta = TimeDelta::seconds(5);

/// How long each acknowledged submit took, from the client's first try on.
pub(super) fn submit_ms(history: &History) -> Vec<f64> {
    let acknowledged = history
        .submits
        .iter()
        .filter_map(|it| Some((it, acknowledged_at(it)?)));
    acknowledged
        .map(|(submit, at)| (at - submit.invoked_at).as_seconds_f64() * 1000.0)
        .collect()
}

fn acknowledged_at(submit: &Submit) -> Option<DateTime<Utc>> {
    match submit.end {
        End::Ok(answer) => Some(answer.at),
        End::Open | End::Refused(_) | End::Unknown(_) => None,
    }
}

/// When submits were acknowledged, in order.
fn acknowledgements(history: &History) -> Vec<DateTime<Utc>> {
    let mut times: Vec<_> = history.submits.iter().filter_map(acknowledged_at).collect();
    times.sort_unstable();
    times
}

/// The longest time without an acknowledgement, between the first submit and the last end of one.
pub(super) fn longest_silence_secs(history: &History) -> Option<f64> {
    let begin = history.submits.iter().map(|submit| submit.invoked_at).min()?;
    let ends = history.submits.iter().filter_map(|submit| match submit.end {
        End::Open => None,
        End::Refused(at) | End::Unknown(at) => Some(at),
        End::Ok(answer) => Some(answer.at),
    });
    let end = ends.max()?;
    let mut times = vec![begin];
    times.extend(acknowledgements(history));
    times.push(end);
    let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
    gaps.max().map(TimeDelta::as_seconds_f64)
}

/// The longest time from the return of Postgres to the next acknowledgement.
pub(super) fn submit_after_outage_secs(history: &History) -> Option<f64> {
    longest_to_next(history, &acknowledgements(history))
}

/// The longest time from the return of Postgres to the next start of an attempt.
pub(super) fn start_after_outage_secs(history: &History) -> Option<f64> {
    let ended = history.attempts.iter().map(|attempt| attempt.started_at);
    let mut starts: Vec<_> = ended
        .chain(history.claims.iter().map(|claim| claim.started_at))
        .collect();
    starts.sort_unstable();
    longest_to_next(history, &starts)
}

/// The longest time from a return of Postgres to the next of these times; a return after the last of them tells nothing.
fn longest_to_next(history: &History, times: &[DateTime<Utc>]) -> Option<f64> {
    let returns = history.faults.iter().filter(|fault| fault.fault == "postgres_up");
    let waits = returns.filter_map(|fault| {
        let next = times.get(times.partition_point(|at| *at < fault.at))?;
        Some(*next - fault.at)
    });
    waits.max().map(TimeDelta::as_seconds_f64)
}

/// How many jobs started later than they should, when they did for the first time.
pub(super) fn late_starts(history: &History) -> usize {
    let is_late = |job: &&Job| {
        let due_at = job
            .scheduled_for
            .map_or(job.created_at, |at| at.max(job.created_at));
        let starts = history.starts(job.id);
        starts
            .first()
            .is_some_and(|first| first.started_at - due_at > LATE)
    };
    history.jobs.iter().filter(is_late).count()
}
