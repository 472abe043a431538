//! Many jobs, cancelled or queued again by a filter.

use chrono::{DateTime, Utc};
use http::Method;
use serde::{Deserialize, Serialize};

use super::JobFilter;
use crate::call::Call;
use crate::client::Client;
use crate::open::Open;

/// A command about many jobs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BulkJobs {
    /// What is to be done with them.
    pub action: BulkAction,
    /// Which are meant.
    pub filter: BulkFilter,
    /// Only count.
    pub dry_run: bool,
    /// The most jobs to change, those that were submitted first first; 1,000 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// What is to be done with many jobs.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BulkAction {
    /// They end, or are asked to.
    Cancel,
    /// They are queued again.
    Retry,
}

/// Which jobs are meant: those that the action can be done to and that fit everything that is given. An empty filter is
/// refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BulkFilter {
    /// Those that a list shows by the same filter.
    #[serde(flatten)]
    pub jobs: JobFilter,
    /// Ended before this; only for [`BulkAction::Retry`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_before: Option<DateTime<Utc>>,
    /// All of them, in place of everything else.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

/// What a command did, or would do.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct BulkChanged {
    /// What was to be done.
    pub action: Open<BulkAction>,
    /// Whether the jobs were only counted.
    pub dry_run: bool,
    /// When they were counted. Sent as `created_before` of the requests for what remains of a cancel, or as
    /// `finished_before` of those of a retry, it keeps out jobs that came later.
    pub as_of: DateTime<Utc>,
    /// How many jobs the filter meant before.
    pub matched: u64,
    /// How many of them were cancelled, asked to end or queued again.
    pub changed: u64,
    /// How many of those that were changed run, and are asked to end.
    pub requested: u64,
    /// How many of those that were meant are left.
    pub remaining: u64,
}

impl Client {
    /// Cancels or retries many jobs, up to 1,000 per request; with `dry_run`, tells how many.
    pub fn change_jobs(&self, command: &BulkJobs) -> Call<'_, BulkChanged> {
        let request = self.request(Method::POST, "/api/jobs/bulk").body(command);
        Call::new(request.map(|request| request.harmless_if(command.dry_run)))
    }
}
