//! Whatever bytes come, no answer is a failure of ours.

use std::cell::Cell;

use axum::body::Body;
use domain::Scope;
use http::Method;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use crate::app::TestApp;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    })
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC*".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..5)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// A job with any value in any field.
fn any_job() -> impl Strategy<Value = Value> {
    const FIELDS: [&str; 16] = [
        "kind",
        "payload",
        "queue",
        "run_at",
        "delay_ms",
        "start_by",
        "max_attempts",
        "backoff",
        "timeout_ms",
        "tags",
        "metadata",
        "sensitive",
        "unique",
        "unique/key",
        "unique/fields",
        "unique/period_ms",
    ];
    let value = prop_oneof![
        any_json(),
        Just(json!("default")),
        Just(json!("2030-01-01T00:00:00Z")),
        any::<u64>().prop_map(Value::from),
        (0_u64..2_000).prop_map(Value::from),
        Just(json!(["a", "b"])),
        Just(json!(["", "/"])),
        Just(json!({ "key": "a" })),
    ];
    prop::collection::hash_map(prop::sample::select(FIELDS.to_vec()), value, 0..4).prop_map(|fields| {
        let mut job = json!({ "kind": "k" });
        for (field, value) in fields {
            match field.strip_prefix("unique/") {
                Some(field) => job["unique"] = json!({ field: value }),
                None => job[field] = value,
            }
        }
        job
    })
}

fn any_body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        any_json().prop_map(|value| value.to_string().into_bytes()),
        any_job().prop_map(|job| job.to_string().into_bytes()),
        any_json().prop_map(|payload| json!({ "kind": "k", "payload": payload })
            .to_string()
            .into_bytes()),
        prop::collection::vec(any_job(), 0..4)
            .prop_map(|jobs| json!({ "jobs": jobs }).to_string().into_bytes()),
        // A valid body with one byte changed.
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| {
            let mut body = json!({ "kind": "k", "payload": { "a": [1, "é"] }, "tags": ["t"] })
                .to_string()
                .into_bytes();
            let at = at.index(body.len());
            body[at] = byte;
            body
        }),
    ]
}

#[test]
fn no_body_makes_us_fail() {
    let runtime = runtime();
    let app = runtime.block_on(TestApp::new());
    let user = runtime.block_on(app.user());
    let path = prop::sample::select(vec!["/api/jobs", "/api/jobs/batch"]);
    let accepted = Cell::new(0);
    let result = runner(600).run(&(path, any_body()), |(path, body)| {
        let answer = runtime.block_on(user.post_text(path, body));
        prop_assert!(!answer.status.is_server_error(), "{answer:?}");
        accepted.set(accepted.get() + u32::from(answer.status.is_success()));
        if answer.status.is_client_error() {
            answer.problem(answer.status.as_u16(), answer.json()["code"].as_str().unwrap());
        } else if path == "/api/jobs" {
            let id = answer.json()["id"].as_str().unwrap().to_owned();
            let read = runtime.block_on(user.get(&format!("/api/jobs/{id}")));
            prop_assert_eq!(read.status.as_u16(), 200);
        }
        Ok(())
    });
    result.unwrap();
    assert!(
        accepted.get() > 50,
        "only {} bodies got as far as the database",
        accepted.get()
    );
}

/// A decision about dead letters with any value in any field.
fn any_decision() -> impl Strategy<Value = Value> {
    const FIELDS: [&str; 12] = [
        "filter/all",
        "filter/job_ids",
        "filter/kind",
        "filter/queue",
        "filter/tag",
        "filter/error_code",
        "filter/fingerprint",
        "filter/failed_after",
        "filter/failed_before",
        "dry_run",
        "limit",
        "rate_per_second",
    ];
    let value = prop_oneof![
        any_json(),
        Just(json!("unknown")),
        Just(json!("2030-01-01T00:00:00Z")),
        Just(json!(["0190163d-8694-739b-aea5-966c26f8ad91"])),
        (1_u64..2_000).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
    ];
    prop::collection::hash_map(prop::sample::select(FIELDS.to_vec()), value, 0..3).prop_map(|fields| {
        let mut body = json!({ "filter": { "kind": "k" } });
        for (field, value) in fields {
            match field.strip_prefix("filter/") {
                Some(field) => body["filter"][field] = value,
                None => body[field] = value,
            }
        }
        body
    })
}

