//! What becomes of a message that lies in a dead-letter queue.

use queue::{Message, Unreadable};

/// What is done with it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// It says what the database says.
    Keep,
    /// It does not.
    Delete(Reason),
}

/// Why a message goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reason {
    /// The job is no dead letter since this attempt any more: it was retried or discarded.
    Stale,
    /// Another message says the same.
    Duplicate,
    /// It is a plain doorbell that SQS moved here because it was received too often. Its job either has an outbox row,
    /// which announces it again, or is done with, or is a dead letter with a message of its own.
    Doorbell,
    /// It is not ours.
    Unreadable,
}

impl Reason {
    /// The word of the metric.
    pub(super) const fn action(self) -> &'static str {
        match self {
            Self::Stale => "deleted_stale",
            Self::Duplicate => "deleted_duplicate",
            Self::Doorbell => "deleted_doorbell",
            Self::Unreadable => "deleted_unreadable",
        }
    }
}

/// Judges a message by the row of its job, which is the attempt since which that is a dead letter, and by whether
/// another message of the job was kept already.
pub(super) fn judge(message: &Result<Message, Unreadable>, row: Option<u32>, kept: bool) -> Verdict {
    let Ok(message) = message else {
        return Verdict::Delete(Reason::Unreadable);
    };
    let Some(attempt) = message.dead_letter else {
        return Verdict::Delete(Reason::Doorbell);
    };
    if row != Some(attempt) {
        Verdict::Delete(Reason::Stale)
    } else if kept {
        Verdict::Delete(Reason::Duplicate)
    } else {
        Verdict::Keep
    }
}

#[cfg(test)]
mod tests {
    use domain::{JobId, TenantId};
    use uuid::Uuid;

    use super::*;

    fn message(dead_letter: Option<u32>) -> Result<Message, Unreadable> {
        Ok(Message {
            job_id: JobId(Uuid::nil()),
            tenant_id: TenantId(Uuid::nil()),
            traceparent: None,
            dead_letter,
        })
    }

    #[test]
    fn the_row_decides_and_one_message_is_enough() {
        let unreadable = || {
            Err(Unreadable {
                backend_id: "1".to_owned(),
                reason: "its body does not have the expected form".to_owned(),
            })
        };
        use Reason::{Doorbell, Duplicate, Stale};
        use Verdict::{Delete, Keep};
        for (message, row, kept, expected) in [
            (message(Some(3)), Some(3), false, Keep),
            (message(Some(3)), Some(3), true, Delete(Duplicate)),
            (message(Some(3)), None, false, Delete(Stale)),
            (message(Some(3)), Some(5), false, Delete(Stale)),
            (message(Some(5)), Some(3), false, Delete(Stale)),
            (message(Some(3)), Some(5), true, Delete(Stale)),
            (message(None), None, false, Delete(Doorbell)),
            (message(None), Some(3), false, Delete(Doorbell)),
            (message(None), Some(3), true, Delete(Doorbell)),
            (unreadable(), None, false, Delete(Reason::Unreadable)),
            (unreadable(), Some(3), true, Delete(Reason::Unreadable)),
        ] {
            assert_eq!(
                judge(&message, row, kept),
                expected,
                "{message:?}, {row:?}, {kept}"
            );
        }
    }
}
