//! The attempts of each job: one after the other, counted, and not before their time.

use crate::history::{History, Start};
use crate::invariants::shown;
use crate::life::{Event, State};
use crate::record::Job;
use crate::violation::{Invariant, Violation};

/// I4: an attempt starts when the one before has ended, and the job's events tell of its start and of its end. All
/// times are the database's.
pub(super) fn attempts_do_not_overlap(history: &History) -> Vec<Violation> {
    let mut violations = Vec::new();
    for job in history.jobs.iter() {
        let starts = history.starts(job.id);
        for pair in starts.windows(2) {
            let (earlier, later) = (pair[0], pair[1]);
            let evidence = match earlier.ended {
                Some((at, _)) if at <= later.started_at => continue,
                Some((at, _)) => format!(
                    "attempt {} ended at {}, after attempt {} had started at {}",
                    earlier.attempt,
                    shown(at),
                    later.attempt,
                    shown(later.started_at)
                ),
                None => format!(
                    "attempt {} has not ended, but attempt {} has started",
                    earlier.attempt, later.attempt
                ),
            };
            violations.push(Violation::of_job(Invariant::I4, job.id, evidence).at(later.started_at));
        }
        let untold = starts.iter().filter_map(|start| untold(history, job, start));
        violations.extend(untold.map(|evidence| Violation::of_job(Invariant::I4, job.id, evidence)));
    }
    let orphans = history
        .attempts
        .groups()
        .filter(|(job_id, _)| history.job(*job_id).is_none());
    violations.extend(orphans.map(|(job_id, attempts)| {
        let evidence = format!("it has {} attempts, but no row", attempts.len());
        Violation::of_job(Invariant::I4, job_id, evidence)
    }));
    violations
}

/// What the job's events don't tell, or tell twice, of an attempt.
fn untold(history: &History, job: &Job, start: &Start) -> Option<String> {
    let times = |wanted: Event| {
        let events = history.events.of(job.id).iter();
        events
            .filter(|event| event.attempt == Some(start.attempt) && event.event == wanted)
            .count()
    };
    let expected = [Some(Event::Started), start.ended.map(|(_, event)| event)];
    let wrong = expected.into_iter().flatten().find(|event| times(*event) != 1)?;
    Some(format!(
        "attempt {} {wrong}, but there are {} events that say so",
        start.attempt,
        times(wrong)
    ))
}

/// I5: the attempts are numbered from 1 to the job's number, each ends after its start, and no more of them are spent
/// than the client allowed: all since the last redrive that were not given back.
pub(super) fn attempts_are_counted(history: &History) -> Vec<Violation> {
    let mut violations = Vec::new();
    for job in history.jobs.iter() {
        let mut found = |evidence| violations.push(Violation::of_job(Invariant::I5, job.id, evidence));
        let starts = history.starts(job.id);
        if !starts.iter().map(|start| start.attempt).eq(1..=job.attempt) {
            let numbers: Vec<u32> = starts.iter().map(|start| start.attempt).collect();
            found(format!(
                "it is at attempt {}, but these are there: {numbers:?}",
                job.attempt
            ));
        }
        for start in &starts {
            if let Some((at, _)) = start.ended.filter(|(at, _)| *at < start.started_at) {
                found(format!(
                    "attempt {} started at {} and ended before, at {}",
                    start.attempt,
                    shown(start.started_at),
                    shown(at)
                ));
            }
        }
        if job.attempts_spent > job.max_attempts {
            found(format!(
                "it spent {} attempts of {}",
                job.attempts_spent, job.max_attempts
            ));
        }
        let asked = history.submit_of(job).map(|submit| submit.max_attempts);
        if let Some(asked) = asked.filter(|asked| *asked != job.max_attempts) {
            found(format!(
                "it has at most {} attempts, but the client asked for {asked}",
                job.max_attempts
            ));
        }
        let (least, most) = spent(&starts, history.redrives(job.id).last().copied());
        if !(least..=most).contains(&job.attempts_spent) {
            found(format!(
                "it spent {} attempts, but {most} count",
                job.attempts_spent
            ));
        }
    }
    violations
}

/// How many attempts after the last redrive count. A job whose end was asked for while its worker handed it back is
/// recorded as cancelled, and this attempt does not count: so a cancelled one may or may not.
fn spent(starts: &[Start], redriven_after: Option<u32>) -> (u32, u32) {
    let (mut least, mut most) = (0, 0);
    for start in starts
        .iter()
        .filter(|start| start.attempt > redriven_after.unwrap_or(0))
    {
        let event = start.ended.map(|(_, event)| event);
        if !event.is_some_and(Event::gives_attempt_back) {
            most += 1;
            least += u32::from(event != Some(Event::Cancelled));
        }
    }
    (least, most)
}

/// I10: no attempt starts before its job was submitted; none of the first life before the time that the client asked
/// for; and the last one not before the job was due again.
pub(super) fn nothing_starts_early(history: &History) -> Vec<Violation> {
    let mut violations = Vec::new();
    for job in history.jobs.iter() {
        let first_life_ends = history.redrives(job.id).first().copied().unwrap_or(u32::MAX);
        let wish = history.submit_of(job).and_then(|submit| submit.run_at);
        for start in history.starts(job.id) {
            let in_first_life = |at: Option<_>| at.filter(|_| start.attempt <= first_life_ends);
            let is_last = start.attempt == job.attempt && last_attempt_runs_or_ended(history, job);
            let due = [
                ("it was submitted", Some(job.created_at)),
                ("it was scheduled for", in_first_life(job.scheduled_for)),
                ("the client wanted it to start", in_first_life(wish)),
                ("it was due", Some(job.run_at).filter(|_| is_last)),
            ];
            let early = due
                .into_iter()
                .filter_map(|(what, at)| Some((what, at?)))
                .find(|(_, at)| *at > start.started_at);
            if let Some((what, at)) = early {
                let evidence = format!(
                    "attempt {} started at {}, but {what} at {}",
                    start.attempt,
                    shown(start.started_at),
                    shown(at)
                );
                violations.push(Violation::of_job(Invariant::I10, job.id, evidence));
            }
        }
    }
    violations
}

/// Whether the job's last attempt runs, or ended the job: only then is `run_at` the time from which this attempt was due,
/// and not that of a later one.
fn last_attempt_runs_or_ended(history: &History, job: &Job) -> bool {
    let last_end = || {
        let events = history.events.of(job.id).iter();
        events.rev().find(|event| event.event.ends_life())?.attempt
    };
    job.state == State::Running || (job.state.is_terminal() && last_end() == Some(job.attempt))
}
