//! Jobs.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{Backoff, JobState, JsonPointer, Secrets, mask};
use serde::Serialize;
use serde_json::value::RawValue;
use store::Job;
use utoipa::ToSchema;
use uuid::Uuid;

/// Where a job stands.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = JobState)]
pub(crate) enum State {
    /// Due later, or waiting between two attempts.
    Scheduled,
    /// Due, waiting for a worker.
    Queued,
    /// One attempt is under way.
    Running,
    /// Ended well.
    Succeeded,
    /// Ended: the attempts are used up, or the handler gave up. May be retried.
    Failed,
    /// Ended on request. May be retried.
    Cancelled,
    /// Ended: it was not started by `start_by`. May be retried.
    Expired,
}

impl From<JobState> for State {
    fn from(state: JobState) -> Self {
        match state {
            JobState::Scheduled => Self::Scheduled,
            JobState::Queued => Self::Queued,
            JobState::Running => Self::Running,
            JobState::Succeeded => Self::Succeeded,
            JobState::Failed => Self::Failed,
            JobState::Cancelled => Self::Cancelled,
            JobState::Expired => Self::Expired,
        }
    }
}

/// A job as it stands, with all that is known about it.
#[derive(Serialize, ToSchema)]
#[schema(as = Job)]
pub(crate) struct JobBody {
    #[serde(flatten)]
    summary: JobSummary,
    /// What the handler gets, byte for byte as it was submitted.
    /// For a key that only reads, with `***` in place of what `sensitive` points to.
    #[schema(value_type = serde_json::Value)]
    payload: Box<RawValue>,
    /// What the handler returned.
    #[schema(value_type = Option<serde_json::Value>)]
    result: Option<Box<RawValue>>,
    metadata: BTreeMap<String, String>,
    /// JSON Pointers to what of the payload is personal.
    sensitive: Vec<String>,
    backoff: BackoffBody,
    /// How long one attempt may take.
    timeout_ms: u64,
    /// The request that submitted it.
    request_id: Option<String>,
    /// The W3C trace context of the submit.
    traceparent: Option<String>,
}

/// A job as lists show it: without payload, result and metadata, which may be long.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobSummary {
    id: Uuid,
    kind: String,
    queue: String,
    state: State,
    tags: Vec<String>,
    /// The number of attempts ever started.
    attempt: u32,
    /// Attempts that count against `max_attempts`; those that a worker handed back don't.
    attempts_spent: u32,
    max_attempts: u32,
    created_at: DateTime<Utc>,
    /// When it is, or was, due.
    run_at: DateTime<Utc>,
    /// It expires when it was not started by then.
    start_by: Option<DateTime<Utc>>,
    /// When it reached its terminal state.
    finished_at: Option<DateTime<Utc>>,
    /// When somebody asked for its end.
    cancel_requested_at: Option<DateTime<Utc>>,
    /// The failure of the last attempt.
    error: Option<ErrorBody>,
    /// The schedule that made it.
    schedule: Option<String>,
    /// The nominal time for which the schedule made it.
    fire_at: Option<DateTime<Utc>>,
}

/// The waits between attempts.
#[derive(Serialize, ToSchema)]
#[schema(as = Backoff)]
pub(crate) struct BackoffBody {
    initial_ms: u64,
    factor: f64,
    max_ms: u64,
}

/// The class of a failure.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(
    dead_code,
    reason = "it describes what is a text here and `domain::FailureCode` below"
)]
pub(crate) enum FailureCode {
    /// The handler reported an error.
    HandlerError,
    /// The payload is not what the handler of this kind takes.
    PayloadInvalid,
    /// The handler panicked.
    Panicked,
    /// The attempt ran longer than the job's `timeout_ms`.
    TimedOut,
    /// The worker died, hung or lost the database.
    WorkerLost,
    /// No handler is registered for the job's kind.
    UnknownKind,
    /// The worker's version can't read the job.
    JobUnreadable,
    /// The target could not be reached, or the exchange broke off.
    TargetUnreachable,
    /// The target answered with something else than success.
    TargetRefused,
}

/// Why an attempt did not succeed.
#[derive(Serialize, ToSchema)]
#[schema(as = JobError)]
pub(crate) struct ErrorBody {
    /// The class of the failure, for programs.
    #[schema(example = "timed_out")]
    code: String,
    /// What happened, for people.
    message: String,
}

/// A page of jobs, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobList {
    pub(crate) jobs: Vec<JobSummary>,
    /// Gives the next page when sent as `cursor`; `null` on the last one.
    pub(crate) next_cursor: Option<String>,
}

impl ErrorBody {
    /// Both columns are set together.
    pub(super) fn of(code: Option<String>, message: Option<String>) -> Option<Self> {
        code.map(|code| Self::new(code, message))
    }

    pub(super) fn new(code: String, message: Option<String>) -> Self {
        Self {
            code,
            message: message.unwrap_or_default(),
        }
    }
}

impl From<Backoff> for BackoffBody {
    fn from(backoff: Backoff) -> Self {
        Self {
            initial_ms: ms(backoff.initial),
            factor: backoff.factor,
            max_ms: ms(backoff.max),
        }
    }
}

impl From<Job> for JobSummary {
    fn from(job: Job) -> Self {
        let (schedule, fire_at) = job.fire.map(|fire| (fire.schedule, fire.fire_at)).unzip();
        Self {
            id: job.id.0,
            kind: job.kind,
            queue: job.queue,
            state: job.state.into(),
            tags: job.tags,
            attempt: job.attempt,
            attempts_spent: job.attempts_spent,
            max_attempts: job.policy.max_attempts,
            created_at: job.created_at,
            run_at: job.run_at,
            start_by: job.start_by,
            finished_at: job.finished_at,
            cancel_requested_at: job.cancel_requested_at,
            error: ErrorBody::of(job.error_code, job.error_message),
            schedule,
            fire_at,
        }
    }
}

/// As who only reads sees it.
impl From<Job> for JobBody {
    fn from(job: Job) -> Self {
        Self::masked(job, &[])
    }
}

impl JobBody {
    /// Without personal data: what the job says of it, and what its kind says.
    pub(crate) fn masked(mut job: Job, of_kind: &[JsonPointer]) -> Self {
        let pointers = [&job.sensitive, of_kind].concat();
        if let (Some(payload), false) = (&job.payload, pointers.is_empty()) {
            let secrets = Secrets::of(payload, &pointers);
            job.result = job.result.map(|result| secrets.redacted_json(&result));
            job.error_message = job.error_message.map(|message| secrets.redacted(&message));
            job.payload = Some(mask::masked(payload, &pointers));
        }
        Self::in_full(job)
    }

    /// With everything, for who may submit.
    pub(crate) fn in_full(mut job: Job) -> Self {
        Self {
            payload: job.payload.take().unwrap_or_default(),
            result: job.result.take(),
            metadata: std::mem::take(&mut job.metadata),
            sensitive: std::mem::take(&mut job.sensitive)
                .into_iter()
                .map(Into::into)
                .collect(),
            backoff: job.policy.backoff.into(),
            timeout_ms: ms(job.timeout),
            request_id: job.request_id.take(),
            traceparent: job.traceparent.take(),
            summary: job.into(),
        }
    }
}

pub(super) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
