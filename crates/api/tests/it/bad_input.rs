//! Whatever a client gets wrong is told exactly, and troubles no operator.

mod wrong_jobs;

use axum::body::Body;
use http::Method;
use serde_json::{Value, json};

use self::wrong_jobs::{wrong_extras, wrong_jobs};
use crate::app::{Answer, TestApp, User};
use crate::logs::{Logs, troubled_nobody};

/// What is expected: status, code, and the place of the first error, as `pointer /kind` or `parameter limit`.
pub(crate) struct Expected(u16, &'static str, Option<(&'static str, &'static str)>);

impl Expected {
    pub(crate) fn without_place(status: u16, code: &'static str) -> Self {
        Self(status, code, None)
    }
}

pub(crate) const MALFORMED: Expected = Expected(400, "malformed_json", None);

pub(crate) fn at(pointer: &'static str) -> Expected {
    Expected(422, "invalid_body", Some(("pointer", pointer)))
}

pub(crate) fn parameter(name: &'static str) -> Expected {
    Expected(400, "invalid_parameter", Some(("parameter", name)))
}

#[track_caller]
pub(crate) fn check(answer: &Answer, Expected(status, code, place): &Expected) {
    let problem = answer.problem(*status, code);
    match place {
        Some((kind, name)) => assert_eq!(problem["errors"][0][kind], *name, "{answer:?}"),
        None => assert!(problem.get("errors").is_none(), "{answer:?}"),
    }
}

async fn post(user: &User<'_>, path: &str, body: impl Into<Body>) -> Answer {
    user.post_text(path, body).await
}

#[tokio::test]
async fn every_wrong_body_is_told_where_it_is_wrong() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let logs = Logs::capture();
    for (body, expected) in wrong_jobs() {
        check(&post(&user, "/api/jobs", body).await, &expected);
    }
    for (extra, expected) in wrong_extras() {
        let mut body = json!({ "kind": "k" });
        body.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        check(&user.post("/api/jobs", &body).await, &expected);
    }
    for (body, expected) in [
        ("{}", at("/jobs")),
        ("{\"jobs\":{}}", at("/jobs")),
        ("{\"jobs\":[]}", at("/jobs")),
        ("{\"jobs\":[{\"kind\":\"k\"},{}]}", at("/jobs/1/kind")),
        ("{\"jobs\":[{\"kind\":\"k\"},[]]}", at("/jobs/1")),
        (
            "{\"jobs\":[{\"kind\":\"k\",\"tags\":[\"\"]}]}",
            at("/jobs/0/tags/0"),
        ),
    ] {
        check(&post(&user, "/api/jobs/batch", body).await, &expected);
    }
    assert_eq!(app.stored_jobs().await, 0);
    troubled_nobody(&logs);
}

#[tokio::test]
async fn malformed_json_is_told_by_line_and_column() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let problem = post(&user, "/api/jobs", "{\n  \"kind\": \"k\",\n}")
        .await
        .problem(400, "malformed_json");
    assert!(
        problem["detail"].as_str().unwrap().contains("line 3 column 1"),
        "{problem}"
    );
}

#[tokio::test]
async fn a_message_does_not_repeat_a_long_body() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let body = json!({ "kind": "k", "max_attempts": "x".repeat(200_000) });
    let answer = user.post("/api/jobs", &body).await;
    answer.problem(422, "invalid_body");
    assert!(answer.text.len() < 2_000, "{} bytes", answer.text.len());
}

