//! The handlers that every worker has.

mod http_request;
pub mod test;

#[cfg(feature = "fuzz")]
pub(crate) use http_request::retry_after;
pub use http_request::{HttpRequest, HttpRequestPayload, Targets};
