//! What can go wrong, by what the caller can do about it.

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The backend can't be reached, or is too busy: try again later.
    #[error("the queue can't be reached")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The backend refused the request; the same request will be refused again.
    #[error("the queue refused the request")]
    Rejected(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The receipt is stale: the message was received again, or deleted.
    #[error("the receipt is stale")]
    StaleReceipt,
}

/// One entry of a batch that failed, by its index in the slice that was passed in.
#[derive(Debug)]
pub struct EntryFailure {
    /// The index of the entry.
    pub index: usize,
    /// Why it failed.
    pub error: Error,
}
