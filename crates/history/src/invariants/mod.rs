//! What must hold: one pure function per invariant, from the history to what breaks it.

mod accepted;
mod attempts;
mod effects;
mod events;
mod executions;
mod intent;
mod run;
mod tenants;
mod tokens;

pub(crate) use accepted::jobs_and_intents;
pub(crate) use effects::unexpected_effects;
pub(crate) use intent::failed_by_crashes;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::history::History;
use crate::violation::{Invariant, Violation};

/// Checks one invariant.
pub(crate) fn check(invariant: Invariant, history: &History) -> Vec<Violation> {
    let check = match invariant {
        Invariant::I1 => accepted::acknowledged_jobs_are_stored,
        Invariant::I2 => events::histories_are_legal,
        Invariant::I3 => events::jobs_end_once,
        Invariant::I4 => attempts::attempts_do_not_overlap,
        Invariant::I5 => attempts::attempts_are_counted,
        Invariant::I6 => tokens::each_job_has_its_token,
        Invariant::I7 => accepted::one_key_makes_one_job,
        Invariant::I8 => accepted::every_job_was_submitted,
        Invariant::I9 => effects::effects_are_those_of_the_jobs,
        Invariant::I10 => attempts::nothing_starts_early,
        Invariant::I11 => tenants::everything_has_the_jobs_tenant,
        Invariant::I12 => tokens::all_work_ended,
        Invariant::I13 => executions::attempts_run_once,
        Invariant::Intent => intent::jobs_ended_as_intended,
        Invariant::Availability => run::nobody_was_turned_away,
        Invariant::Readable => run::the_history_can_be_read,
    };
    check(history)
}

/// A time as evidence shows it.
fn shown(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}
