//! What happened to a job.

use chrono::{DateTime, Utc};
use serde::Serialize;
use store::{Attempt, JobEvent};
use utoipa::ToSchema;
use uuid::Uuid;

use super::ErrorBody;

/// One start of a job.
#[derive(Serialize, ToSchema)]
#[schema(as = Attempt)]
pub(crate) struct AttemptBody {
    /// Its number, from 1.
    attempt: u32,
    /// The worker process that ran it.
    worker_id: Uuid,
    started_at: DateTime<Utc>,
    /// `null` while it runs.
    finished_at: Option<DateTime<Utc>>,
    /// How it ended: `succeeded`, `retry_scheduled`, `failed`, …; `null` while it runs.
    event: Option<String>,
    error: Option<ErrorBody>,
}

/// The attempts of a job, first one first.
#[derive(Serialize, ToSchema)]
pub(crate) struct AttemptList {
    pub(crate) attempts: Vec<AttemptBody>,
}

/// Something that happened to a job.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventBody {
    /// Its number within the job, from 1.
    number: u32,
    at: DateTime<Utc>,
    /// What: `submitted`, `started`, `succeeded`, …
    event: String,
    /// The attempt that it belongs to.
    attempt: Option<u32>,
}

/// The history of a job, first event first.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventList {
    pub(crate) events: Vec<EventBody>,
}

/// One event of a stream, by its fields.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what is written line by line")]
pub(crate) struct StreamedEvent {
    /// The event's number; not with `end`.
    #[schema(pattern = "^[1-9][0-9]*$")]
    id: Option<String>,
    /// What happened, or `end`.
    event: Option<String>,
    /// An event as JSON; with `end`, the job's `state`.
    data: String,
}

impl From<Attempt> for AttemptBody {
    fn from(attempt: Attempt) -> Self {
        Self {
            attempt: attempt.attempt,
            worker_id: attempt.worker_id.0,
            started_at: attempt.started_at,
            finished_at: attempt.finished_at,
            event: attempt.event,
            error: ErrorBody::of(attempt.error_code, attempt.error_message),
        }
    }
}

impl From<JobEvent> for EventBody {
    fn from(event: JobEvent) -> Self {
        Self {
            number: event.number,
            at: event.at,
            event: event.event,
            attempt: event.attempt,
        }
    }
}
