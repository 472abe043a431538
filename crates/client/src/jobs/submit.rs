//! Submitting jobs, each under a key that makes it harmless to repeat.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{JobId, JobState};
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::call::Call;
use crate::client::Client;
use crate::error::Error;
use crate::once::{new_key, once};
use crate::open::Open;

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
    /// The waits between attempts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff: Option<SubmitBackoff>,
    /// How long one attempt may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Labels for finding it again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What there is to know about it, kept with it and passed to its handler.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// JSON Pointers to what of the payload is personal: masked for keys that only read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sensitive: Vec<String>,
    /// That no other job does the same work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unique: Option<SubmitUnique>,
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

/// The waits between attempts. What is `None` has the api's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct SubmitBackoff {
    /// The ceiling of the first wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_ms: Option<u64>,
    /// How it grows with each attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// The most that it grows to, and that a target may ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_ms: Option<u64>,
}

/// What makes a job unique: `key`, or `fields` of the payload, and always the kind.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct SubmitUnique {
    /// The work that it does, in the caller's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// JSON Pointers into the payload: jobs with equal values there do the same work.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// How long the job keeps others away; until its end, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period_ms: Option<u64>,
    /// What to do when there is such a job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_conflict: Option<OnConflict>,
}

/// What a submit does that another job keeps away.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnConflict {
    /// It is answered by that job, as by [`Submitted::existed`].
    Return,
    /// It takes the place of that job, if that has not started.
    Replace,
    /// It is refused.
    Reject,
}

/// A job that was accepted.
#[derive(Clone, Debug, Deserialize)]
pub struct Submitted {
    /// Its id.
    pub id: JobId,
    /// Names the handler.
    pub kind: String,
    /// The lane.
    pub queue: String,
    /// `queued`, or `scheduled` when it is due later.
    pub state: Open<JobState>,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// When it is due.
    pub run_at: DateTime<Utc>,
    /// Whether it is an earlier submit's job, which does the same work.
    #[serde(default)]
    pub existed: bool,
}

impl Client {
    /// Submits a job under a new idempotency key: however often the request has to be sent, there is one job.
    ///
    /// Without an answer the job may have been accepted all the same.
    pub fn submit(&self, job: &SubmitJob) -> Call<'_, Submitted> {
        self.submit_once(job, &new_key())
    }

    /// Submits a job under an idempotency key of the caller's own: for a day, the same key and job are the same job, also
    /// after a restart of the caller.
    pub fn submit_once(&self, job: &SubmitJob, idempotency_key: &str) -> Call<'_, Submitted> {
        self.submit_to("/api/jobs", job, idempotency_key)
    }

    /// Submits up to 1,000 jobs, all or none, under a new idempotency key.
    pub fn submit_batch(&self, jobs: &[SubmitJob]) -> Call<'_, Vec<Submitted>> {
        self.submit_batch_once(jobs, &new_key())
    }

    /// Submits up to 1,000 jobs, all or none, under an idempotency key of the caller's own.
    pub fn submit_batch_once(&self, jobs: &[SubmitJob], idempotency_key: &str) -> Call<'_, Vec<Submitted>> {
        #[derive(Serialize)]
        struct Batch<'a> {
            jobs: &'a [SubmitJob],
        }
        self.submit_to("/api/jobs/batch", &Batch { jobs }, idempotency_key)
            .field("jobs")
    }

    fn submit_to<T>(&self, path: &str, body: &impl Serialize, idempotency_key: &str) -> Call<'_, T> {
        once(self.request(Method::POST, path).body(body), idempotency_key)
    }
}
