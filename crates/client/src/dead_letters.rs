//! Jobs that failed for good and wait for a decision.

use chrono::{DateTime, Utc};
use domain::{FailureCode, JobId};
use http::Method;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::client::Client;
use crate::jobs::JobError;
use crate::open::Open;
use crate::page::{Pages, parameters};

/// A failed job that waits for a decision.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct DeadLetter {
    /// The job.
    pub job_id: JobId,
    /// Names the handler.
    pub kind: String,
    /// The lane.
    pub queue: String,
    /// Labels.
    #[serde(default)]
    pub tags: Vec<String>,
    /// When the job was accepted.
    pub created_at: DateTime<Utc>,
    /// When its last attempt failed.
    pub failed_at: DateTime<Utc>,
    /// The number of that attempt.
    pub attempt: u32,
    /// Why it failed.
    pub error: JobError,
    /// Equal for failures of the same cause.
    pub fingerprint: String,
}

/// Dead letters of one kind with the same cause.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct DeadLetterGroup {
    /// Names the handler.
    pub kind: String,
    /// The class of the failures.
    pub error_code: Open<FailureCode>,
    /// The cause.
    pub fingerprint: String,
    /// How many there are.
    pub count: u64,
    /// When the first of them failed.
    pub first_failed_at: DateTime<Utc>,
    /// When the last of them failed.
    pub last_failed_at: DateTime<Utc>,
    /// One of them.
    pub example: DeadLetterExample,
}

/// The job of a group that was submitted last.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct DeadLetterExample {
    /// The job.
    pub job_id: JobId,
    /// What its failure said.
    pub message: String,
}

/// Which dead letters are meant: those that fit everything that is given.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct DeadLetterFilter {
    /// Of this kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// In this lane.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// With this label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// With a failure of this class, such as `timed_out`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// With this cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Failed at or after this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_after: Option<DateTime<Utc>>,
    /// Failed before this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_before: Option<DateTime<Utc>>,
}

/// Which dead letters are decided about. An empty selection is refused.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct DeadLetterSelection {
    /// Those that a list shows by the same filter.
    #[serde(flatten)]
    pub filter: DeadLetterFilter,
    /// These jobs, at most 1,000; empty for whichever.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub job_ids: Vec<JobId>,
    /// All of them, in place of everything else.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

/// Dead letters to be queued again.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RetryDeadLetters {
    /// Which.
    pub filter: DeadLetterSelection,
    /// Only count.
    pub dry_run: bool,
    /// The most jobs to retry, those that were submitted first first; 1,000 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// How many of the jobs become due per second; all at once, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_per_second: Option<f64>,
}

/// What a retry did, or would do.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct RetriedDeadLetters {
    /// Whether they were only counted.
    pub dry_run: bool,
    /// When they were counted. Sent as `failed_before` of the requests for what remains, it keeps out what fails again.
    pub as_of: DateTime<Utc>,
    /// How many dead letters were meant before.
    pub matched: u64,
    /// How many jobs are queued again.
    pub retried: u64,
    /// How many of those that were meant are left.
    pub remaining: u64,
    /// How long the jobs take to become due, in seconds.
    pub spread_over_secs: Option<f64>,
}

/// Dead letters that need no retry.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct DiscardDeadLetters {
    /// Which.
    pub filter: DeadLetterSelection,
    /// Only count.
    pub dry_run: bool,
    /// The most jobs to discard, those that were submitted first first; 1,000 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// What a discard did, or would do.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct DiscardedDeadLetters {
    /// Whether they were only counted.
    pub dry_run: bool,
    /// When they were counted.
    pub as_of: DateTime<Utc>,
    /// How many dead letters were meant before.
    pub matched: u64,
    /// How many jobs are no dead letters any more.
    pub discarded: u64,
    /// How many of those that were meant are left.
    pub remaining: u64,
}

impl Client {
    /// The dead letters that match, the job that was submitted last first.
    pub fn dead_letters(&self, filter: &DeadLetterFilter) -> Pages<'_, DeadLetter> {
        Pages::new(self, "/api/dead-letters", "dead_letters", filter)
    }

    /// Dead letters by cause, the largest groups first; at most `limit` of them, and 100.
    pub fn dead_letter_groups(
        &self,
        filter: &DeadLetterFilter,
        limit: u32,
    ) -> Call<'_, Vec<DeadLetterGroup>> {
        let request = self
            .request(Method::GET, "/api/dead-letters/groups")
            .query("limit", Some(limit));
        Call::new(parameters(filter).map(|filter| request.parameters(filter))).field("groups")
    }

    /// Queues jobs again, each with all its attempts, up to 1,000 per request; with `dry_run`, tells how many.
    pub fn retry_dead_letters(&self, command: &RetryDeadLetters) -> Call<'_, RetriedDeadLetters> {
        let request = self.request(Method::POST, "/api/dead-letters/retry");
        Call::new(
            request
                .body(command)
                .map(|request| request.harmless_if(command.dry_run)),
        )
    }

    /// Decides that jobs need no retry, up to 1,000 per request; with `dry_run`, tells how many.
    pub fn discard_dead_letters(&self, command: &DiscardDeadLetters) -> Call<'_, DiscardedDeadLetters> {
        let request = self.request(Method::POST, "/api/dead-letters/discard");
        Call::new(
            request
                .body(command)
                .map(|request| request.harmless_if(command.dry_run)),
        )
    }
}