#[test]
fn no_decision_about_dead_letters_makes_us_fail() {
    let runtime = runtime();
    let app = runtime.block_on(TestApp::new());
    let user = runtime.block_on(app.user());
    let path = prop::sample::select(vec!["/api/dead-letters/retry", "/api/dead-letters/discard"]);
    let body = prop_oneof![any_json(), any_decision(), any_decision()];
    let accepted = Cell::new(0);
    let result = runner(300).run(&(path, body), |(path, body)| {
        let answer = runtime.block_on(user.post(path, &body));
        prop_assert!(!answer.status.is_server_error(), "{body}: {answer:?}");
        accepted.set(accepted.get() + u32::from(answer.status.is_success()));
        if answer.status.is_client_error() {
            answer.problem(answer.status.as_u16(), answer.json()["code"].as_str().unwrap());
        }
        Ok(())
    });
    result.unwrap();
    assert!(
        accepted.get() > 20,
        "only {} got as far as the database",
        accepted.get()
    );
}

/// A user with any value in any field.
fn any_user() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        2 => "\\PC{1,100}".prop_map(Value::from),
        1 => any::<String>().prop_map(Value::from),
        1 => any_json(),
    ];
    let email = prop_oneof![
        2 => "[a-zA-Z0-9.+]{1,60}@[a-zé]{1,30}\\.[a-z]{2,9}".prop_map(Value::from),
        1 => "[a-z]{1,9}@.*".prop_map(Value::from),
        1 => "[a-z]{1,9}@.{0,9}\\[[0-9.:]{1,15}\\]".prop_map(Value::from),
        1 => any_json(),
    ];
    (name, email).prop_map(|(name, email)| json!({ "name": name, "email": email }))
}

#[test]
fn no_user_makes_us_fail() {
    let runtime = runtime();
    let app = runtime.block_on(TestApp::new());
    let admin = runtime.block_on(app.admin());
    let made = Cell::new(0);
    let body = prop_oneof![1 => any_json(), 9 => any_user()];
    let result = runner(300).run(&body, |body| {
        let answer = runtime.block_on(admin.post("/api/users", &body));
        prop_assert!(!answer.status.is_server_error(), "{body}: {answer:?}");
        made.set(made.get() + u32::from(answer.status.is_success()));
        if answer.status.is_client_error() {
            answer.problem(answer.status.as_u16(), answer.json()["code"].as_str().unwrap());
        }
        Ok(())
    });
    result.unwrap();
    assert!(made.get() > 20, "only {} got as far as the database", made.get());
}

#[test]
fn no_query_or_header_makes_us_fail() {
    let runtime = runtime();
    let app = runtime.block_on(TestApp::new());
    let tenant = runtime.block_on(app.tenant());
    let user = runtime.block_on(app.key(tenant, &Scope::ALL));
    let name = prop::sample::select(vec![
        "cursor",
        "state",
        "kind",
        "queue",
        "tag",
        "created_after",
        "limit",
        "error_code",
        "fingerprint",
        "failed_before",
        "x",
    ]);
    let route = prop::sample::select(vec![
        "/api/jobs",
        "/api/dead-letters",
        "/api/dead-letters/groups",
        "/api/users",
    ]);
    let query = prop::collection::vec((name, prop::collection::vec(any::<u8>(), 0..30)), 0..3);
    let header = prop::sample::select(vec![
        "prefer",
        "if-none-match",
        "traceparent",
        "x-request-id",
        "accept",
    ]);
    let value = prop::collection::vec(prop_oneof![32_u8..127, 128_u8..], 0..60);
    let result = runner(300).run(&(route, query, header, value), |(route, query, header, value)| {
        let encode = |bytes: &[u8]| {
            bytes
                .iter()
                .map(|byte| format!("%{byte:02x}"))
                .collect::<String>()
        };
        let query: Vec<String> = query
            .iter()
            .map(|(name, value)| format!("{name}={}", encode(value)))
            .collect();
        let path = format!("{route}?{}", query.join("&"));
        let request = user
            .request(Method::GET, &path)
            .header(header, &value[..])
            .body(Body::empty())
            .unwrap();
        let answer = runtime.block_on(user.send(request));
        prop_assert!(!answer.status.is_server_error(), "{answer:?}");
        Ok(())
    });
    result.unwrap();
}
