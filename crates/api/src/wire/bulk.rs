//! Commands about many jobs.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::{State, text};
use crate::body::Document;
use crate::json::Object;

/// What is to be done with the jobs.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case", try_from = "String")]
pub(crate) enum BulkAction {
    /// Those that have not started end, those that run are asked to.
    Cancel,
    /// Those that failed, were cancelled or have expired are queued again, each with all its attempts. A failure that
    /// was discarded is not meant.
    Retry,
}

/// By a text, so that whatever is no text is told to be a value of the wrong type.
impl TryFrom<String> for BulkAction {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        match &*text {
            "cancel" => Ok(Self::Cancel),
            "retry" => Ok(Self::Retry),
            _ => Err("must be cancel or retry"),
        }
    }
}

/// Which jobs are meant: those that the action can be done to and that fit everything that is sent. An empty filter
/// is refused; all of them are meant by `{"all": true}`.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BulkFilter)]
pub(crate) struct BulkFilterBody {
    /// All of them; sent alone, and `false` as if it were left out.
    pub(crate) all: Option<bool>,
    /// In this state. It must be one that the action can be done in.
    #[schema(value_type = Option<State>)]
    pub(crate) state: Option<String>,
    /// Of this kind.
    #[schema(value_type = Option<text::KindName>)]
    pub(crate) kind: Option<String>,
    /// In this lane.
    #[schema(value_type = Option<text::QueueName>)]
    pub(crate) queue: Option<String>,
    /// With this label.
    #[schema(value_type = Option<text::Tag>)]
    pub(crate) tag: Option<String>,
    /// Accepted at or after this. Worth sending with a retry of what was cancelled or has expired: without it the whole
    /// history is searched.
    #[schema(value_type = Option<DateTime<Utc>>)]
    pub(crate) created_after: Option<String>,
    /// Accepted before this.
    #[schema(value_type = Option<DateTime<Utc>>)]
    pub(crate) created_before: Option<String>,
    /// Ended before this; only for `retry`.
    #[schema(value_type = Option<DateTime<Utc>>)]
    pub(crate) finished_before: Option<String>,
}

/// A command about many jobs.
#[derive(Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulkJobs {
    pub(crate) action: BulkAction,
    #[schema(value_type = BulkFilterBody)]
    pub(crate) filter: Object<BulkFilterBody>,
    /// Only count; `false` by default.
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// The most jobs to change, those that were submitted first first; 1,000 by default.
    #[schema(minimum = 1, maximum = 1000)]
    #[validate(range(min = 1, max = 1000))]
    pub(crate) limit: Option<u64>,
}

impl Document for BulkJobs {
    const MAX_BYTES: usize = 256 << 10;
}

/// What a command did, or would do.
#[derive(Serialize, ToSchema)]
#[schema(as = BulkChanged)]
pub(crate) struct BulkChangedBody {
    pub(crate) action: BulkAction,
    /// How many jobs the filter meant before.
    pub(crate) matched: u64,
    /// How many of them were cancelled, asked to end or queued again; 0 in a dry run.
    pub(crate) changed: u64,
    /// How many of those that were changed run, and are asked to end; 0 for `retry`.
    pub(crate) requested: u64,
    /// How many of those that were meant are left, also because somebody else is moving them: repeat the request while
    /// this is not 0.
    pub(crate) remaining: u64,
    pub(crate) dry_run: bool,
    /// When they were counted. Sent as `created_before` of the requests for what remains of a cancel, it keeps out jobs
    /// that were submitted since; as `finished_before` of those for what remains of a retry, jobs that have ended
    /// again.
    pub(crate) as_of: DateTime<Utc>,
}
