//! Why a job is not running.

use chrono::{DateTime, Utc};
use domain::explain::{Explanation, Limit, Paused, Reason, Resting, Running};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// What keeps a job.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "it describes values")]
pub(crate) enum ReasonCode {
    /// It has ended.
    Ended,
    /// Nothing: it runs.
    Running,
    /// Its worker is gone, and another one starts it within seconds.
    WorkerLost,
    /// It is due later.
    Scheduled,
    /// An attempt has failed, and the next one waits for its time.
    BackingOff,
    /// Its handler has put it off.
    Snoozed,
    /// Requests to its target are held back, because too many have failed.
    TargetResting,
    /// Its queue is paused.
    QueuePaused,
    /// The tenant runs as many jobs as it may.
    TenantLimit,
    /// No worker is running.
    NoWorker,
    /// No running worker has a handler for its kind.
    NoWorkerForKind,
    /// Its message has not been sent to the queue yet.
    NotAnnounced,
    /// Other jobs of the tenant come before it.
    Behind,
    /// Nothing: a worker takes it as soon as it has a free slot.
    NextInLine,
}

/// Why a job is not running: the one reason that keeps it at this moment.
#[derive(Serialize, ToSchema)]
#[schema(as = Explanation)]
pub(crate) struct ExplanationBody {
    job_id: Uuid,
    #[schema(value_type = ReasonCode)]
    reason: &'static str,
    /// The reason in a sentence.
    message: String,
    /// When it is expected to start, where that can be told.
    expected_start_at: Option<DateTime<Utc>>,
    /// When all this was so.
    as_of: DateTime<Utc>,
    /// With `running` and `worker_lost`.
    running: Option<RunningBody>,
    /// With `backing_off`: why the last attempt failed.
    error_code: Option<String>,
    /// With `target_resting`.
    target: Option<RestingBody>,
    /// With `queue_paused`.
    pause: Option<PausedBody>,
    /// With `tenant_limit`.
    limit: Option<LimitBody>,
    /// With `behind`: how many jobs of the tenant come before it; 10,000 stands for that many or more.
    ahead: Option<u64>,
}

/// An attempt that runs.
#[derive(Serialize, ToSchema)]
#[schema(as = RunningAttempt)]
pub(crate) struct RunningBody {
    attempt: u32,
    worker_id: Uuid,
    started_at: DateTime<Utc>,
    /// Until when the worker has the right to it; it is renewed every few seconds.
    lease_expires_at: Option<DateTime<Utc>>,
    cancel_requested: bool,
}

/// A target that gets no requests for a while.
#[derive(Serialize, ToSchema)]
#[schema(as = RestingTarget)]
pub(crate) struct RestingBody {
    /// `endpoint:` and a name, or the origin of a URL.
    target: String,
    /// When the next request is let through.
    until: DateTime<Utc>,
    last_error: String,
}

/// Who has paused the queue.
#[derive(Serialize, ToSchema)]
#[schema(as = ActivePause)]
pub(crate) struct PausedBody {
    /// Whether it is paused for everyone, by an operator.
    everyone: bool,
    since: DateTime<Utc>,
    reason: Option<String>,
}

/// What the tenant may run, and does.
#[derive(Serialize, ToSchema)]
#[schema(as = RunningLimit)]
pub(crate) struct LimitBody {
    max_running_jobs: u64,
    running: u64,
    /// Up to 10 of the jobs that run, the longest running first.
    holders: Vec<Uuid>,
}

impl ExplanationBody {
    pub(crate) fn new(job_id: domain::JobId, explanation: Explanation, as_of: DateTime<Utc>) -> Self {
        let Explanation {
            reason,
            expected_start_at,
        } = explanation;
        let mut body = Self {
            job_id: job_id.0,
            reason: reason.code(),
            message: reason.to_string(),
            expected_start_at,
            as_of,
            running: None,
            error_code: None,
            target: None,
            pause: None,
            limit: None,
            ahead: None,
        };
        match reason {
            Reason::Running(running) | Reason::WorkerLost(running) => body.running = Some(running.into()),
            Reason::BackingOff { error_code, .. } => body.error_code = Some(error_code),
            Reason::TargetResting(resting) => body.target = Some(resting.into()),
            Reason::QueuePaused(paused) => body.pause = Some(paused.into()),
            Reason::TenantLimit(limit) => body.limit = Some(limit.into()),
            Reason::Behind { ahead } => body.ahead = Some(ahead),
            Reason::Ended(_)
            | Reason::Scheduled
            | Reason::Snoozed
            | Reason::NoWorker
            | Reason::NoWorkerForKind(_)
            | Reason::NotAnnounced
            | Reason::NextInLine => {}
        }
        body
    }
}

impl From<Running> for RunningBody {
    fn from(running: Running) -> Self {
        Self {
            attempt: running.attempt,
            worker_id: running.worker_id.0,
            started_at: running.started_at,
            lease_expires_at: running.lease_expires_at,
            cancel_requested: running.cancel_requested,
        }
    }
}

impl From<Resting> for RestingBody {
    fn from(resting: Resting) -> Self {
        Self {
            target: resting.target,
            until: resting.until,
            last_error: resting.last_error,
        }
    }
}

impl From<Paused> for PausedBody {
    fn from(paused: Paused) -> Self {
        Self {
            everyone: paused.everyone,
            since: paused.since,
            reason: paused.reason,
        }
    }
}

impl From<Limit> for LimitBody {
    fn from(limit: Limit) -> Self {
        Self {
            max_running_jobs: limit.max_running_jobs,
            running: limit.running,
            holders: limit.holders.into_iter().map(|id| id.0).collect(),
        }
    }
}
