//! The life of a job as the design fixes it: written down here by hand a second time, so that a mistake in the
//! product's own table is found.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a job stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Scheduled,
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
    Expired,
}

/// What happened to a job.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Event {
    Promoted,
    Started,
    Succeeded,
    RetryScheduled,
    Failed,
    Snoozed,
    Released,
    LeaseExpired,
    Cancelled,
    Expired,
    Redriven,
    Discarded,
}

impl State {
    pub(crate) fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::Expired
        )
    }

    /// The state after an event, or `None` when the event can't happen in this state.
    pub(crate) fn after(self, event: Event) -> Option<Self> {
        let next = match (self, event) {
            (Self::Scheduled, Event::Promoted) => Self::Queued,
            (Self::Scheduled, Event::Cancelled) => Self::Cancelled,
            (Self::Scheduled, Event::Expired) => Self::Expired,

            (Self::Queued, Event::Started) => Self::Running,
            (Self::Queued, Event::Cancelled) => Self::Cancelled,
            (Self::Queued, Event::Expired) => Self::Expired,

            (Self::Running, Event::Succeeded) => Self::Succeeded,
            (Self::Running, Event::Failed) => Self::Failed,
            (Self::Running, Event::Cancelled) => Self::Cancelled,
            (Self::Running, Event::RetryScheduled) => Self::Scheduled,
            (Self::Running, Event::Snoozed) => Self::Scheduled,
            (Self::Running, Event::Released) => Self::Queued,
            (Self::Running, Event::LeaseExpired) => Self::Queued,

            (Self::Failed, Event::Redriven) => Self::Queued,
            (Self::Cancelled, Event::Redriven) => Self::Queued,
            (Self::Expired, Event::Redriven) => Self::Queued,
            // Somebody decided that nothing is to be done about it: no dead letter any more.
            (Self::Failed, Event::Discarded) => Self::Failed,
            _ => return None,
        };
        Some(next)
    }
}

impl Event {
    /// Whether a life of the job ends with it; a redrive begins the next.
    pub(crate) fn ends_life(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::Expired
        )
    }

    /// Whether an attempt that ends with it does not count against `max_attempts`.
    pub(crate) fn gives_attempt_back(self) -> bool {
        matches!(self, Self::Snoozed | Self::Released)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [&str; 7] = [
        "scheduled",
        "queued",
        "running",
        "succeeded",
        "failed",
        "cancelled",
        "expired",
    ];
    const EVENTS: [&str; 12] = [
        "promoted",
        "started",
        "succeeded",
        "retry_scheduled",
        "failed",
        "snoozed",
        "released",
        "lease_expired",
        "cancelled",
        "expired",
        "redriven",
        "discarded",
    ];

    /// Every legal step, in the words of the database.
    fn steps() -> Vec<String> {
        let mut steps = Vec::new();
        for state in STATES {
            for event in EVENTS {
                let from: State = serde_json::from_value(state.into()).unwrap();
                let event: Event = serde_json::from_value(event.into()).unwrap();
                if let Some(to) = from.after(event) {
                    steps.push(format!("{from} {event} {to}"));
                }
            }
        }
        steps
    }

    #[test]
    fn a_terminal_state_is_left_by_a_retry_only() {
        let from_terminal: Vec<String> = steps()
            .into_iter()
            .filter(|step| STATES[3..].iter().any(|state| step.starts_with(state)))
            .collect();
        let expected = [
            "failed redriven queued",
            "failed discarded failed",
            "cancelled redriven queued",
            "expired redriven queued",
        ];
        assert_eq!(from_terminal, expected);
    }

    #[test]
    fn nothing_is_possible_but_the_steps_of_the_design() {
        let steps = steps();
        assert_eq!(steps.len(), 17, "{steps:?}");
        let starts: Vec<_> = steps.iter().filter(|step| step.contains(" started ")).collect();
        assert_eq!(starts, ["queued started running"]);
    }
}