#[tokio::test]
async fn the_size_of_a_body_is_bounded() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let logs = Logs::capture();
    let sized = |bytes: usize| {
        let body = json!({ "kind": "k", "payload": "" }).to_string();
        json!({ "kind": "k", "payload": "x".repeat(bytes - body.len()) }).to_string()
    };
    assert_eq!(sized(262_144).len(), 262_144);
    post(&user, "/api/jobs", sized(262_144)).await.ok(202);
    check(
        &post(&user, "/api/jobs", sized(262_145)).await,
        &Expected(413, "body_too_large", None),
    );

    // Without a Content-Length the size shows only while it is read.
    let chunks = || {
        let chunks = (0..9).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1 << 20]));
        Body::from_stream(futures::stream::iter(chunks))
    };
    check(
        &post(&user, "/api/jobs", chunks()).await,
        &Expected(413, "body_too_large", None),
    );
    check(
        &post(&user, "/api/jobs/batch", chunks()).await,
        &Expected(413, "body_too_large", None),
    );
    let payload = "x".repeat(262_143);
    let batch = json!({ "jobs": [{ "kind": "k" }, { "kind": "k", "payload": payload }] });
    check(
        &user.post("/api/jobs/batch", &batch).await,
        &at("/jobs/1/payload"),
    );
    troubled_nobody(&logs);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_told() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let broken = Body::from_stream(futures::stream::iter([
        Ok(b"{".to_vec()),
        Err(std::io::Error::other("gone")),
    ]));
    check(
        &post(&user, "/api/jobs", broken).await,
        &Expected(400, "bad_request", None),
    );
}

#[tokio::test]
async fn the_body_must_be_declared_as_json() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let logs = Logs::capture();
    let body = || Body::from(json!({ "kind": "k" }).to_string());
    let send = async |name: &str, value: &str| {
        let request = user
            .request(Method::POST, "/api/jobs")
            .header(name, value)
            .body(body())
            .unwrap();
        user.send(request).await
    };
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "json", ""] {
        check(
            &send("content-type", content_type).await,
            &Expected(415, "unsupported_media_type", None),
        );
    }
    let without = user.request(Method::POST, "/api/jobs").body(body()).unwrap();
    check(
        &user.send(without).await,
        &Expected(415, "unsupported_media_type", None),
    );
    let packed = user
        .json_request("/api/jobs")
        .header("content-encoding", "gzip")
        .body(body())
        .unwrap();
    check(
        &user.send(packed).await,
        &Expected(415, "unsupported_media_type", None),
    );
    send("content-type", "application/json; charset=utf-8")
        .await
        .ok(202);
    troubled_nobody(&logs);
}

#[tokio::test]
async fn every_wrong_parameter_is_named() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let logs = Logs::capture();
    for (query, name) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("limit=", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("limit=1&limit=1", "limit"),
        ("state=done", "state"),
        ("kind=A", "kind"),
        ("kind=%00", "kind"),
        ("queue=%00", "queue"),
        ("tag=a%00", "tag"),
        ("created_after=yesterday", "created_after"),
        ("created_before=2026-01-01T00:00:00+00:00", "created_before"),
        ("cursor=x", "cursor"),
        ("states=queued", "states"),
        ("%00=%FF", "\0"),
    ] {
        check(&user.get(&format!("/api/jobs?{query}")).await, &parameter(name));
    }
    let problem = user
        .get("/api/jobs?limit=0&state=done")
        .await
        .problem(400, "invalid_parameter");
    assert_eq!(
        problem["errors"].as_array().unwrap().len(),
        2,
        "all at once: {problem}"
    );
    troubled_nobody(&logs);
}

#[tokio::test]
async fn what_is_no_id_is_told() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let logs = Logs::capture();
    for id in [
        "7",
        "nonsense",
        "%00",
        "%ff",
        "00000000-0000-0000-0000-00000000000g",
    ] {
        for path in ["", "/attempts", "/events"] {
            check(
                &user.get(&format!("/api/jobs/{id}{path}")).await,
                &parameter("id"),
            );
        }
        for path in ["/cancel", "/retry"] {
            check(
                &user.post(&format!("/api/jobs/{id}{path}"), &Value::Null).await,
                &parameter("id"),
            );
        }
    }
    troubled_nobody(&logs);
}

#[tokio::test]
async fn every_wrong_header_is_named() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let logs = Logs::capture();
    let long = "k".repeat(256);
    for values in [&["two words"][..], &[""], &["\"open"], &[&long], &["a", "b"]] {
        let request = values
            .iter()
            .fold(user.json_request("/api/jobs"), |request, value| {
                request.header("idempotency-key", *value)
            });
        let answer = user.send(request.body("{\"kind\":\"k\"}".into()).unwrap()).await;
        check(
            &answer,
            &Expected(400, "invalid_header", Some(("header", "Idempotency-Key"))),
        );
    }
    assert_eq!(app.stored_jobs().await, 0);
    troubled_nobody(&logs);
}
