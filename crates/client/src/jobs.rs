//! Jobs: submitted, read, waited for, cancelled and retried.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{JobId, JobState};
use http::header::HeaderName;
use http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::client::Client;
use crate::error::Error;
use crate::page::Pages;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const PREFER: HeaderName = HeaderName::from_static("prefer");
/// The longest that the api waits for a job's end in one request.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// A job to be submitted. What is `None` or empty has the api's default.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SubmitJob {
    /// Names the handler, such as `http.request`.
    pub kind: String,
    /// What the handler gets, byte for byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Box<RawValue>>,
    /// The lane: `high`, `default` or `low`, unless the platform has others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// When it is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_at: Option<DateTime<Utc>>,
    /// How long after its acceptance it is due, in place of `run_at`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// It expires when it was not started by then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_by: Option<DateTime<Utc>>,
    /// The most attempts that may fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// How long one attempt may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Labels for finding it again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Any other field of the submit, as the api's documentation names it.
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

impl SubmitJob {
    /// A job of this kind, with this payload.
    ///
    /// # Errors
    /// When the payload can't be written as JSON.
    pub fn new(kind: impl Into<String>, payload: &(impl Serialize + ?Sized)) -> Result<Self, Error> {
        let payload = serde_json::value::to_raw_value(payload)
            .map_err(|error| Error::Configuration(error.to_string()))?;
        Ok(Self {
            kind: kind.into(),
            payload: Some(payload),
            ..Self::default()
        })
    }
}

/// A job that was accepted.
#[derive(Clone, Debug, Deserialize)]
pub struct Submitted {
    /// Its id.
    pub id: JobId,
    /// `queued`, or `scheduled` when it is due later.
    pub state: JobState,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// When it is due.
    pub run_at: DateTime<Utc>,
}

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
    pub state: JobState,
    /// What the handler gets; absent in lists.
    pub payload: Option<Box<RawValue>>,
    /// What the handler answered.
    pub result: Option<Box<RawValue>>,
    /// Why it failed, or why it waits for another attempt.
    pub error: Option<JobError>,
    /// The number of attempts ever started.
    pub attempt: u32,
    /// The most attempts that may fail.
    pub max_attempts: u32,
    /// Labels.
    #[serde(default)]
    pub tags: Vec<String>,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// When it is due, or was.
    pub run_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

impl Job {
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
    /// Names the class of the failure, such as `timed_out`.
    pub code: String,
    /// The same, for people.
    pub message: String,
}

/// Which jobs to list.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    /// In this state.
    pub state: Option<JobState>,
    /// Of this kind.
    pub kind: Option<String>,
    /// In this lane.
    pub queue: Option<String>,
    /// With this label.
    pub tag: Option<String>,
    /// Accepted at or after this.
    pub created_after: Option<DateTime<Utc>>,
    /// Accepted before this.
    pub created_before: Option<DateTime<Utc>>,
}

impl Client {
    /// Submits a job under a new idempotency key: however often the request has to be sent, there is one job.
    ///
    /// # Errors
    /// When the api refused or did not answer. Without an answer the job may have been accepted all the same.
    pub async fn submit(&self, job: &SubmitJob) -> Result<Submitted, Error> {
        self.submit_once(job, &new_key()).await
    }

    /// Submits a job under an idempotency key of the caller's own: for a day, the same key and job are the same job, also
    /// after a restart of the caller.
    ///
    /// # Errors
    /// When the api refused or did not answer.
    pub async fn submit_once(&self, job: &SubmitJob, idempotency_key: &str) -> Result<Submitted, Error> {
        let request = self.request(Method::POST, "/api/jobs").body(job)?;
        let request = request.header(IDEMPOTENCY_KEY, idempotency_key)?;
        request.harmless().json().await
    }

    /// Submits up to 1,000 jobs, all or none, under a new idempotency key.
    ///
    /// # Errors
    /// When the api refused or did not answer.
    pub async fn submit_batch(&self, jobs: &[SubmitJob]) -> Result<Vec<Submitted>, Error> {
        #[derive(Serialize)]
        struct Batch<'a> {
            jobs: &'a [SubmitJob],
        }
        #[derive(Deserialize)]
        struct Accepted {
            jobs: Vec<Submitted>,
        }
        let request = self
            .request(Method::POST, "/api/jobs/batch")
            .body(&Batch { jobs })?;
        let request = request.header(IDEMPOTENCY_KEY, &new_key())?.harmless();
        Ok(request.json::<Accepted>().await?.jobs)
    }

    /// Reads a job.
    ///
    /// # Errors
    /// When there is no such job, or the api did not answer.
    pub async fn job(&self, id: JobId) -> Result<Job, Error> {
        self.get(format!("/api/jobs/{id}")).await
    }

    /// Waits for a job's end, for up to `patience`; gives the job as it is then.
    ///
    /// # Errors
    /// When there is no such job, or the api did not answer.
    pub async fn wait(&self, id: JobId, patience: Duration) -> Result<Job, Error> {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = left.min(LONGEST_WAIT);
            // In whole seconds, so that the last wait may be a little long.
            let prefer = format!("wait={}", wait.as_secs_f64().ceil());
            let request = self.request(Method::GET, format!("/api/jobs/{id}"));
            let request = request.header(PREFER, &prefer)?.patience(wait);
            let job: Job = request.json().await?;
            if job.state.is_terminal() || deadline <= Instant::now() {
                return Ok(job);
            }
        }
    }

    /// The jobs that match, newest first, page after page.
    #[must_use]
    pub fn jobs(&self, filter: &JobFilter) -> Pages<'_, Job> {
        let query = [
            ("state", filter.state.map(|state| state.to_string())),
            ("kind", filter.kind.clone()),
            ("queue", filter.queue.clone()),
            ("tag", filter.tag.clone()),
            (
                "created_after",
                filter.created_after.map(|time| time.to_rfc3339()),
            ),
            (
                "created_before",
                filter.created_before.map(|time| time.to_rfc3339()),
            ),
        ];
        Pages::new(self, "/api/jobs", "jobs", query)
    }

    /// Cancels a job. `true` when it has ended, `false` when it runs and is asked to end.
    ///
    /// # Errors
    /// When there is no such job, it has ended already, or the api did not answer.
    pub async fn cancel(&self, id: JobId) -> Result<bool, Error> {
        // Done twice it says that the job has ended already.
        let request = self.request(Method::POST, format!("/api/jobs/{id}/cancel"));
        let status = request.send().await?.status();
        Ok(status != StatusCode::ACCEPTED)
    }

    /// Queues a failed, cancelled or expired job again.
    ///
    /// # Errors
    /// When there is no such job, it is in another state, or the api did not answer.
    pub async fn retry(&self, id: JobId) -> Result<Job, Error> {
        let request = self.request(Method::POST, format!("/api/jobs/{id}/retry"));
        request.json().await
    }
}

fn new_key() -> String {
    uuid::Builder::from_random_bytes(rand::random())
        .into_uuid()
        .to_string()
}
