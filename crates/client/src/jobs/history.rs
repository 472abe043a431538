//! What has happened to a job. What happens to it is told by [`Client::watch`].

use chrono::{DateTime, Utc};
use domain::{JobId, WorkerId};
use serde::{Deserialize, Serialize};

use super::JobError;
use crate::call::Call;
use crate::client::Client;

/// One start of a job.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct Attempt {
    /// Its number, from 1.
    pub attempt: u32,
    /// The worker process that ran it.
    pub worker_id: WorkerId,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended; `None` while it runs.
    pub finished_at: Option<DateTime<Utc>>,
    /// How it ended: `succeeded`, `retry_scheduled`, `failed` …; `None` while it runs.
    pub event: Option<String>,
    /// Why it failed, if it did.
    pub error: Option<JobError>,
}

/// Something that happened to a job.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct JobEvent {
    /// From 1, without gaps.
    pub number: u32,
    /// When.
    pub at: DateTime<Utc>,
    /// What: `submitted`, `started`, `succeeded` …
    pub event: String,
    /// The attempt to which it happened.
    pub attempt: Option<u32>,
}

impl Client {
    /// The attempts of a job, first one first.
    pub fn attempts(&self, id: JobId) -> Call<'_, Vec<Attempt>> {
        self.get(format!("/api/jobs/{id}/attempts")).field("attempts")
    }

    /// What has happened to a job, first event first.
    pub fn events(&self, id: JobId) -> Call<'_, Vec<JobEvent>> {
        self.get(format!("/api/jobs/{id}/events")).field("events")
    }
}
