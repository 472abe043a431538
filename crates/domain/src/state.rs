//! The life of a job: its states, what may happen to it, and the only transition table.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a job stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Due later: it has a future `run_at`, or waits between two attempts. Maintenance moves it to `queued` when it
    /// is due. Never reaped.
    Scheduled,
    /// Due: announced to the workers, or about to be. A worker's claim moves it to `running`. Never reaped.
    Queued,
    /// One attempt holds a lease. The worker that holds it moves the job on; when the lease runs out, maintenance
    /// does. Never reaped.
    Running,
    /// Terminal: the handler succeeded, the result is kept until retention.
    Succeeded,
    /// Terminal: the attempts are used up, or the handler gave up. A dead letter until someone retries or discards
    /// it; not reaped before that.
    Failed,
    /// Terminal: ended on request. Kept until retention, may be retried.
    Cancelled,
    /// Terminal: it was not started by its `start_by`. Kept until retention, may be retried.
    Expired,
}

impl JobState {
    /// Every state, in the order of a job's life.
    pub const ALL: [Self; 7] = [
        Self::Scheduled,
        Self::Queued,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::Expired,
    ];

    /// The state as it is written in rows, requests and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// Whether nothing but a redrive moves the job any more.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Scheduled | Self::Queued | Self::Running => false,
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::Expired => true,
        }
    }

    /// The state that follows an event: the only transition table. Every statement that changes a state names the
    /// event that it stands for.
    ///
    /// # Errors
    /// When the event can't happen to a job in this state.
    pub fn next(self, event: Event) -> Result<Self, IllegalTransition> {
        let to = match (self, event) {
            (Self::Scheduled, Event::Promoted) => Self::Queued,
            (Self::Scheduled | Self::Queued, Event::Expired) => Self::Expired,
            (Self::Scheduled | Self::Queued | Self::Running, Event::Cancelled) => Self::Cancelled,

            (Self::Queued, Event::Started) => Self::Running,

            (Self::Running, Event::Succeeded) => Self::Succeeded,
            (Self::Running, Event::RetryScheduled | Event::Snoozed) => Self::Scheduled,
            (Self::Running, Event::Failed) => Self::Failed,
            (Self::Running, Event::Released | Event::LeaseExpired) => Self::Queued,

            (Self::Failed | Self::Cancelled | Self::Expired, Event::Redriven) => Self::Queued,
            (Self::Failed, Event::Discarded) => Self::Failed,

            (
                Self::Scheduled
                | Self::Queued
                | Self::Running
                | Self::Succeeded
                | Self::Failed
                | Self::Cancelled
                | Self::Expired,
                _,
            ) => return Err(IllegalTransition { from: self, event }),
        };
        Ok(to)
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no state.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0:?} is no job state")]
pub struct UnknownState(pub String);

impl FromStr for JobState {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| UnknownState(text.to_owned()))
    }
}

/// What happened to a job. Each one is a row in the job's history.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Its time came.
    Promoted,
    /// A worker claimed it: a new attempt began.
    Started,
    /// The handler succeeded.
    Succeeded,
    /// The attempt failed, and another one is planned.
    RetryScheduled,
    /// The attempt failed and there is none left, or the handler gave up.
    Failed,
    /// The handler asked to be started again later; the attempt is not spent.
    Snoozed,
    /// The worker is shutting down and handed the job back; the attempt is not spent.
    Released,
    /// The worker's lease ran out with attempts left; the attempt is spent.
    LeaseExpired,
    /// Somebody asked for its end.
    Cancelled,
    /// It was not started by its `start_by`.
    Expired,
    /// Somebody retried it from a terminal state; it has all its attempts again.
    Redriven,
    /// Somebody decided that this failure needs no retry: the job is no dead letter any more.
    Discarded,
}

impl Event {
    /// Every event.
    pub const ALL: [Self; 12] = [
        Self::Promoted,
        Self::Started,
        Self::Succeeded,
        Self::RetryScheduled,
        Self::Failed,
        Self::Snoozed,
        Self::Released,
        Self::LeaseExpired,
        Self::Cancelled,
        Self::Expired,
        Self::Redriven,
        Self::Discarded,
    ];

    /// The event as it is written in rows and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Promoted => "promoted",
            Self::Started => "started",
            Self::Succeeded => "succeeded",
            Self::RetryScheduled => "retry_scheduled",
            Self::Failed => "failed",
            Self::Snoozed => "snoozed",
            Self::Released => "released",
            Self::LeaseExpired => "lease_expired",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Redriven => "redriven",
            Self::Discarded => "discarded",
        }
    }

    /// The terminal state that a job is in after this event; `None` when it goes on.
    #[must_use]
    pub fn end_state(self) -> Option<JobState> {
        match self {
            Self::Succeeded => Some(JobState::Succeeded),
            Self::Failed | Self::Discarded => Some(JobState::Failed),
            Self::Cancelled => Some(JobState::Cancelled),
            Self::Expired => Some(JobState::Expired),
            Self::Promoted
            | Self::Started
            | Self::RetryScheduled
            | Self::Snoozed
            | Self::Released
            | Self::LeaseExpired
            | Self::Redriven => None,
        }
    }
}

