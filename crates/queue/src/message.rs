//! What is sent and what is received.

use std::time::Duration;

use domain::{JobId, TenantId};

use crate::{EntryFailure, Error};

/// The longest delay that every backend accepts. It is SQS' own limit; longer waits belong in the database.
pub const MAX_DELAY: Duration = Duration::from_secs(15 * 60);

/// The longest that a receive waits, on every backend. It is SQS' own limit.
pub const MAX_WAIT: Duration = Duration::from_secs(20);

/// What is said about a job: usually that it is queued; under 1 KB on every backend.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// The job.
    pub job_id: JobId,
    /// Its owner; also the group by which a backend may be fair.
    pub tenant_id: TenantId,
    /// The W3C trace context of the submit.
    pub traceparent: Option<String>,
    /// The attempt after which the job became a dead letter: then this is not a doorbell but what lies in a
    /// dead-letter queue, and what somebody may move back from there. No outbox holds such messages.
    pub dead_letter: Option<u32>,
}

/// A message to send.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// What to say.
    pub message: Message,
    /// How long it stays hidden first. An entry with more than [`MAX_DELAY`] is rejected.
    pub delay: Duration,
}

/// What a delivery is extended and deleted by. It is good for this one delivery: once the message was
/// received again, an older receipt is refused. (SQS promises less: it may accept an older receipt's delete,
/// and either do it or not.)
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Receipt(pub String);

/// One receipt of a message.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// What was said, or why it could not be read.
    pub message: Result<Message, Unreadable>,
    /// Extends or deletes this delivery.
    pub receipt: Receipt,
    /// How often the message was received, this time included. Not the number of attempts: those are in
    /// Postgres.
    pub receive_count: u32,
}

/// A message that is not one of ours. The receiver deletes and counts it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("message {backend_id} is not readable: {reason}")]
pub struct Unreadable {
    /// The backend's own id of the message.
    pub backend_id: String,
    /// What is wrong with it.
    pub reason: String,
}

/// What to receive.
#[derive(Clone, Copy, Debug)]
pub struct Receive {
    /// The most messages to take; the receiver owns that many free permits. Backends may return fewer (SQS:
    /// 10).
    pub max: usize,
    /// How long to wait for the first message; cut to [`MAX_WAIT`].
    pub wait: Duration,
    /// How long what was received stays hidden from other receivers.
    pub visibility: Duration,
}

/// Why an envelope can't be sent.
#[derive(Debug, thiserror::Error)]
#[error("the delay of {} s is longer than {} s", .0.as_secs(), MAX_DELAY.as_secs())]
struct DelayTooLong(Duration);

/// Splits a batch into what a backend may send, with its index, and what none would take. Checked here, so
/// that what works on one backend works on the other.
pub(crate) fn sendable(envelopes: &[Envelope]) -> (Vec<(usize, &Envelope)>, Vec<EntryFailure>) {
    let (sendable, rejected): (Vec<_>, Vec<_>) = envelopes
        .iter()
        .enumerate()
        .partition(|(_, envelope)| envelope.delay <= MAX_DELAY);
    let reject = |(index, envelope): (usize, &Envelope)| EntryFailure {
        index,
        error: Error::Rejected(Box::new(DelayTooLong(envelope.delay))),
    };
    (sendable, rejected.into_iter().map(reject).collect())
}
