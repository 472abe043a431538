//! What a handler is, what it gets and what it answers.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::schedule::Fire;
use domain::{Failure, FailureCode, JobId, Kind, QueueName, TenantId};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Does the work of one kind of job. Registered once, called for every attempt.
///
/// An attempt may be repeated: its worker can die after the work was done and before that was recorded. So a handler's
/// effects must be repeatable, or made so with the job's id, which stays the same.
pub trait Handler: Send + Sync + 'static {
    /// The kind of job that it takes, e.g. `invoice.send`.
    const KIND: &'static str;

    /// What it takes. A payload that does not deserialize fails the job for good, with the path of the fault.
    type Payload: DeserializeOwned + Send;

    /// JSON Pointers to what of the payload is personal in every job of this kind, e.g. `/card/number`: shown as `***` to
    /// API keys that only read, and kept out of failure messages. Handlers keep it out of their own logs.
    const SENSITIVE: &'static [&'static str] = &[];

    /// JSON Schema of the payload, which the api checks submits against: none, unless the handler has one. Derive
    /// [`schemars::JsonSchema`] for the payload, and answer [`payload_schema`] of it. It must accept whatever
    /// [`Handler::Payload`] does.
    #[must_use]
    fn payload_schema() -> Option<schemars::Schema> {
        None
    }

    /// Does the work, in a task of its own. It is dropped when it takes longer than the job's timeout, when it does not
    /// stop soon after [`JobScope::cancelled`], and at once when the lease is lost; a panic fails the attempt.
    ///
    /// Must not block the thread: use [`tokio::task::spawn_blocking`]. What blocks can't be dropped before it yields. Its
    /// attempt ends all the same, as timed out or cancelled, and the next one may start beside it; what it still comes
    /// to is ignored. Until it ends it keeps its slot, so that the worker never runs more than it may; the worker's end
    /// does not wait for it.
    fn run(
        &self,
        payload: Self::Payload,
        scope: JobScope,
    ) -> impl Future<Output = Result<Done, JobError>> + Send;
}

/// The JSON Schema of a payload, for [`Handler::payload_schema`].
#[must_use]
pub fn payload_schema<T: JsonSchema>() -> Option<schemars::Schema> {
    Some(schemars::schema_for!(T))
}

/// What a handler may want to know about its attempt.
#[derive(Clone, Debug)]
pub struct JobScope {
    /// The job; the same on every attempt.
    pub job_id: JobId,
    /// The owner.
    pub tenant_id: TenantId,
    /// The kind.
    pub kind: Kind,
    /// The lane.
    pub queue: QueueName,
    /// The attempt's number, from 1; grows with every start.
    pub attempt: u32,
    /// Attempts spent, this one included. Less than `attempt` when some were given back.
    pub spent: u32,
    /// The most attempts that may be spent.
    pub max_attempts: u32,
    /// When the job was submitted.
    pub created_at: DateTime<Utc>,
    /// When this attempt is stopped.
    pub deadline: Instant,
    /// Cancelled when the handler should stop: the job was cancelled, the worker ends, the time is up or the lease is
    /// lost. A handler that takes no notice is dropped.
    pub cancelled: CancellationToken,
    /// The W3C trace context of the submit.
    pub traceparent: Option<String>,
    /// The request that submitted it.
    pub request_id: Option<String>,
    /// The schedule that made the job, and the nominal time that it was made for.
    pub fire: Option<Fire>,
    /// What its owner said about it.
    pub metadata: BTreeMap<String, String>,
}

impl JobScope {
    /// The time that is left to this attempt.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// The work is done.
#[derive(Debug, Default)]
pub struct Done {
    pub(crate) result: Option<Box<RawValue>>,
}

impl Done {
    /// The longest result that is kept, in bytes. A longer one is replaced by a note, and the job succeeds all the
    /// same: its work is done, and doing it again would not make the result shorter.
    pub const MAX_RESULT_BYTES: usize = 256 * 1024;

    /// Done, with nothing to tell.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Done, with a result that is kept with the job.
    ///
    /// # Errors
    /// When the value can't be written as JSON.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        Ok(Self::raw(to_raw_value(value)?))
    }

    /// Done, with a result that is JSON already.
    #[must_use]
    pub fn raw(result: Box<RawValue>) -> Self {
        Self { result: Some(result) }
    }
}

/// The work is not done. Made from any error by `?`, which asks for another attempt.
#[derive(Debug)]
pub enum JobError {
    /// Another attempt may succeed.
    Retry {
        /// What went wrong.
        failure: Failure,
        /// The least time to wait before it, as far as the job's policy allows.
        after: Option<Duration>,
    },
    /// No other attempt can succeed: the job fails now.
    Abort(Failure),
    /// Not now: start again after this time, without spending the attempt.
    Snooze(Duration),
}

impl JobError {
    /// Asks for another attempt.
    #[must_use]
    pub fn retry(message: impl Into<String>) -> Self {
        Self::retry_as(FailureCode::HandlerError, message)
    }

    /// Fails the job for good.
    #[must_use]
    pub fn abort(message: impl Into<String>) -> Self {
        Self::abort_as(FailureCode::HandlerError, message)
    }

    /// Asks for another attempt, and says by the code what is to blame: what is not the handler's own raises no alarm
    /// ([`FailureCode::is_own`]).
    #[must_use]
    pub fn retry_as(code: FailureCode, message: impl Into<String>) -> Self {
        Self::Retry {
            failure: Failure::new(code, message),
            after: None,
        }
    }

    /// Fails the job for good, and says by the code what is to blame, as [`JobError::retry_as`] does.
    #[must_use]
    pub fn abort_as(code: FailureCode, message: impl Into<String>) -> Self {
        Self::Abort(Failure::new(code, message))
    }

    /// The same, but not before this time has passed. Without effect on [`JobError::Abort`].
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        match self {
            Self::Retry { failure, .. } => Self::Retry {
                failure,
                after: Some(wait),
            },
            Self::Snooze(_) => Self::Snooze(wait),
            abort @ Self::Abort(_) => abort,
        }
    }
}

impl<E: std::error::Error> From<E> for JobError {
    fn from(error: E) -> Self {
        Self::retry(runtime::error_chain(&error).to_string())
    }
}
