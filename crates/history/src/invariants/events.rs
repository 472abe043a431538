//! The history of each job, replayed.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::history::History;
use crate::life::{Event, State};
use crate::record::{Job, JobEvent, Wish};
use crate::violation::{Invariant, Violation};

/// The kinds whose successes have a result.
const KINDS_WITH_RESULT: [&str; 2] = ["http.request", "test.echo"];

/// I2: the events of each job are numbered without a gap up to its version, each is legal in the state that the one
/// before left, the last one leaves the job's state, and nothing is redriven or discarded that nobody asked for.
pub(super) fn histories_are_legal(history: &History) -> Vec<Violation> {
    let mut asked: HashMap<Uuid, HashSet<Event>> = HashMap::new();
    for request in &history.requests {
        let event = match request.wish {
            Wish::Cancel | Wish::Clash => continue,
            Wish::Redrive => Event::Redriven,
            Wish::Discard => Event::Discarded,
        };
        asked.entry(request.job_id).or_default().insert(event);
    }
    let is_asked = |job_id, event| asked.get(&job_id).is_some_and(|events| events.contains(&event));
    let broken = history.jobs.iter().filter_map(|job| {
        let events = history.events.of(job.id);
        let problem = unnumbered(job, events).or_else(|| {
            let unasked = |event: &JobEvent| {
                matches!(event.event, Event::Redriven | Event::Discarded) && !is_asked(job.id, event.event)
            };
            replayed(job, events).err().or_else(|| {
                let event = events.iter().find(|event| unasked(event))?;
                Some(format!(
                    "nobody asked for event {}, {}",
                    event.number, event.event
                ))
            })
        })?;
        Some(Violation::of_job(Invariant::I2, job.id, problem))
    });
    let orphans = history
        .events
        .groups()
        .filter(|(job_id, _)| history.job(*job_id).is_none())
        .map(|(job_id, events)| {
            let evidence = format!("it has {} events, but no row", events.len());
            Violation::of_job(Invariant::I2, job_id, evidence)
        });
    broken.chain(orphans).collect()
}

/// What is wrong with the numbers of a job's events. Number 1 is the row itself.
fn unnumbered(job: &Job, events: &[JobEvent]) -> Option<String> {
    for (expected, event) in (2..).zip(events) {
        if event.number != expected {
            return Some(format!(
                "event {expected} is missing, or there twice; there is {}",
                event.number
            ));
        }
    }
    let last = events.last().map_or(1, |event| event.number);
    (last != job.version).then(|| format!("the job's version is {}, its last event is {last}", job.version))
}

/// Replays a job's events; the error says where that leads astray.
fn replayed(job: &Job, events: &[JobEvent]) -> Result<(), String> {
    let is_later = job
        .scheduled_for
        .is_some_and(|scheduled_for| scheduled_for > job.created_at);
    let mut state = if is_later { State::Scheduled } else { State::Queued };
    let mut discarded = false;
    for event in events {
        let again = discarded && event.event == Event::Discarded;
        state = match state.after(event.event) {
            Some(next) if !again => next,
            _ => {
                return Err(format!(
                    "event {}, {}, can't happen to a {state} job",
                    event.number, event.event
                ));
            }
        };
        discarded = event.event == Event::Discarded;
    }
    if state != job.state {
        return Err(format!("its events lead to {state}, but it is {}", job.state));
    }
    Ok(())
}

/// I3: one terminal event per life; a succeeded job has one attempt that succeeded, its last, and only such a job has a
/// result, which it has if its kind gives one.
pub(super) fn jobs_end_once(history: &History) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut found = |job: &Job, evidence| violations.push(Violation::of_job(Invariant::I3, job.id, evidence));
    for job in history.jobs.iter() {
        let events = history.events.of(job.id);
        for life in events.split(|event| event.event == Event::Redriven) {
            let ends: Vec<String> = life
                .iter()
                .filter(|event| event.event.ends_life())
                .map(|event| event.event.to_string())
                .collect();
            if ends.len() > 1 {
                found(job, format!("it ended {} times: {}", ends.len(), ends.join(", ")));
            }
        }
        let successes: Vec<u32> = history
            .attempts
            .of(job.id)
            .iter()
            .filter(|attempt| attempt.event == Event::Succeeded)
            .map(|attempt| attempt.attempt)
            .collect();
        let expected: &[u32] = match job.state {
            State::Succeeded => &[job.attempt],
            _ => &[],
        };
        if successes != expected {
            let evidence = format!(
                "it is {} with {} attempts, of which these succeeded: {successes:?}",
                job.state, job.attempt
            );
            found(job, evidence);
        }
        if !job.has_result && job.state == State::Succeeded && KINDS_WITH_RESULT.contains(&job.kind.as_str())
        {
            found(job, "it succeeded and has no result".to_owned());
        }
        if job.has_result && job.state != State::Succeeded {
            found(job, format!("it is {} and has a result", job.state));
        }
    }
    violations
}
