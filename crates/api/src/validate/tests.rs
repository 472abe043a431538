//! The rules one by one.

use domain::unique::Window;
use domain::{OnConflict, RequestId};
use http::HeaderMap;
use serde_json::{Value, json};

use super::*;
use crate::header::traceparent::Traceparent;
use crate::middleware::Waited;

fn id() -> Uuid {
    Uuid::from_u128(1 << 63 | 7)
}

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

fn after(seconds: i64) -> String {
    (now() + TimeDelta::seconds(seconds)).to_rfc3339()
}

fn check(body: &Value) -> Result<NewJob, String> {
    let context = RequestContext {
        request_id: RequestId::from(id()),
        traceparent: Traceparent::of(&HeaderMap::new(), id),
        span: runtime::trace::TraceSpan::default(),
        waited: Waited::default(),
    };
    let lanes = [QueueName::default_lane(), "slow".parse().unwrap()];
    let kinds = KindBook::default();
    let rules = Rules {
        kinds: &kinds,
        lanes: &lanes,
        context: &context,
        now: now(),
        new_id: id,
    };
    let body = serde_json::from_value(body.clone()).unwrap();
    rules
        .job(body)
        .map(|mut jobs| jobs.remove(0))
        .map_err(|problem| format!("{problem:?}"))
}

#[test]
fn a_kind_is_enough() {
    let job = check(&json!({ "kind": "a.b" })).unwrap();
    assert_eq!(
        (job.kind.as_str(), job.queue.as_str(), job.payload.get()),
        ("a.b", "default", "null")
    );
    assert_eq!(
        (job.policy, job.timeout),
        (RetryPolicy::default(), Duration::from_secs(300))
    );
    assert!(job.run_at.is_none() && job.start_by.is_none() && job.tags.is_empty());
    assert!(job.request_id.is_some() && job.traceparent.is_some());
}

#[test]
fn everything_that_is_sent_is_taken() {
    let job = check(&json!({
        "kind": "k", "queue": "slow", "payload": [1], "run_at": after(60), "start_by": after(61),
        "max_attempts": 1000,
        "backoff": { "initial_ms": 1, "factor": 10, "max_ms": 604_800_000 }, "timeout_ms": 86_400_000,
        "tags": ["a", "b c"],
    }))
    .unwrap();
    assert_eq!(
        (job.queue.as_str(), job.payload.get(), job.policy.max_attempts),
        ("slow", "[1]", 1_000)
    );
    assert_eq!(job.policy.backoff.initial, Duration::from_millis(1));
    assert_eq!(
        (job.policy.backoff.factor, job.policy.backoff.max),
        (10.0, Duration::from_hours(168))
    );
    assert_eq!(job.run_at, Some(now() + TimeDelta::seconds(60)));
    assert_eq!(job.start_by, Some(now() + TimeDelta::seconds(61)));
    assert_eq!(job.tags.len(), 2);
}

#[test]
fn a_time_that_has_passed_means_now() {
    assert_eq!(
        check(&json!({ "kind": "k", "run_at": after(-1) }))
            .unwrap()
            .run_at,
        None
    );
    assert_eq!(
        check(&json!({ "kind": "k", "run_at": "0001-01-01T00:00:00Z" }))
            .unwrap()
            .run_at,
        None
    );
    assert_eq!(
        check(&json!({ "kind": "k", "delay_ms": 0 })).unwrap().run_at,
        None
    );
    let delayed = check(&json!({ "kind": "k", "delay_ms": 1500 })).unwrap();
    assert_eq!(delayed.run_at, Some(now() + TimeDelta::milliseconds(1_500)));
}

#[test]
fn the_highest_wait_grows_with_the_first() {
    let backoff = check(&json!({ "kind": "k", "backoff": { "initial_ms": 3_600_000 } }))
        .unwrap()
        .policy
        .backoff;
    assert_eq!(backoff.max, Duration::from_hours(1));
}

