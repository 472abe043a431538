//! What is asked of the run as a whole.

use crate::history::History;
use crate::violation::{Invariant, Violation};

/// Availability: no api answered with a server error, in a run that promises so.
pub(super) fn nobody_was_turned_away(history: &History) -> Vec<Violation> {
    if history.run.allow_5xx {
        return Vec::new();
    }
    let errors = history.exchanges.server_errors.iter();
    errors
        .map(|(api, times)| {
            let evidence = format!("it answered with a server error {times} times");
            Violation::new(Invariant::Availability, api, evidence)
        })
        .collect()
}

/// Readable: every line makes sense, and something was acknowledged, without which all else holds of nothing.
pub(super) fn the_history_can_be_read(history: &History) -> Vec<Violation> {
    let flaws = history.flaws.iter().map(|flaw| {
        let subject = format!("{}:{}", flaw.file, flaw.line);
        Violation::new(Invariant::Readable, subject, flaw.problem.as_str())
    });
    let empty = history
        .acknowledged()
        .next()
        .is_none()
        .then(|| Violation::new(Invariant::Readable, "run", "no submit was acknowledged"));
    flaws.chain(empty).collect()
}
