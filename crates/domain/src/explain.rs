//! Why a job is not running: of all that could keep it, the one thing that does.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{JobId, JobState, Kind, QueueName, WorkerId};

/// What is known about a job at one moment.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// It has ended.
    Ended {
        /// How.
        state: JobState,
        /// When.
        at: DateTime<Utc>,
    },
    /// An attempt runs.
    Running(Running),
    /// It is due later.
    Later(Later),
    /// It is due, and waits for a worker.
    Waiting(Box<Waiting>),
}

/// An attempt that runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Running {
    /// Its number.
    pub attempt: u32,
    /// The process that runs it.
    pub worker_id: WorkerId,
    /// Since when.
    pub started_at: DateTime<Utc>,
    /// Until when that process has the right to it; `None` when the process is gone.
    pub lease_expires_at: Option<DateTime<Utc>>,
    /// Whether somebody has asked for its end.
    pub cancel_requested: bool,
}

/// What keeps a job that is due later.
#[derive(Clone, Debug, PartialEq)]
pub struct Later {
    /// When it is due.
    pub run_at: DateTime<Utc>,
    /// Its target, if requests to it are held back.
    pub resting: Option<Resting>,
    /// Attempts that count against the most that it has.
    pub attempts_spent: u32,
    /// The class of the last attempt's failure, if one has failed.
    pub error_code: Option<String>,
    /// Whether the last attempt has put it off without failing.
    pub snoozed: bool,
}

/// A target whose breaker is open.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Resting {
    /// `endpoint:` and a name, or the origin of a URL.
    pub target: String,
    /// When the next request is let through.
    pub until: DateTime<Utc>,
    /// What went wrong last.
    pub last_error: String,
}

/// What could keep a job that is due.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    /// The lane.
    pub queue: QueueName,
    /// Names the handler.
    pub kind: Kind,
    /// Who has paused the lane.
    pub pause: Option<Paused>,
    /// What the tenant may run.
    pub limit: Option<Limit>,
    /// Worker processes whose lease stands.
    pub workers: u64,
    /// Those of them that have a handler for the kind.
    pub workers_of_kind: u64,
    /// When it is due: later than now for one of many that are retried one after the other.
    pub run_at: DateTime<Utc>,
    /// Whether its message has been sent; `None` where the outbox is the queue.
    pub announced: Option<bool>,
    /// The tenant's jobs in the lane that come before it, as far as they were counted.
    pub ahead: u64,
    /// Jobs of the tenant that were started in the lane per second of the last minute.
    pub started_per_sec: f64,
}

/// A lane in which no job of the tenant starts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Paused {
    /// Whether it is paused for everyone.
    pub everyone: bool,
    /// Since when.
    pub since: DateTime<Utc>,
    /// What somebody said about it.
    pub reason: Option<String>,
}

/// How many jobs a tenant may run, and which it does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limit {
    /// The most.
    pub max_running_jobs: u64,
    /// Those that run now.
    pub running: u64,
    /// Some of them, the longest running first.
    pub holders: Vec<JobId>,
}

/// The one thing that keeps a job from running, or that nothing does.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// It has ended.
    Ended(JobState),
    /// It runs.
    Running(Running),
    /// Its worker is gone; its lease must run out before another one may start it.
    WorkerLost(Running),
    /// It was submitted for later.
    Scheduled,
    /// An attempt has failed, and the next one is not due yet.
    BackingOff {
        /// The class of the failure.
        error_code: String,
        /// Attempts that count against the most that it has.
        attempts_spent: u32,
    },
    /// Its handler has put it off.
    Snoozed,
    /// Requests to its target are held back, because too many have failed.
    TargetResting(Resting),
    /// Its lane is paused.
    QueuePaused(Paused),
    /// Its tenant runs as many jobs as it may.
    TenantLimit(Limit),
    /// No worker is there at all.
    NoWorker,
    /// Workers are there, but none has a handler for its kind.
    NoWorkerForKind(Kind),
    /// Its message has not been sent yet.
    NotAnnounced,
    /// Others of its tenant come first.
    Behind {
        /// How many, as far as they were counted.
        ahead: u64,
    },
    /// Nothing: a worker takes it as soon as it has a free slot.
    NextInLine,
}

/// Why a job is not running, and what is to be expected.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The one reason.
    pub reason: Reason,
    /// When it is expected to start, where that can be told; not before then.
    pub expected_start_at: Option<DateTime<Utc>>,
}

/// Finds the reason. What keeps a job for longest comes first: a paused lane before a limit, a limit before those who come
/// earlier; so when the reason is removed, the job starts, or the next reason shows.
#[must_use]
pub fn explain(standing: &Standing, now: DateTime<Utc>) -> Explanation {
    let (reason, expected_start_at) = match standing {
        Standing::Ended { state, .. } => (Reason::Ended(*state), None),
        Standing::Running(running) => explain_running(running, now),
        Standing::Later(later) => explain_later(later),
        Standing::Waiting(waiting) => explain_waiting(waiting, now),
    };
    Explanation {
        reason,
        expected_start_at,
    }
}

