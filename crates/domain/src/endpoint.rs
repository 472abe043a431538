//! What an endpoint may be: bounds that the api checks and the worker relies on.

/// The longest URL, in bytes.
pub const MAX_URL_BYTES: usize = 2_048;
/// The most headers of an endpoint.
pub const MAX_HEADERS: usize = 20;
/// The longest value of a header, in bytes.
pub const MAX_HEADER_VALUE_BYTES: usize = 4_096;
/// The most secrets of an endpoint that sign at the same time.
pub const MAX_LIVE_SECRETS: usize = 3;

/// Headers that belong to the connection, to the body's framing, or to us.
const RESERVED: [&str; 12] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
const RESERVED_PREFIXES: [&str; 2] = ["webhook-", "tandem-"];

/// Whether a header, by its name in lower case, can't be set by whoever submits a job or makes an endpoint.
#[must_use]
pub fn header_is_reserved(name: &str) -> bool {
    RESERVED.contains(&name) || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_frames_a_request_or_signs_it_is_reserved() {
        for reserved in ["host", "transfer-encoding", "webhook-signature", "tandem-attempt"] {
            assert!(header_is_reserved(reserved), "{reserved}");
        }
        for free in [
            "authorization",
            "x-shop",
            "content-type",
            "traceparent",
            "webhooks",
        ] {
            assert!(!header_is_reserved(free), "{free}");
        }
    }
}
