//! How long jobs of dead workers waited for their next attempt.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use crate::history::History;
use crate::record::Attempt;

/// Lost attempts, sorted by what is known of them.
#[derive(Default)]
pub(super) struct Recoveries {
    /// From the fault to the next start.
    pub(super) secs: Vec<f64>,
    /// Attempts that were lost though nothing had been done to their worker.
    pub(super) unexplained: usize,
}

/// A time in which a process did nothing.
#[derive(Clone, Copy)]
struct Absence {
    from: DateTime<Utc>,
    /// `None` when it never came back.
    until: Option<DateTime<Utc>>,
    is_death: bool,
}

/// Looks for the fault behind each lost attempt, and for the attempt that followed.
pub(super) fn recoveries(history: &History) -> Recoveries {
    let absences = absences(history);
    let mut recoveries = Recoveries::default();
    for lost in history.attempts.iter().filter(|attempt| attempt.was_lost()) {
        let absences = history
            .hosts
            .get(&lost.worker_id)
            .and_then(|host| absences.get(host.as_str()));
        let Some(absence) = absences.and_then(|absences| behind(absences, lost)) else {
            recoveries.unexplained += 1;
            continue;
        };
        let starts = history.starts(lost.job_id);
        let next = starts.iter().find(|start| start.attempt == lost.attempt + 1);
        // A job that failed or was cancelled instead has no next attempt.
        if let Some(next) = next {
            let waited = next.started_at - absence.from;
            recoveries.secs.push(waited.as_seconds_f64());
        }
    }
    recoveries
}

/// When each process was stopped or gone, by its host. A process that is killed while it is stopped has been absent since
/// it was stopped, and is not brought back by being continued.
fn absences(history: &History) -> HashMap<&str, Vec<Absence>> {
    let mut absences: HashMap<&str, Vec<Absence>> = HashMap::new();
    for fault in &history.faults {
        let Some(host) = fault.host.as_deref() else {
            continue;
        };
        let known = absences.entry(host).or_default();
        let is_death = fault.fault == "kill" || (fault.fault == "exit" && fault.signal.is_some());
        match known.last_mut().filter(|absence| absence.until.is_none()) {
            Some(absence) if is_death => absence.is_death = true,
            Some(absence) if fault.fault == "continue" && !absence.is_death => {
                absence.until = Some(fault.at);
            }
            Some(_) => {}
            None if is_death || fault.fault == "stop" => known.push(Absence {
                from: fault.at,
                until: None,
                is_death,
            }),
            None => {}
        }
    }
    absences
}

/// The last absence that began before the attempt was taken away, unless it was over when the attempt began.
fn behind(absences: &[Absence], lost: &Attempt) -> Option<Absence> {
    let began_before = absences.iter().rev().find(|it| it.from <= lost.finished_at)?;
    let lasted = began_before.until.is_none_or(|until| until >= lost.started_at);
    lasted.then_some(*began_before)
}
