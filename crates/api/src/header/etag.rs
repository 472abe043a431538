//! `ETag` and `If-None-Match`: a client that has the newest version of something is told so in one line.

use http::header::IF_NONE_MATCH;
use http::{HeaderMap, HeaderValue};
use store::Job;

/// The version of a job. A cancel request changes what a client reads without being an event, so it is told
/// apart; so is what a key reads that may not see personal data.
pub(crate) fn of_job(job: &Job, in_full: bool) -> HeaderValue {
    let requested = if job.cancel_requested_at.is_some() {
        "-cancel"
    } else {
        ""
    };
    let masked = if in_full || job.sensitive.is_empty() {
        ""
    } else {
        "-masked"
    };
    HeaderValue::try_from(format!("\"{}{requested}{masked}\"", job.version))
        .expect("digits and letters are a header value")
}

/// The version of something whose versions are numbers.
pub(crate) fn of_version(version: u32) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).expect("digits are a header value")
}

/// Whether the client has this version. Weak comparison, as RFC 9110 (13.1.2) asks for.
pub(crate) fn matches(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let etag = etag.as_bytes();
    headers.get_all(IF_NONE_MATCH).iter().any(|value| {
        value.as_bytes().split(|byte| *byte == b',').any(|candidate| {
            let candidate = candidate.trim_ascii();
            candidate == b"*" || candidate.strip_prefix(b"W/").unwrap_or(candidate) == etag
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_listed_version_or_a_star_matches() {
        let etag = HeaderValue::from_static("\"3\"");
        let asked = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, HeaderValue::from_static(text));
            matches(&headers, &etag)
        };
        assert!(asked("\"3\"") && asked("W/\"3\"") && asked("\"1\", \"3\"") && asked("*"));
        assert!(!asked("\"33\"") && !asked("3") && !asked("\"3-cancel\"") && !asked(""));
        assert!(!matches(&HeaderMap::new(), &etag));
    }
}
