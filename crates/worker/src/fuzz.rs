//! The parsers of this crate for the crate `fuzz`: each function reads an input as a stranger would send it, says whether
//! it is accepted, and panics when the parser breaks its promise.

use chrono::DateTime;
use http::HeaderValue;

use crate::handlers::{HttpRequestPayload, retry_after};

/// What `http.request` takes: read, or refused, and never anything but HTTP.
#[must_use]
pub fn payload(input: &[u8]) -> bool {
    let payload: Result<HttpRequestPayload, _> = serde_json::from_slice(input);
    payload.is_ok_and(|payload| {
        let shown = format!("{payload:?}");
        assert!(!shown.is_empty());
        true
    })
}

/// What a receiver asks for: a wait that is no longer than one can be.
#[must_use]
pub fn retry_after(input: &[u8]) -> bool {
    let now = DateTime::from_timestamp(784_111_777, 0).unwrap_or_default();
    let wait = HeaderValue::from_bytes(input)
        .ok()
        .and_then(|value| retry_after::parse(&value, now));
    if let Some(wait) = wait {
        let written = HeaderValue::from(wait.as_secs());
        let again = retry_after::parse(&written, now);
        assert_eq!(again.map(|again| again.as_secs()), Some(wait.as_secs()));
    }
    wait.is_some()
}
