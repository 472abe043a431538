//! Why an attempt did not succeed, in a form that is stored, shown and grouped.

use serde::{Deserialize, Serialize};

/// The class of a failure: what a program may branch on.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// The handler reported an error.
    HandlerError,
    /// The payload is not what the handler of this kind takes.
    PayloadInvalid,
    /// The handler panicked.
    Panicked,
    /// The attempt ran longer than the job's `timeout`.
    TimedOut,
    /// The worker's lease ran out: its process died, hung or lost the database.
    WorkerLost,
    /// No handler is registered for the job's kind.
    UnknownKind,
    /// The job's row holds what the worker's version can't read.
    JobUnreadable,
    /// The target could not be reached, or the exchange broke off.
    TargetUnreachable,
    /// The target answered with something else than success.
    TargetRefused,
}

impl FailureCode {
    /// The code as it is written in rows and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HandlerError => "handler_error",
            Self::PayloadInvalid => "payload_invalid",
            Self::Panicked => "panicked",
            Self::TimedOut => "timed_out",
            Self::WorkerLost => "worker_lost",
            Self::UnknownKind => "unknown_kind",
            Self::JobUnreadable => "job_unreadable",
            Self::TargetUnreachable => "target_unreachable",
            Self::TargetRefused => "target_refused",
        }
    }

    /// Whether an attempt that failed so is for whoever runs the platform, or wrote the handler, to mend. What a target
    /// or a payload did is not, nor is slowness: nearly always it is a target's, and there are alarms about handlers that
    /// block and jobs that wait.
    #[must_use]
    pub fn is_own(self) -> bool {
        match self {
            Self::HandlerError
            | Self::Panicked
            | Self::WorkerLost
            | Self::UnknownKind
            | Self::JobUnreadable => true,
            Self::PayloadInvalid | Self::TimedOut | Self::TargetUnreachable | Self::TargetRefused => false,
        }
    }

    /// Whether a message of this class may repeat what a payload, a handler or a target says, which is for the job's
    /// owner only and so for no log. All others are our own words.
    #[must_use]
    pub fn may_quote(self) -> bool {
        match self {
            Self::HandlerError | Self::PayloadInvalid | Self::Panicked | Self::TargetRefused => true,
            Self::TimedOut
            | Self::WorkerLost
            | Self::UnknownKind
            | Self::JobUnreadable
            | Self::TargetUnreachable => false,
        }
    }
}

/// One failed attempt's error, as its owner reads it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Failure {
    /// The class of the failure.
    pub code: FailureCode,
    /// What happened, for a person; at most [`Failure::MAX_MESSAGE_LEN`] bytes, without NUL.
    pub message: String,
}

impl Failure {
    /// The longest stored message, in bytes. A long traceback is cut, never a reason to fail the record.
    pub const MAX_MESSAGE_LEN: usize = 4_096;

    /// Makes a failure whose message can always be stored: NUL is replaced and the length capped, because a
    /// handler's text is hostile input to the record of its own failure.
    #[must_use]
    pub fn new(code: FailureCode, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.contains('\0') {
            message = message.replace('\0', "\u{fffd}");
        }
        if message.len() > Self::MAX_MESSAGE_LEN {
            let mut end = Self::MAX_MESSAGE_LEN - '…'.len_utf8();
            while !message.is_char_boundary(end) {
                end -= 1;
            }
            message.truncate(end);
            message.push('…');
        }
        Self { code, message }
    }

    /// The failure of an attempt whose worker is gone.
    #[must_use]
    pub fn worker_lost() -> Self {
        Self::new(FailureCode::WorkerLost, "the worker stopped renewing its lease")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_messages_are_made_storable() {
        let failure = Failure::new(FailureCode::HandlerError, format!("a\0{}", "é".repeat(4_000)));
        assert!(failure.message.len() <= Failure::MAX_MESSAGE_LEN);
        assert!(!failure.message.contains('\0'));
        assert!(failure.message.ends_with('…'));
    }
}
