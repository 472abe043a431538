//! What a receiver's answer means. All of it is hostile: its length, its pace, its bytes.

use std::time::Duration;

use domain::FailureCode;
use http::StatusCode;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::Response;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};

use super::payload::is_json;
use super::retry_after;
use crate::handler::{Done, JobError};

/// The most that is read of a body; the rest is not even received.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// How long a body may take after its head. A receiver that has said 2xx is done, however slowly it tells more.
const BODY_PATIENCE: Duration = Duration::from_secs(10);
/// The most characters of a refusal's body that its error tells, and the time to read them.
const EXCERPT_CHARS: usize = 200;
const EXCERPT_PATIENCE: Duration = Duration::from_secs(2);

/// The result of a success.
#[derive(Serialize)]
struct Told<'a> {
    status: u16,
    content_type: Option<&'a str>,
    body: Body,
    truncated: bool,
    duration_ms: u64,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Body {
    None,
    Json(Box<RawValue>),
    Text(String),
}

/// Decides what an answer means, reading its body until `deadline` at the latest.
pub(super) async fn take(
    mut response: Response,
    began: Instant,
    deadline: Instant,
) -> Result<Done, JobError> {
    let status = response.status();
    if !status.is_success() {
        return Err(refused(&mut response, deadline).await);
    }
    let (bytes, truncated) = read(
        &mut response,
        MAX_BODY_BYTES,
        deadline.min(Instant::now() + BODY_PATIENCE),
    )
    .await;
    let content_type = response.headers().get(CONTENT_TYPE);
    let body = body(&bytes, !truncated && content_type.is_some_and(is_json));
    let told = Told {
        status: status.as_u16(),
        content_type: content_type
            .and_then(|value| value.to_str().ok())
            .filter(|text| text.len() <= 200),
        body,
        truncated,
        duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    Ok(Done::json(&told)?)
}

async fn refused(response: &mut Response, deadline: Instant) -> JobError {
    let status = response.status();
    let wait = response.headers().get(RETRY_AFTER).cloned();
    let (bytes, _) = read(
        response,
        EXCERPT_CHARS * 4,
        deadline.min(Instant::now() + EXCERPT_PATIENCE),
    )
    .await;
    let mut message = format!("the target answered {status}");
    if status.is_redirection() {
        message.push_str("; redirects are not followed");
    }
    let excerpt: String = text(&bytes).trim().chars().take(EXCERPT_CHARS).collect();
    if !excerpt.is_empty() {
        message = format!("{message}: {excerpt}");
    }
    if status == StatusCode::GONE {
        return JobError::abort_as(FailureCode::TargetRefused, message);
    }
    let error = JobError::retry_as(FailureCode::TargetRefused, message);
    let asks_to_wait = matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    );
    let wait = wait
        .filter(|_| asks_to_wait)
        .and_then(|value| retry_after::parse(&value, runtime::clock::now()));
    match wait {
        Some(wait) => error.after(wait),
        None => error,
    }
}

/// Reads a body up to a length and until a moment; answers whether something is missing.
async fn read(response: &mut Response, max_bytes: usize, deadline: Instant) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    loop {
        match timeout_at(deadline, response.chunk()).await {
            Ok(Ok(None)) => return (bytes, false),
            Ok(Ok(Some(chunk))) => {
                let room = max_bytes - bytes.len();
                bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room {
                    return (bytes, true);
                }
            }
            // It broke off, or the time is up.
            Ok(Err(_)) | Err(_) => return (bytes, true),
        }
    }
}

fn body(bytes: &[u8], is_json: bool) -> Body {
    if bytes.is_empty() {
        return Body::None;
    }
    let json = is_json
        .then(|| std::str::from_utf8(bytes).ok())
        .flatten()
        .and_then(json);
    json.map_or_else(|| Body::Text(text(bytes)), Body::Json)
}

/// JSON, byte for byte. Reading it as a value first refuses what is nested so deeply that others would choke on it.
fn json(text: &str) -> Option<Box<RawValue>> {
    serde_json::from_str::<serde_json::Value>(text).ok()?;
    RawValue::from_string(text.to_owned()).ok()
}

/// Text without invalid bytes and without control characters: those would grow sixfold in JSON, and no one reads them.
fn text(bytes: &[u8]) -> String {
    let keep = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    String::from_utf8_lossy(bytes)
        .chars()
        .map(|c| if keep(c) { c } else { char::REPLACEMENT_CHARACTER })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_body_fits_into_a_result() {
        for worst in [0x00, 0xff, b'"', b'\\', b'\n'] {
            let body = body(&[worst; MAX_BODY_BYTES], false);
            let length_bytes = serde_json::to_string(&body).unwrap().len();
            assert!(
                length_bytes < Done::MAX_RESULT_BYTES - 1_024,
                "{worst:#x}: {length_bytes}"
            );
        }
    }

    #[test]
    fn json_stays_as_it_is_and_what_is_none_becomes_text() {
        let is_text = |bytes: &[u8]| matches!(body(bytes, true), Body::Text(_));
        assert!(
            matches!(body(br#"{"a":1.000000000000000000001}"#, true), Body::Json(json)
            if json.get() == r#"{"a":1.000000000000000000001}"#)
        );
        assert!(matches!(body(b"", true), Body::None));
        assert!(is_text(b"{") && is_text(b"\xff\xfe") && is_text("[".repeat(60_000).as_bytes()));
        let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
        assert!(is_text(deep.as_bytes()));
        assert!(matches!(body(b"{}", false), Body::Text(text) if text == "{}"));
    }
}