#[test]
fn each_rule_names_its_field() {
    let many: Vec<String> = (0..21).map(|tag| format!("t{tag}")).collect();
    for (field, value, pointer, code) in [
        ("kind", json!("K"), "/kind", "invalid_value"),
        ("kind", json!("nul\0"), "/kind", "invalid_value"),
        ("queue", json!("other"), "/queue", "unknown_queue"),
        ("queue", json!("nul\0"), "/queue", "invalid_value"),
        ("run_at", json!("tomorrow"), "/run_at", "invalid_value"),
        (
            "run_at",
            json!("+262142-01-01T00:00:00Z"),
            "/run_at",
            "invalid_value",
        ),
        ("run_at", json!("9999-01-01T00:00:00Z"), "/run_at", "too_late"),
        ("delay_ms", json!(u64::MAX), "/delay_ms", "out_of_range"),
        ("start_by", json!(after(0)), "/start_by", "too_early"),
        ("start_by", json!("9999-01-01T00:00:00Z"), "/start_by", "too_late"),
        ("max_attempts", json!(0), "/max_attempts", "out_of_range"),
        ("max_attempts", json!(1001), "/max_attempts", "out_of_range"),
        ("timeout_ms", json!(999), "/timeout_ms", "out_of_range"),
        ("timeout_ms", json!(u64::MAX), "/timeout_ms", "out_of_range"),
        (
            "backoff",
            json!({ "factor": 0.99 }),
            "/backoff/factor",
            "out_of_range",
        ),
        (
            "backoff",
            json!({ "factor": 1e300 }),
            "/backoff/factor",
            "out_of_range",
        ),
        (
            "backoff",
            json!({ "initial_ms": 0 }),
            "/backoff/initial_ms",
            "out_of_range",
        ),
        (
            "backoff",
            json!({ "initial_ms": 10, "max_ms": 9 }),
            "/backoff/max_ms",
            "conflict",
        ),
        ("tags", json!(many), "/tags", "out_of_range"),
        ("tags", json!(["fine", "nul\0"]), "/tags/1", "invalid_value"),
        ("payload", json!("x".repeat(256 << 10)), "/payload", "too_large"),
    ] {
        let mut body = json!({ "kind": "k" });
        body[field] = value;
        let told = check(&body).unwrap_err();
        assert!(
            told.contains(&format!("Pointer({pointer:?})")) && told.contains(code),
            "{body}: {told}"
        );
    }
}

#[test]
fn fields_that_contradict_each_other_are_refused() {
    let both = check(&json!({ "kind": "k", "run_at": after(1), "delay_ms": 1 })).unwrap_err();
    assert!(
        both.contains("Pointer(\"/delay_ms\")") && both.contains("conflict"),
        "{both}"
    );
    let early = check(&json!({ "kind": "k", "run_at": after(60), "start_by": after(60) })).unwrap_err();
    assert!(early.contains("Pointer(\"/start_by\")"), "{early}");
    let early = check(&json!({ "kind": "k", "delay_ms": 60_000, "start_by": after(59) })).unwrap_err();
    assert!(early.contains("Pointer(\"/start_by\")"), "{early}");
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let told = check(&json!({ "kind": "", "queue": "", "max_attempts": 0, "tags": [""] })).unwrap_err();
    for pointer in ["/kind", "/queue", "/max_attempts", "/tags/0"] {
        assert!(
            told.contains(&format!("Pointer({pointer:?})")),
            "{pointer}: {told}"
        );
    }
}

#[test]
fn what_a_job_is_unique_by_is_taken() {
    let unique = |unique: Value| {
        let body = json!({ "kind": "k", "payload": { "a": 1, "b": [2] }, "unique": unique });
        check(&body).unwrap().unique.unwrap()
    };
    let by_key = unique(json!({ "key": "x" }));
    assert_eq!(
        (by_key.window, by_key.on_conflict),
        (Window::Live, OnConflict::Return)
    );
    assert_eq!(
        by_key.key,
        unique(json!({ "key": "x", "while": "live", "on_conflict": "reject" })).key
    );
    let period = unique(json!({ "key": "x", "period_ms": 5, "on_conflict": "replace" }));
    assert_eq!(period.window, Window::Period(Duration::from_millis(5)));
    assert_eq!(period.on_conflict, OnConflict::Replace);
    let by_fields = unique(json!({ "fields": ["/a", "/b/0"] })).key;
    assert_eq!(by_fields, unique(json!({ "fields": ["/b/0", "/a"] })).key);
    assert_ne!(by_fields, unique(json!({ "fields": ["/a"] })).key);
}
