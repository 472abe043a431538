//! Processes that ended though nobody had wanted that.

use chrono::{DateTime, TimeDelta, Utc};

use crate::history::History;
use crate::record::Fault;

/// How long after Postgres is back a process may still give up that could not start without it.
const GRACE: TimeDelta = TimeDelta::seconds(10);

/// Each exit that nothing explains: by a signal that nobody sent and no failpoint either, in order without having been
/// told to, or in disorder while Postgres was there.
pub(super) fn unexplained(history: &History) -> Vec<String> {
    let exits = history.faults.iter().filter(|fault| fault.fault == "exit");
    exits
        .filter(|exit| !was_wanted(history, exit) && !was_in_outage(history, exit.at))
        .map(|exit| {
            let host = exit.host.as_deref().unwrap_or("a process");
            match (exit.signal, exit.code) {
                (Some(signal), _) => format!("{host} by signal {signal}"),
                (None, Some(code)) => format!("{host} with code {code}"),
                (None, None) => host.to_owned(),
            }
        })
        .collect()
}

/// Whether something was done to the process before that makes it end so.
fn was_wanted(history: &History, exit: &Fault) -> bool {
    let mut before = history
        .faults
        .iter()
        .filter(|it| it.host == exit.host && it.at <= exit.at);
    match exit.signal {
        Some(_) => before.any(|it| it.fault == "kill" || it.fault == "failpoint"),
        None => exit.code == Some(0) && before.any(|it| it.fault == "term"),
    }
}

fn was_in_outage(history: &History, at: DateTime<Utc>) -> bool {
    let mut outages = history
        .faults
        .iter()
        .filter(|it| it.fault.starts_with("postgres_"));
    let last = outages.rfind(|it| it.at <= at);
    last.is_some_and(|it| it.fault == "postgres_stop" || at - it.at < GRACE)
}
