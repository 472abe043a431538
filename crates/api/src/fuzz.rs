//! The parsers of this crate for the crate `fuzz`: each function reads an input as a request would bring it, says whether
//! it is accepted, and panics when the parser breaks its promise.

use std::fmt::Debug;
use std::str;

use domain::{JobId, UserId};
use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use crate::header::{etag, idempotency_key, prefer, traceparent};
use crate::query::Query;
use crate::wire::SubmitJob;
use crate::{cursor, json, values};

const LIST: &str = "/api/jobs?state=failed";

/// Cursors to begin with.
#[must_use]
pub fn cursors() -> Vec<Vec<u8>> {
    let job = |id| cursor::write(JobId(Uuid::from_u128(id)), LIST).into_bytes();
    vec![
        job(0),
        job(u128::MAX),
        cursor::write(UserId(7), LIST).into_bytes(),
    ]
}

/// A cursor has one spelling.
#[must_use]
pub fn cursor(input: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(input) else {
        return false;
    };
    let job: Option<JobId> = cursor::read(text, LIST);
    let user: Option<UserId> = cursor::read(text, LIST);
    if let Some(id) = job {
        assert_eq!(cursor::write(id, LIST), text);
    }
    if let Some(id) = user {
        assert_eq!(cursor::write(id, LIST), text);
    }
    job.is_some() || user.is_some()
}

/// A key is what was sent, or what that quotes.
#[must_use]
pub fn idempotency_key(input: &[u8]) -> bool {
    let Some(key) = idempotency_key::parse(input) else {
        return false;
    };
    assert!(
        (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()),
        "{key}"
    );
    let quoted = format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""));
    assert_eq!(idempotency_key::parse(quoted.as_bytes()).as_ref(), Some(&key));
    if !key.starts_with('"') {
        assert_eq!(idempotency_key::parse(key.as_bytes()).as_ref(), Some(&key));
    }
    true
}

/// What is listed after anything matches, and so does what is listed before it.
#[must_use]
pub fn if_none_match(input: &[u8]) -> bool {
    let etag = HeaderValue::from_static("\"3\"");
    let Some(headers) = header("if-none-match", input) else {
        return false;
    };
    let mut more = headers.clone();
    more.append("if-none-match", etag.clone());
    assert!(etag::matches(&more, &etag));
    etag::matches(&headers, &etag)
}

/// A wait is told as it was asked for, within its bounds.
#[must_use]
pub fn prefer(input: &[u8]) -> bool {
    let Some(wait) = header("prefer", input).and_then(|headers| prefer::wait(&headers)) else {
        return false;
    };
    assert!((1..=60).contains(&wait.as_secs()), "{wait:?}");
    let mut headers = HeaderMap::new();
    headers.insert("prefer", prefer::applied(wait));
    assert_eq!(prefer::wait(&headers), Some(wait));
    true
}

/// A trace goes on as it was read.
#[must_use]
pub fn traceparent(input: &[u8]) -> bool {
    let Some(trace) = traceparent::parse(input) else {
        return false;
    };
    assert_eq!(trace.trace_id().len(), 32);
    assert_eq!(traceparent::parse(trace.to_string().as_bytes()), Some(trace));
    true
}

/// A document is read to its end, or refused with its place.
#[must_use]
pub fn json(input: &[u8]) -> bool {
    json::parse::<SubmitJob>(input).is_ok()
}

/// Every parameter is taken or refused, none is lost.
#[must_use]
pub fn query(input: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(input) else {
        return false;
    };
    let mut query = Query::parse(text);
    let taken = [
        query.take("state", values::state).is_some(),
        query.take("limit", |text| values::limit(text, 100)).is_some(),
        query.take("tag", values::name::<domain::Tag>).is_some(),
    ];
    let is_fine = query.finish().is_ok();
    assert!(
        !is_fine || taken.contains(&true) || text.bytes().all(|byte| byte == b'&'),
        "{text}"
    );
    is_fine
}

/// A time is read again as it is written.
#[must_use]
pub fn time(input: &[u8]) -> bool {
    rereads(input, values::time, |time| values::time_text(*time))
}

/// The most entries of an answer, within its bounds.
#[must_use]
pub fn limit(input: &[u8]) -> bool {
    rereads(input, |text| values::limit(text, 100), ToString::to_string)
}

/// A fingerprint is taken as it is.
#[must_use]
pub fn fingerprint(input: &[u8]) -> bool {
    rereads(input, values::fingerprint, Clone::clone)
}

fn rereads<T: Debug + PartialEq, E: Debug>(
    input: &[u8],
    read: impl Fn(&str) -> Result<T, E>,
    write: impl Fn(&T) -> String,
) -> bool {
    let Some(value) = str::from_utf8(input).ok().and_then(|text| read(text).ok()) else {
        return false;
    };
    let written = write(&value);
    assert_eq!(read(&written).ok().as_ref(), Some(&value), "{written}");
    true
}

/// A request with this header; `None` when hyper would not let it through.
fn header(name: &'static str, value: &[u8]) -> Option<HeaderMap> {
    let value = HeaderValue::from_bytes(value).ok()?;
    Some(HeaderMap::from_iter([(HeaderName::from_static(name), value)]))
}
