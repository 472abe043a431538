//! Promises, and what is found when one of them is broken.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

/// What must hold of every run.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Invariant {
    /// An acknowledged job has its row.
    I1,
    /// The events of a job are legal, without a gap, and lead to its state.
    I2,
    /// A job ends once, and a success has one attempt and one result.
    I3,
    /// The attempts of a job don't overlap.
    I4,
    /// Attempts are numbered without a gap, and bounded.
    I5,
    /// A job has the one token of its state.
    I6,
    /// One key makes one job.
    I7,
    /// Every job was submitted by a client that was not refused.
    I8,
    /// Effects are those of the jobs, and every success had its effect.
    I9,
    /// Nothing starts early.
    I10,
    /// Everything about a job has its tenant.
    I11,
    /// When the faults ended, all work ended in time.
    I12,
    /// An attempt runs once, while it is one, and a success was heard from the receiver.
    I13,
    /// A job ended as its submitter intended.
    Intent,
    /// Nobody was turned away, in a run that promises so.
    Availability,
    /// The history itself can be read and is not empty.
    Readable,
}

impl Invariant {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 16] = [
        Self::I1,
        Self::I2,
        Self::I3,
        Self::I4,
        Self::I5,
        Self::I6,
        Self::I7,
        Self::I8,
        Self::I9,
        Self::I10,
        Self::I11,
        Self::I12,
        Self::I13,
        Self::Intent,
        Self::Availability,
        Self::Readable,
    ];

    /// What it says, in one sentence.
    #[must_use]
    pub fn statement(self) -> &'static str {
        match self {
            Self::I1 => "an acknowledged job is stored, for its tenant",
            Self::I2 => "the events of a job are legal, without a gap, and lead to its state",
            Self::I3 => "a job ends once, and a success has one attempt and one result",
            Self::I4 => "the attempts of a job do not overlap, and its events tell the same",
            Self::I5 => "attempts are numbered without a gap, counted, and bounded",
            Self::I6 => "a job has the one token of its state",
            Self::I7 => "one key makes one job",
            Self::I8 => "every job was submitted by a client that was not refused",
            Self::I9 => "effects are those of the jobs, and every success had its effect",
            Self::I10 => "nothing starts early",
            Self::I11 => "everything about a job has its tenant",
            Self::I12 => "all work ended in time when the faults had ended",
            Self::I13 => "an attempt runs once, after its start, and succeeds by a 2xx it heard",
            Self::Intent => "a job ended as its submitter intended",
            Self::Availability => "nobody was turned away in a run that promises so",
            Self::Readable => "the history can be read and is not empty",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{self:?}"))
    }
}

/// One broken promise.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Violation {
    /// The promise.
    pub invariant: Invariant,
    /// What it is about: a job, a key, a line of a file.
    pub subject: String,
    /// What was found, in one sentence.
    pub evidence: String,
    /// When it happened, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
}

impl Violation {
    pub(crate) fn new(invariant: Invariant, subject: impl fmt::Display, evidence: impl Into<String>) -> Self {
        Self {
            invariant,
            subject: subject.to_string(),
            evidence: evidence.into(),
            at: None,
        }
    }

    /// The same, with the time at which it happened.
    pub(crate) fn at(self, at: DateTime<Utc>) -> Self {
        Self { at: Some(at), ..self }
    }

    pub(crate) fn of_job(invariant: Invariant, job_id: Uuid, evidence: impl Into<String>) -> Self {
        Self::new(invariant, format_args!("job {job_id}"), evidence)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.invariant, self.subject, self.evidence)
    }
}
