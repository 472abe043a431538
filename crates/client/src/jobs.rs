//! Jobs: submitted, read, waited for, cancelled and retried.

mod bulk;
mod explain;
mod history;
mod submit;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{FailureCode, JobId, JobState};
use http::Method;
use http::header::HeaderName;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep_until};

pub use self::bulk::{BulkAction, BulkChanged, BulkFilter, BulkJobs};
pub use self::explain::{ActivePause, Explanation, Reason, RestingTarget, RunningAttempt, RunningLimit};
pub use self::history::{Attempt, JobEvent};
pub use self::submit::{OnConflict, SubmitBackoff, SubmitJob, SubmitUnique, Submitted};

use crate::call::Call;
use crate::client::{Client, LONGEST_WAIT};
use crate::error::Error;
use crate::open::Open;
use crate::page::Pages;

const PREFER: HeaderName = HeaderName::from_static("prefer");

/// A job as it is now.
#[derive(Clone, Debug, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Names the handler.
    pub kind: String,
    /// The lane.
    pub queue: String,
    /// Where it stands.
    pub state: Open<JobState>,
    /// What the handler gets, byte for byte; absent in lists.
    pub payload: Option<Box<RawValue>>,
    /// What the handler answered; absent in lists.
    pub result: Option<Box<RawValue>>,
    /// Why it failed, or why it waits for another attempt.
    pub error: Option<JobError>,
    /// The number of attempts ever started.
    pub attempt: u32,
    /// Attempts that count against `max_attempts`; those that a worker handed back don't.
    pub attempts_spent: u32,
    /// The most attempts that may fail.
    pub max_attempts: u32,
    /// The waits between attempts; absent in lists.
    pub backoff: Option<Backoff>,
    /// How long one attempt may take; absent in lists.
    pub timeout_ms: Option<u64>,
    /// Labels.
    #[serde(default)]
    pub tags: Vec<String>,
    /// What its submitter wants to know about it; empty in lists.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// JSON Pointers to what of the payload is personal; empty in lists.
    #[serde(default)]
    pub sensitive: Vec<String>,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// When it is due, or was.
    pub run_at: DateTime<Utc>,
    /// It expires when it was not started by then.
    pub start_by: Option<DateTime<Utc>>,
    /// When somebody asked for its end.
    pub cancel_requested_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// The schedule that made it.
    pub schedule: Option<String>,
    /// The time for which the schedule made it.
    pub fire_at: Option<DateTime<Utc>>,
    /// The request that it came with; absent in lists.
    pub request_id: Option<String>,
    /// The trace that it belongs to (W3C Trace Context); absent in lists.
    pub traceparent: Option<String>,
}

impl Job {
    /// Whether nothing but a retry moves it any more.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        match self.state.known() {
            Some(state) => state.is_terminal(),
            None => self.finished_at.is_some(),
        }
    }

    /// Reads what the handler answered; `None` when there is nothing.
    ///
    /// # Errors
    /// When it is something else than was expected.
    pub fn result_as<T: DeserializeOwned>(&self) -> Result<Option<T>, Error> {
        let result = self
            .result
            .as_deref()
            .map(|result| serde_json::from_str(result.get()));
        result.transpose().map_err(|error| Error::Answer(error.into()))
    }
}

/// Why an attempt failed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct JobError {
    /// The class of the failure, such as `timed_out`.
    pub code: Open<FailureCode>,
    /// The same, for people.
    pub message: String,
}

/// The wait after the n-th failed attempt is drawn between 0 and `initial_ms` × `factor`ⁿ⁻¹, at most `max_ms`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
pub struct Backoff {
    /// The ceiling of the first wait.
    pub initial_ms: u64,
    /// How it grows.
    pub factor: f64,
    /// The most that it grows to.
    pub max_ms: u64,
}

/// Which jobs are meant: those that fit everything that is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct JobFilter {
    /// In this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<JobState>,
    /// Of this kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// In this lane.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// With this label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Accepted at or after this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_after: Option<DateTime<Utc>>,
    /// Accepted before this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_before: Option<DateTime<Utc>>,
}

/// A round of waiting that is over sooner found an api without a place to wait in, or one that drains.
const LEAST_ROUND: Duration = Duration::from_secs(1);

impl Client {
    /// Reads a job.
    pub fn job(&self, id: JobId) -> Call<'_, Job> {
        self.get(format!("/api/jobs/{id}"))
    }

    /// Reads a job as soon as it has ended, or `patience` has passed: at most 20 s.
    pub fn job_at_end(&self, id: JobId, patience: Duration) -> Call<'_, Job> {
        let wait = patience.min(LONGEST_WAIT);
        // In whole seconds, so that it may be a little longer.
        let prefer = format!("wait={}", wait.as_secs_f64().ceil());
        let request = self.request(Method::GET, format!("/api/jobs/{id}"));
        Call::new(
            request
                .header(PREFER, &prefer)
                .map(|request| request.patience(wait)),
        )
    }

    /// Waits for a job's end, for up to `patience`; gives the job as it is then.
    ///
    /// # Errors
    /// When there is no such job, or the api did not answer.
    pub async fn wait(&self, id: JobId, patience: Duration) -> Result<Job, Error> {
        let deadline = Instant::now() + patience;
        loop {
            let asked = Instant::now();
            let left = deadline.saturating_duration_since(asked);
            let job = self.job_at_end(id, left).await?;
            if job.has_ended() || deadline <= Instant::now() {
                return Ok(job);
            }
            sleep_until(deadline.min(asked + LEAST_ROUND)).await;
        }
    }

    /// The jobs that match, newest first, page after page.
    pub fn jobs(&self, filter: &JobFilter) -> Pages<'_, Job> {
        Pages::new(self, "/api/jobs", "jobs", filter)
    }

    /// Cancels a job, also a running one: that is asked to end, and has `cancel_requested_at` until then.
    ///
    /// It is refused when the job has ended already.
    pub fn cancel(&self, id: JobId) -> Call<'_, Job> {
        // Not harmless: done twice, it says that the job has ended already.
        Call::new(Ok(self.request(Method::POST, format!("/api/jobs/{id}/cancel"))))
    }

    /// Queues a failed, cancelled or expired job again. It is refused when the job is in another state.
    pub fn retry(&self, id: JobId) -> Call<'_, Job> {
        Call::new(Ok(self.request(Method::POST, format!("/api/jobs/{id}/retry"))))
    }
}