fn explain_running(running: &Running, now: DateTime<Utc>) -> (Reason, Option<DateTime<Utc>>) {
    match running.lease_expires_at.filter(|expires| *expires > now) {
        Some(_) => (Reason::Running(running.clone()), None),
        // The sweep finds it within seconds.
        None => (Reason::WorkerLost(running.clone()), Some(now)),
    }
}

fn explain_later(later: &Later) -> (Reason, Option<DateTime<Utc>>) {
    let reason = match (&later.resting, &later.error_code) {
        (Some(resting), _) if later.snoozed => Reason::TargetResting(resting.clone()),
        _ if later.snoozed => Reason::Snoozed,
        (_, Some(error_code)) if later.attempts_spent > 0 => Reason::BackingOff {
            error_code: error_code.clone(),
            attempts_spent: later.attempts_spent,
        },
        _ => Reason::Scheduled,
    };
    (reason, Some(later.run_at))
}

fn explain_waiting(waiting: &Waiting, now: DateTime<Utc>) -> (Reason, Option<DateTime<Utc>>) {
    if let Some(pause) = &waiting.pause {
        return (Reason::QueuePaused(pause.clone()), None);
    }
    if waiting.workers == 0 {
        return (Reason::NoWorker, None);
    }
    if waiting.workers_of_kind == 0 {
        return (Reason::NoWorkerForKind(waiting.kind.clone()), None);
    }
    if let Some(limit) = &waiting.limit
        && limit.running >= limit.max_running_jobs
    {
        return (Reason::TenantLimit(limit.clone()), after(waiting, now));
    }
    if waiting.run_at > now {
        return (Reason::Scheduled, Some(waiting.run_at));
    }
    if waiting.announced == Some(false) {
        return (Reason::NotAnnounced, after(waiting, now));
    }
    if waiting.ahead > 0 {
        let ahead = waiting.ahead;
        return (Reason::Behind { ahead }, after(waiting, now));
    }
    (Reason::NextInLine, Some(now))
}

/// When those who come earlier will have been started, if it goes on as in the last minute.
fn after(waiting: &Waiting, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if waiting.started_per_sec <= 0.0 {
        return None;
    }
    let wait_secs = (waiting.ahead + 1) as f64 / waiting.started_per_sec;
    let wait = std::time::Duration::try_from_secs_f64(wait_secs).ok()?;
    now.checked_add_signed(TimeDelta::from_std(wait).ok()?)
}

impl Reason {
    /// The reason as a program may branch on it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Ended(_) => "ended",
            Self::Running(_) => "running",
            Self::WorkerLost(_) => "worker_lost",
            Self::Scheduled => "scheduled",
            Self::BackingOff { .. } => "backing_off",
            Self::Snoozed => "snoozed",
            Self::TargetResting(_) => "target_resting",
            Self::QueuePaused(_) => "queue_paused",
            Self::TenantLimit(_) => "tenant_limit",
            Self::NoWorker => "no_worker",
            Self::NoWorkerForKind(_) => "no_worker_for_kind",
            Self::NotAnnounced => "not_announced",
            Self::Behind { .. } => "behind",
            Self::NextInLine => "next_in_line",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(state) => write!(f, "The job has ended: it is {state}."),
            Self::Running(running) if running.cancel_requested => {
                write!(f, "Attempt {} runs, and is asked to end.", running.attempt)
            }
            Self::Running(running) => write!(f, "Nothing keeps it: attempt {} runs.", running.attempt),
            Self::WorkerLost(running) => write!(
                f,
                "The worker that ran attempt {} has not been heard of; the job is started again within seconds.",
                running.attempt
            ),
            Self::Scheduled => f.write_str("The job is due later."),
            Self::BackingOff {
                error_code,
                attempts_spent,
            } => write!(
                f,
                "Attempt {attempts_spent} failed ({error_code}); the next one waits for its time."
            ),
            Self::Snoozed => f.write_str("Its handler has put the job off without spending an attempt."),
            Self::TargetResting(resting) => write!(
                f,
                "Requests to {} are held back, because too many have failed: {}",
                resting.target, resting.last_error
            ),
            Self::QueuePaused(Paused { everyone: true, .. }) => {
                f.write_str("An operator has paused the queue for everyone.")
            }
            Self::QueuePaused(_) => f.write_str("The queue is paused."),
            Self::TenantLimit(limit) => write!(
                f,
                "The tenant runs {} jobs and may run {}; this one starts when one of them ends.",
                limit.running, limit.max_running_jobs
            ),
            Self::NoWorker => f.write_str("No worker is running."),
            Self::NoWorkerForKind(kind) => write!(f, "No running worker has a handler for the kind {kind}."),
            Self::NotAnnounced => f.write_str("The job's message has not been sent to the queue yet."),
            Self::Behind { ahead } => write!(
                f,
                "{ahead} or more jobs of the tenant come before it in the queue."
            ),
            Self::NextInLine => f.write_str("Nothing keeps it: the next free slot of a worker takes it."),
        }
    }
}

#[cfg(test)]
mod tests;