/// A text that names no event.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0:?} is no event")]
pub struct UnknownEvent(pub String);

impl FromStr for Event {
    type Err = UnknownEvent;

    fn from_str(text: &str) -> Result<Self, UnknownEvent> {
        Self::ALL
            .into_iter()
            .find(|event| event.as_str() == text)
            .ok_or_else(|| UnknownEvent(text.to_owned()))
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An event that can't happen to a job in this state.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a {from} job can't be {event}")]
pub struct IllegalTransition {
    /// The state that the job is in.
    pub from: JobState,
    /// What was about to happen.
    pub event: Event,
}

/// Every legal transition, in the order of the table.
pub fn transitions() -> impl Iterator<Item = (JobState, Event, JobState)> {
    JobState::ALL.into_iter().flat_map(|from| {
        Event::ALL
            .into_iter()
            .filter_map(move |event| Some((from, event, from.next(event).ok()?)))
    })
}

/// The table as a mermaid diagram; the one in `docs/state-machine.md` is compared with it by a test.
#[must_use]
pub fn diagram() -> String {
    let mut text = String::from("stateDiagram-v2\n    [*] --> scheduled: submitted with a future run_at\n");
    text.push_str("    [*] --> queued: submitted\n");
    for (from, event, to) in transitions() {
        writeln!(text, "    {from} --> {to}: {event}").expect("writing to a String does not fail");
    }
    for state in JobState::ALL.into_iter().filter(|state| state.is_terminal()) {
        writeln!(text, "    {state} --> [*]: retention").expect("writing to a String does not fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn terminal_states_leave_only_by_redrive_and_success_never() {
        for (from, event, to) in transitions() {
            if from.is_terminal() {
                assert_ne!(from, JobState::Succeeded);
                // Discarding changes who looks after the job, not where it stands.
                let stays = (from, event) == (JobState::Failed, Event::Discarded) && to == from;
                assert!(
                    stays || (event, to) == (Event::Redriven, JobState::Queued),
                    "{from}"
                );
            }
        }
    }

    #[test]
    fn only_a_queued_job_starts_and_every_state_is_reached() {
        let starts: Vec<_> = transitions()
            .filter(|(_, event, _)| *event == Event::Started)
            .collect();
        assert_eq!(starts, [(JobState::Queued, Event::Started, JobState::Running)]);
        for state in JobState::ALL {
            assert!(
                transitions().any(|(_, _, to)| to == state),
                "{state} is never reached"
            );
        }
    }

    #[test]
    fn texts_read_back() {
        for state in JobState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        for event in Event::ALL {
            assert_eq!(event.as_str().parse(), Ok(event));
            assert_eq!(serde_json::to_value(event).unwrap(), event.as_str());
        }
        assert!("done".parse::<JobState>().is_err() && "submitted".parse::<Event>().is_err());
    }

    #[test]
    fn an_event_ends_a_job_exactly_when_the_table_says_so() {
        for (_, event, to) in transitions() {
            assert_eq!(event.end_state(), to.is_terminal().then_some(to), "{event}");
        }
    }

    #[test]
    fn the_diagram_in_the_docs_is_the_table() {
        let page = include_str!("../../../docs/state-machine.md");
        assert!(
            page.contains(&diagram()),
            "docs/state-machine.md is stale; it should hold:\n```mermaid\n{}```",
            diagram()
        );
    }

    proptest! {
        /// Walks any sequence of events over a job with its counters, refusing what the table refuses.
        #[test]
        fn any_sequence_of_events_keeps_the_invariants(
            events in prop::collection::vec(prop::sample::select(Event::ALL.to_vec()), 0..200),
            max_attempts in 1_u32..6,
        ) {
            let (mut state, mut attempt, mut spent) = (JobState::Queued, 0_u32, 0_u32);
            for event in events {
                // The retry decision allows another start only while attempts are left.
                let plans_another = matches!(event, Event::RetryScheduled | Event::LeaseExpired);
                if plans_another && spent >= max_attempts {
                    continue;
                }
                let Ok(next) = state.next(event) else { continue };
                if state.is_terminal() {
                    prop_assert!(matches!(event, Event::Redriven | Event::Discarded));
                }
                match event {
                    Event::Started => {
                        attempt += 1;
                        spent += 1;
                    }
                    Event::Snoozed | Event::Released => spent -= 1,
                    Event::Redriven => spent = 0,
                    Event::Promoted
                    | Event::Succeeded
                    | Event::RetryScheduled
                    | Event::Failed
                    | Event::LeaseExpired
                    | Event::Cancelled
                    | Event::Expired
                    | Event::Discarded => {}
                }
                prop_assert!(spent <= max_attempts, "{spent} of {max_attempts} attempts spent");
                prop_assert!(spent <= attempt);
                state = next;
            }
        }
    }
}
