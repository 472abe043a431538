//! What a history consists of.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

use crate::by_job::OfJob;
use crate::life::{Event, State};

/// A submit as a client intended it, and how it ended.
#[derive(Debug)]
pub(crate) struct Submit {
    pub(crate) op: u64,
    pub(crate) key: String,
    /// The tenant's name.
    pub(crate) tenant: String,
    /// The number of the intended job.
    pub(crate) n: u64,
    pub(crate) run_at: Option<DateTime<Utc>>,
    pub(crate) start_by: Option<DateTime<Utc>>,
    pub(crate) max_attempts: u32,
    pub(crate) behaviour: Behaviour,
    pub(crate) invoked_at: DateTime<Utc>,
    pub(crate) end: End,
}

/// What a client learned of its operation.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    /// The client never said.
    Open,
    Ok(Acknowledgement),
    /// It certainly had no effect.
    Refused(DateTime<Utc>),
    /// The client gave up, and it may have had its effect.
    Unknown(DateTime<Utc>),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Acknowledgement {
    pub(crate) at: DateTime<Utc>,
    /// Of a submit.
    pub(crate) job_id: Option<Uuid>,
    pub(crate) status: Option<u16>,
}

/// How the intended job behaves when it runs.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Behaviour {
    Ok,
    Slow,
    FailFirst,
    AlwaysFail,
    Panic,
    UnknownKind,
}

/// What a client may ask of a job that exists.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wish {
    Cancel,
    Redrive,
    Discard,
    /// That its key stands for another body, too.
    Clash,
}

/// A wish about a job, and how it ended.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) op: u64,
    pub(crate) wish: Wish,
    pub(crate) job_id: Uuid,
    pub(crate) end: End,
}

/// A request that the receiver got from a worker.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) at: DateTime<Utc>,
    pub(crate) job_id: Uuid,
    /// The tenant's name in the path.
    pub(crate) tenant: String,
    /// The job's number in the path.
    pub(crate) n: u64,
    /// The attempt that it is of, as it says itself.
    pub(crate) attempt: Option<u32>,
    /// The status that the receiver answers.
    pub(crate) answer: u16,
    /// When it did answer; `None` when the worker had left before.
    pub(crate) answered_at: Option<DateTime<Utc>>,
}

impl Delivery {
    /// Whether the receiver took it, so that its effect happened.
    pub(crate) fn took_effect(&self) -> bool {
        (200..300).contains(&self.answer)
    }
}

/// Something that was done to a process, or that was seen of it.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) at: DateTime<Utc>,
    pub(crate) fault: String,
    /// `<process>-i<incarnation>`, by which the database knows it.
    pub(crate) host: Option<String>,
    /// The signal that ended the process, of an `exit`.
    pub(crate) signal: Option<i64>,
    /// The code with which it ended, of an `exit`.
    pub(crate) code: Option<i64>,
}

/// What a process counted.
#[derive(Debug, Deserialize)]
pub(crate) struct Process {
    #[serde(default)]
    pub(crate) stale_completions: u64,
    #[serde(default)]
    pub(crate) rejected_completions: u64,
    #[serde(default)]
    pub(crate) panics: u64,
    #[serde(default)]
    pub(crate) errors_logged: u64,
}

#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: Uuid,
    pub(crate) tenant_id: Uuid,
    pub(crate) kind: String,
    pub(crate) state: State,
    pub(crate) attempt: u32,
    pub(crate) attempts_spent: u32,
    pub(crate) max_attempts: u32,
    pub(crate) version: u32,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) run_at: DateTime<Utc>,
    pub(crate) scheduled_for: Option<DateTime<Utc>>,
    pub(crate) error_code: Option<String>,
    pub(crate) has_result: bool,
    /// The number in its payload.
    pub(crate) n: Option<u64>,
    /// The submit that intended it: its place in the history.
    pub(crate) submit: Option<u32>,
}

/// An attempt that ended.
#[derive(Debug, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) job_id: Uuid,
    pub(crate) attempt: u32,
    pub(crate) tenant_id: Uuid,
    pub(crate) worker_id: Uuid,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) finished_at: DateTime<Utc>,
    pub(crate) event: Event,
    pub(crate) error_code: Option<String>,
}

impl Attempt {
    /// Whether it ended because its worker was gone.
    pub(crate) fn was_lost(&self) -> bool {
        self.event == Event::LeaseExpired || self.error_code.as_deref() == Some("worker_lost")
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct JobEvent {
    pub(crate) job_id: Uuid,
    pub(crate) number: u32,
    pub(crate) tenant_id: Uuid,
    pub(crate) event: Event,
    pub(crate) attempt: Option<u32>,
}

/// Where a living job, or a dead letter, has its token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    Outbox,
    Due,
    Claim,
    DeadLetter,
}

impl Place {
    pub(crate) fn table(self) -> &'static str {
        match self {
            Self::Outbox => "outbox",
            Self::Due => "due",
            Self::Claim => "claim",
            Self::DeadLetter => "dead_letter",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) job_id: Uuid,
    pub(crate) tenant_id: Uuid,
    pub(crate) place: Place,
}

/// An attempt that has not ended.
#[derive(Debug, Deserialize)]
pub(crate) struct Claim {
    pub(crate) job_id: Uuid,
    pub(crate) attempt: u32,
    pub(crate) started_at: DateTime<Utc>,
}

/// The jobs that a key made.
#[derive(Debug, Deserialize)]
pub(crate) struct Binding {
    pub(crate) tenant_id: Uuid,
    pub(crate) key: String,
    pub(crate) job_ids: Vec<Uuid>,
}

impl OfJob for Job {
    fn job_id(&self) -> Uuid {
        self.id
    }
}

impl OfJob for Attempt {
    fn job_id(&self) -> Uuid {
        self.job_id
    }

    fn order(&self) -> i64 {
        self.attempt.into()
    }
}

impl OfJob for JobEvent {
    fn job_id(&self) -> Uuid {
        self.job_id
    }

    fn order(&self) -> i64 {
        self.number.into()
    }
}

impl OfJob for Delivery {
    fn job_id(&self) -> Uuid {
        self.job_id
    }

    fn order(&self) -> i64 {
        self.at.timestamp_micros()
    }
}

impl OfJob for Token {
    fn job_id(&self) -> Uuid {
        self.job_id
    }
}

impl OfJob for Claim {
    fn job_id(&self) -> Uuid {
        self.job_id
    }
}
