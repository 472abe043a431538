//! Dead letters.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use store::{DeadLetter, DeadLetterGroup};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use super::{ErrorBody, FailureCode, text};
use crate::body::Document;
use crate::json::Object;

/// A failed job that waits for a decision.
#[derive(Serialize, ToSchema)]
#[schema(as = DeadLetter)]
pub(crate) struct DeadLetterBody {
    job_id: Uuid,
    kind: String,
    queue: String,
    tags: Vec<String>,
    created_at: DateTime<Utc>,
    /// When its last attempt failed.
    failed_at: DateTime<Utc>,
    /// The number of that attempt.
    attempt: u32,
    /// Why that attempt failed.
    error: ErrorBody,
    /// Equal for failures of the same cause: their messages differ in numbers, ids and the like only.
    #[schema(example = "473c60e349f95403")]
    fingerprint: String,
}

/// A page of dead letters, the job that was submitted last first.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeadLetterList {
    pub(crate) dead_letters: Vec<DeadLetterBody>,
    /// Gives the next page when sent as `cursor`; `null` on the last one.
    pub(crate) next_cursor: Option<String>,
}

/// Dead letters of one kind with the same cause.
#[derive(Serialize, ToSchema)]
#[schema(as = DeadLetterGroup)]
pub(crate) struct GroupBody {
    #[schema(example = "473c60e349f95403")]
    fingerprint: String,
    kind: String,
    /// The class of the failures.
    #[schema(example = "timed_out")]
    error_code: String,
    /// How many there are.
    count: u64,
    first_failed_at: DateTime<Utc>,
    last_failed_at: DateTime<Utc>,
    example: ExampleBody,
}

/// The job of the group that was submitted last.
#[derive(Serialize, ToSchema)]
#[schema(as = DeadLetterExample)]
pub(crate) struct ExampleBody {
    job_id: Uuid,
    /// What its failure said.
    message: String,
}

/// Groups of dead letters, the largest one first.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeadLetterGroupList {
    pub(crate) groups: Vec<GroupBody>,
}

/// Which dead letters are meant: those that fit everything that is sent. An empty filter is refused; all dead
/// letters are meant by `{"all": true}`.
#[derive(Default, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(as = DeadLetterFilter)]
pub(crate) struct FilterBody {
    /// All of them; sent alone, and `false` as if it were left out.
    pub(crate) all: Option<bool>,
    /// These jobs.
    #[schema(min_items = 1, max_items = 1000, value_type = Option<Vec<Uuid>>)]
    #[validate(length(min = 1, max = 1000))]
    pub(crate) job_ids: Option<Vec<String>>,
    /// Of this kind.
    #[schema(value_type = Option<text::KindName>)]
    pub(crate) kind: Option<String>,
    /// In this lane.
    #[schema(value_type = Option<text::QueueName>)]
    pub(crate) queue: Option<String>,
    /// With this label.
    #[schema(value_type = Option<text::Tag>)]
    pub(crate) tag: Option<String>,
    /// With a failure of this class.
    #[schema(example = "timed_out", value_type = Option<FailureCode>)]
    pub(crate) error_code: Option<String>,
    /// With this cause.
    #[schema(value_type = Option<text::Fingerprint>)]
    pub(crate) fingerprint: Option<String>,
    /// Failed at or after this.
    #[schema(value_type = Option<DateTime<Utc>>)]
    pub(crate) failed_after: Option<String>,
    /// Failed before this.
    #[schema(value_type = Option<DateTime<Utc>>)]
    pub(crate) failed_before: Option<String>,
}

/// Dead letters to be queued again.
#[derive(Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetryDeadLetters {
    #[schema(value_type = FilterBody)]
    pub(crate) filter: Object<FilterBody>,
    /// Only count; `false` by default.
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// The most jobs to retry, those that were submitted first first; 1,000 by default.
    #[schema(minimum = 1, maximum = 1000)]
    #[validate(range(min = 1, max = 1000))]
    pub(crate) limit: Option<u64>,
    /// How many of the jobs become due per second: one at once, the others evenly after it. All at once by
    /// default.
    #[schema(minimum = 0.001, maximum = 1000)]
    #[validate(range(min = 0.001, max = 1000.0))]
    pub(crate) rate_per_second: Option<f64>,
}

/// Dead letters that need no retry.
#[derive(Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiscardDeadLetters {
    #[schema(value_type = FilterBody)]
    pub(crate) filter: Object<FilterBody>,
    /// Only count; `false` by default.
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// The most jobs to discard, those that were submitted first first; 1,000 by default.
    #[schema(minimum = 1, maximum = 1000)]
    #[validate(range(min = 1, max = 1000))]
    pub(crate) limit: Option<u64>,
}

impl Document for RetryDeadLetters {
    const MAX_BYTES: usize = 256 << 10;
}

impl Document for DiscardDeadLetters {
    const MAX_BYTES: usize = 256 << 10;
}

/// What a retry did, or would do.
#[derive(Serialize, ToSchema)]
#[schema(as = RetriedDeadLetters)]
pub(crate) struct RetriedBody {
    /// How many dead letters the filter meant before.
    pub(crate) matched: u64,
    /// How many jobs are queued again; 0 in a dry run.
    pub(crate) retried: u64,
    /// How many of those that were meant are left.
    pub(crate) remaining: u64,
    pub(crate) dry_run: bool,
    /// When they were counted. Sent as `failed_before` of the requests for what remains, it keeps out jobs that
    /// were retried and have failed again.
    pub(crate) as_of: DateTime<Utc>,
    /// How long the jobs take to become due, or would in a dry run; whoever waits so long before the next request
    /// keeps the rate. `null` without a rate.
    pub(crate) spread_over_secs: Option<f64>,
}

/// What a discard did, or would do.
#[derive(Serialize, ToSchema)]
#[schema(as = DiscardedDeadLetters)]
pub(crate) struct DiscardedBody {
    /// How many dead letters the filter meant before.
    pub(crate) matched: u64,
    /// How many jobs are no dead letters any more; 0 in a dry run.
    pub(crate) discarded: u64,
    /// How many of those that were meant are left.
    pub(crate) remaining: u64,
    pub(crate) dry_run: bool,
    /// When they were counted. Sent as `failed_before` of the requests for what remains, it keeps out jobs that
    /// have failed since.
    pub(crate) as_of: DateTime<Utc>,
}

impl From<DeadLetter> for DeadLetterBody {
    fn from(letter: DeadLetter) -> Self {
        Self {
            job_id: letter.job_id.0,
            kind: letter.kind,
            queue: letter.queue,
            tags: letter.tags,
            created_at: letter.created_at,
            failed_at: letter.failed_at,
            attempt: letter.attempt,
            error: ErrorBody::new(letter.error_code, letter.error_message),
            fingerprint: letter.fingerprint,
        }
    }
}

impl From<DeadLetterGroup> for GroupBody {
    fn from(group: DeadLetterGroup) -> Self {
        Self {
            fingerprint: group.fingerprint,
            kind: group.kind,
            error_code: group.error_code,
            count: group.count,
            first_failed_at: group.first_failed_at,
            last_failed_at: group.last_failed_at,
            example: ExampleBody {
                job_id: group.example_job_id.0,
                message: group.example_message.unwrap_or_default(),
            },
        }
    }
}
