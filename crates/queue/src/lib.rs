//! Doorbells: how a queued job is announced to the workers.
//!
//! A [`Message`] is a pointer to a job, never its payload. It may be lost, late, doubled or out of order:
//! Postgres is the truth, every claim is checked there, and a sweep announces what was not heard. So an
//! implementation owes only what SQS' standard queues owe: at least one delivery to some receiver, most of
//! the time.
//!
//! There are two backends, chosen by configuration: [`sqs`], and [`postgres`], which reads the outbox and
//! needs nothing but the database. Both pass `conformance`, which stands behind the feature of that name.

#![warn(missing_docs, clippy::wildcard_enum_match_arm)]

#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
#[cfg(feature = "faulty")]
pub mod faulty;
mod message;
pub mod postgres;
pub mod sqs;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use domain::LaneHolds;

pub use error::{EntryFailure, Error};
pub use message::{Delivery, Envelope, MAX_DELAY, MAX_WAIT, Message, Receipt, Receive, Unreadable};

/// A lane of doorbells.
#[async_trait]
pub trait Queue: fmt::Debug + Send + Sync {
    /// Sends each message. `Ok` lists the entries that failed: the caller owes them another try; all others
    /// were accepted.
    ///
    /// # Errors
    /// When nothing is known to have been accepted.
    async fn send(&self, envelopes: &[Envelope]) -> Result<Vec<EntryFailure>, Error>;

    /// Waits for messages and takes up to `max` of them; none after `wait`. Each is hidden from other
    /// receivers for `visibility`; the caller extends or deletes it before, or it is delivered again.
    /// Dropping the future loses nothing: what it had taken is delivered again after `visibility`.
    ///
    /// # Errors
    /// When the backend did not answer.
    async fn receive(&self, receive: Receive) -> Result<Vec<Delivery>, Error>;

    /// Hides each delivery for `visibility` from now; zero delivers it again at once. `Ok` lists the entries
    /// that failed, stale receipts among them.
    ///
    /// # Errors
    /// When the backend did not answer.
    async fn extend(&self, receipts: &[Receipt], visibility: Duration) -> Result<Vec<EntryFailure>, Error>;

    /// Deletes each delivery's message. The caller has committed the outcome before. `Ok` lists the entries
    /// that failed, stale receipts among them: such a message comes again, and the claim tells that its job
    /// is done.
    ///
    /// # Errors
    /// When the backend did not answer.
    async fn delete(&self, receipts: &[Receipt]) -> Result<Vec<EntryFailure>, Error>;

    /// How many messages there are about now, whether visible, hidden or delayed.
    ///
    /// # Errors
    /// When the backend did not answer.
    async fn depth(&self) -> Result<u64, Error>;

    /// Checks that the backend answers and the lane exists; for readiness.
    ///
    /// # Errors
    /// When it does not.
    async fn check(&self) -> Result<(), Error>;

    /// Leaves messages of these tenants where they are from now on. A backend that can't choose what it delivers does
    /// nothing; then the claim refuses their jobs.
    fn hold(&self, holds: &LaneHolds) {
        tracing::trace!(?holds, "this queue delivers what it has");
    }

    /// Whether the messages are the outbox rows themselves. Then a claim consumes them in its own
    /// transaction, no dispatcher runs, and the worker neither extends nor deletes the delivery of a job that
    /// it has claimed.
    fn is_outbox(&self) -> bool;
}
