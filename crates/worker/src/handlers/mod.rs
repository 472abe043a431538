//! The handlers that every worker has.

mod http_request;
pub mod test;

pub use http_request::{HttpRequest, HttpRequestPayload, Targets};
