//! Why a job is not running.

use chrono::{DateTime, Utc};
use domain::{FailureCode, JobId, WorkerId};
use serde::Deserialize;

use crate::call::Call;
use crate::client::Client;
use crate::open::Open;

/// Why a job is not running: the one reason that keeps it at this moment.
#[derive(Clone, Debug, Deserialize)]
pub struct Explanation {
    /// The job.
    pub job_id: JobId,
    /// The reason.
    pub reason: Open<Reason>,
    /// The reason in a sentence.
    pub message: String,
    /// When all this was so.
    pub as_of: DateTime<Utc>,
    /// When the job is expected to start, where that can be told.
    pub expected_start_at: Option<DateTime<Utc>>,
    /// With [`Reason::Behind`]: how many jobs of the tenant come before it; 10,000 stands for that many or more.
    pub ahead: Option<u64>,
    /// With [`Reason::BackingOff`]: why the last attempt failed.
    pub error_code: Option<Open<FailureCode>>,
    /// With [`Reason::TenantLimit`]: what the tenant may run, and does.
    pub limit: Option<RunningLimit>,
    /// With [`Reason::QueuePaused`]: who has paused the lane.
    pub pause: Option<ActivePause>,
    /// With [`Reason::Running`]: the attempt.
    pub running: Option<RunningAttempt>,
    /// With [`Reason::TargetResting`]: the target.
    pub target: Option<RestingTarget>,
}

/// What keeps a job.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It has ended.
    Ended,
    /// It runs.
    Running,
    /// It runs on a worker whose lease has run out: it starts again soon.
    WorkerLost,
    /// It is due later.
    Scheduled,
    /// It waits between two attempts.
    BackingOff,
    /// Its handler has put it off.
    Snoozed,
    /// Its target gets no requests for a while.
    TargetResting,
    /// Its lane is paused.
    QueuePaused,
    /// The tenant runs as many jobs as it may.
    TenantLimit,
    /// There is no worker.
    NoWorker,
    /// No worker has a handler for its kind.
    NoWorkerForKind,
    /// Its message was not sent yet.
    NotAnnounced,
    /// Other jobs come before it.
    Behind,
    /// Nothing keeps it: it starts at any moment.
    NextInLine,
}

/// What a tenant may run, and does.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct RunningLimit {
    /// The most jobs that run at once.
    pub max_running_jobs: u64,
    /// Those that run.
    pub running: u64,
    /// Up to 10 of them, the longest running first.
    pub holders: Vec<JobId>,
}

/// Who has paused the lane.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct ActivePause {
    /// Whether it is paused for everyone, by an operator.
    pub everyone: bool,
    /// Why, in somebody's words.
    pub reason: Option<String>,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// An attempt that runs.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct RunningAttempt {
    /// Its number.
    pub attempt: u32,
    /// The worker process that runs it.
    pub worker_id: WorkerId,
    /// Since when.
    pub started_at: DateTime<Utc>,
    /// Until when that process has the right to it; it is renewed every few seconds.
    pub lease_expires_at: Option<DateTime<Utc>>,
    /// Whether it was asked to end.
    pub cancel_requested: bool,
}

/// A target that gets no requests for a while.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct RestingTarget {
    /// `endpoint:` and a name, or the origin of a URL.
    pub target: String,
    /// When the next request is let through.
    pub until: DateTime<Utc>,
    /// What went wrong last.
    pub last_error: String,
}

impl Client {
    /// Why a job is not running.
    pub fn explain(&self, id: JobId) -> Call<'_, Explanation> {
        self.get(format!("/api/jobs/{id}/explain"))
    }
}
