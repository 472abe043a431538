//! The parsers that read what strangers send.

use std::fmt::Display;
use std::str::{self, FromStr};

use domain::schedule::{Cron, Zone};
use domain::{EndpointName, JobId, JobState, KeyId, Kind, QueueName, ScheduleName, Scope, Tag};
use runtime::credential::{ApiKey, KeyEnvironment};

use crate::{pointer, webhook};

/// A parser with its promise.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What it is called on the command line.
    pub name: &'static str,
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Reads an input: whether it is accepted. Panics when the parser breaks its promise.
    pub judge: fn(&[u8]) -> bool,
}

const fn target(name: &'static str, seeds: fn() -> Vec<Vec<u8>>, judge: fn(&[u8]) -> bool) -> Target {
    Target { name, seeds, judge }
}

/// Every target.
pub const TARGETS: &[Target] = &[
    target("cron", || texts(CRON), rereads::<Cron>),
    target("cursor", api::fuzz::cursors, api::fuzz::cursor),
    target("endpoint", || texts(&["billing"]), rereads::<EndpointName>),
    target(
        "etag",
        || texts(&["\"3\"", "W/\"3-cancel\", \"4\"", "*"]),
        api::fuzz::if_none_match,
    ),
    target(
        "fingerprint",
        || texts(&["473c60e349f95403"]),
        api::fuzz::fingerprint,
    ),
    target(
        "idempotency-key",
        || texts(&["order-17", "\"order 17\"", r#""a\"b\\c""#]),
        api::fuzz::idempotency_key,
    ),
    target(
        "job-id",
        || texts(&["0190163d-8694-739b-aea5-966c26f8ad91"]),
        rereads::<JobId>,
    ),
    target("json", || texts(JSON), api::fuzz::json),
    target("key", keys, key),
    target(
        "key-id",
        || texts(&["0123456789ABCDEF", "abcdefghijklmnop"]),
        rereads::<KeyId>,
    ),
    target("kind", || texts(&["http.request", "test.echo"]), rereads::<Kind>),
    target("last-event-id", || texts(&["17", "0"]), api::fuzz::last_event_id),
    target("limit", || texts(&["20", "100", "+1"]), api::fuzz::limit),
    target("payload", || texts(PAYLOADS), worker::fuzz::payload),
    target("pointer", || texts(pointer::POINTERS), pointer::pointer),
    target(
        "pointer-document",
        || texts(pointer::DOCUMENTS),
        pointer::document,
    ),
    target(
        "prefer",
        || texts(&["wait=20", "respond-async, Wait = \"5\"; strict"]),
        api::fuzz::prefer,
    ),
    target(
        "query",
        || texts(&["state=failed&limit=2", "kind=a.b&tag=x+y%2F%C3%A9&cursor="]),
        api::fuzz::query,
    ),
    target(
        "queue",
        || texts(&["default", "high-priority_2"]),
        rereads::<QueueName>,
    ),
    target(
        "retry-after",
        || texts(&["120", "Sun, 06 Nov 1994 08:50:07 GMT"]),
        worker::fuzz::retry_after,
    ),
    target("schedule", || texts(&["nightly-report"]), rereads::<ScheduleName>),
    target(
        "scope",
        || texts(&["jobs:read", "jobs:write", "ops", "admin"]),
        rereads::<Scope>,
    ),
    target("signature", webhook::signatures, webhook::signature),
    target("signature-timestamp", webhook::timestamps, webhook::timestamp),
    target("signing-secret", || texts(webhook::SECRETS), webhook::secret),
    target(
        "state",
        || texts(&["scheduled", "queued", "succeeded"]),
        rereads::<JobState>,
    ),
    target("tag", || texts(&["Größe 4", "a"]), rereads::<Tag>),
    target(
        "time",
        || texts(&["2026-01-31T12:00:00Z", "2026-01-31t12:00:00.123456+01:00"]),
        api::fuzz::time,
    ),
    target(
        "traceparent",
        || {
            texts(&[
                TRACEPARENT,
                "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            ])
        },
        api::fuzz::traceparent,
    ),
    target(
        "zone",
        || texts(&["Europe/Berlin", "UTC", "America/Argentina/Ushuaia"]),
        rereads::<Zone>,
    ),
];

const CRON: &[&str] = &["30 2 * * MON-FRI", "*/5 0-12/3 1,15 JAN,DEC ?", "@weekly"];

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

const JSON: &[&str] = &[
    r#"{"kind":"http.request","payload":{"a":[1,2.5e3,"é\ud83e\udd80",null]},"queue":"default","delay_ms":5}"#,
    r#"{"kind":"k","run_at":"2030-01-01T00:00:00Z","max_attempts":3,"backoff":{"initial_ms":1,"factor":1.5},"tags":["a"]}"#,
];

const PAYLOADS: &[&str] = &[
    r#"{"url":"https://example.com/hook?a=1","method":"POST","headers":{"x-a":"b"},"body":{"a":1},"timeout_ms":1000}"#,
    r#"{"url":"http://[::1]:8080/"}"#,
];

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// What is accepted is read again, as the same, from how it is written.
pub(crate) fn rereads<T: FromStr + Display + PartialEq>(input: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(input) else {
        return false;
    };
    let Ok(value) = text.parse::<T>() else {
        return false;
    };
    let written = value.to_string();
    assert!(written.parse().is_ok_and(|again: T| again == value), "{written}");
    true
}

fn keys() -> Vec<Vec<u8>> {
    let key = |environment: &str, byte: u8| {
        let environment: KeyEnvironment = environment.parse().expect("it is one");
        let key = ApiKey::from_random(&environment, &[byte; 16], &[byte; 32]);
        key.expose().as_bytes().to_vec()
    };
    vec![key("dev", 7), key("prod", 0), key("prod", 255)]
}

/// An API key is what it is made of, and nothing around that.
fn key(input: &[u8]) -> bool {
    let Some(key) = str::from_utf8(input)
        .ok()
        .and_then(|text| text.parse::<ApiKey>().ok())
    else {
        return false;
    };
    assert_eq!(key.expose().as_bytes(), input);
    let prefix = format!("tdm_{}_{}_", key.environment(), key.id());
    assert!(key.expose().starts_with(&prefix), "{prefix}");
    true
}
