//! What can go wrong around the jobs; what goes wrong within one is a [`crate::JobError`].

use std::time::Duration;

/// Why the worker could not do something. The loops try again whatever may pass.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database refused, or could not be asked.
    #[error("the database did not do it")]
    Store(#[from] store::Error),
    /// The queue refused, or could not be asked.
    #[error("the queue did not do it")]
    Queue(#[from] queue::Error),
    /// Nobody answered in time.
    #[error("no answer within {} ms", .0.as_millis())]
    NoAnswer(Duration),
    /// Requests can't be sent from this machine at all.
    #[error("the HTTP client can't be made")]
    HttpClient(#[source] reqwest::Error),
    /// The worker was put together wrongly: a defect of the program or of its settings.
    #[error("{}", .0.join("; "))]
    Config(Vec<String>),
}

impl Error {
    /// Whether the same call may succeed later, unchanged.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Store(error) => error.is_transient(),
            Self::Queue(_) | Self::NoAnswer(_) => true,
            Self::HttpClient(_) | Self::Config(_) => false,
        }
    }
}

/// Waits for an answer, but not for ever: a connection whose peer has vanished without a word gives none.
pub(crate) fn within<T, E: Into<Error>>(
    limit: Duration,
    call: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = Result<T, Error>> {
    // Statements make large futures; here they leave the stack.
    let answer = tokio::time::timeout(limit, Box::pin(call));
    async move {
        match answer.await {
            Ok(answer) => answer.map_err(Into::into),
            Err(_) => Err(Error::NoAnswer(limit)),
        }
    }
}
