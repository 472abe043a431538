//! Whatever is wrong with a schedule is told exactly.

use http::Method;
use serde_json::{Value, json};

use super::{SCHEDULES, nightly};
use crate::app::{Answer, TestApp, User};
use crate::bad_input::{Expected, MALFORMED, at, check, parameter};
use crate::logs::{Logs, troubled_nobody};

async fn put_text(user: &User<'_>, body: String) -> Answer {
    let request = user.request(Method::PUT, "/api/schedules/nightly");
    let request = request.header("content-type", "application/json");
    user.send(request.body(body.into()).unwrap()).await
}

/// A schedule with one part replaced.
fn with(pointer: &str, value: Value) -> String {
    let mut body = nightly();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[field] = value;
    body.to_string()
}

#[tokio::test]
async fn every_wrong_schedule_is_told_where_it_is_wrong() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let logs = Logs::capture();
    for (body, expected) in [
        (String::new(), MALFORMED),
        ("{\"cron\":".to_owned(), MALFORMED),
        ("[]".to_owned(), at("")),
        ("{}".to_owned(), at("/cron")),
        ("{\"cron\":\"@daily\"}".to_owned(), at("/job")),
        (with("/cron", json!(null)), at("/cron")),
        (with("/cron", json!(5)), at("/cron")),
        (with("/cron", json!("")), at("/cron")),
        (with("/cron", json!("* * * *")), at("/cron")),
        (with("/cron", json!("0 * * * * *")), at("/cron")),
        (with("/cron", json!("60 * * * *")), at("/cron")),
        (with("/cron", json!("0 0 31 2 *")), at("/cron")),
        (with("/cron", json!("@reboot")), at("/cron")),
        (with("/cron", json!("nul\0 * * * *")), at("/cron")),
        (with("/cron", json!("1,".repeat(100_000))), at("/cron")),
        (with("/time_zone", json!("Mars/Base")), at("/time_zone")),
        (with("/time_zone", json!("nul\0")), at("/time_zone")),
        (with("/time_zone", json!("")), at("/time_zone")),
        (with("/overlap", json!("queue")), at("/overlap")),
        (with("/overlap", json!({})), at("/overlap")),
        (with("/missed", json!("none")), at("/missed")),
        (with("/missed", json!("all")), at("/missed")),
        (with("/missed_after_secs", json!(0)), at("/missed_after_secs")),
        (
            with("/missed_after_secs", json!(86_401)),
            at("/missed_after_secs"),
        ),
        (with("/missed_after_secs", json!(-1)), at("/missed_after_secs")),
        (with("/name", json!("nightly")), at("/name")),
        (with("/job", json!([])), at("/job")),
        (with("/job", json!({})), at("/job/kind")),
        (with("/job/kind", json!("Big")), at("/job/kind")),
        (with("/job/queue", json!("no-such-lane")), at("/job/queue")),
        (with("/job/max_attempts", json!(0)), at("/job/max_attempts")),
        (with("/job/timeout_ms", json!(1)), at("/job/timeout_ms")),
        (
            with("/job/backoff", json!({ "factor": 11 })),
            at("/job/backoff/factor"),
        ),
        (
            with("/job/backoff", json!({ "initial_ms": 10, "max_ms": 5 })),
            at("/job/backoff/max_ms"),
        ),
        (with("/job/tags", json!(["a", "nul\0"])), at("/job/tags/1")),
        (
            with("/job/run_at", json!("2030-01-01T00:00:00Z")),
            at("/job/run_at"),
        ),
        (
            with("/job/start_by", json!("2030-01-01T00:00:00Z")),
            at("/job/start_by"),
        ),
    ] {
        check(&put_text(&user, body).await, &expected);
    }
    let all =
        json!({ "cron": "x", "time_zone": "x", "missed_after_secs": 0, "job": { "kind": "", "tags": [""] } });
    let all = put_text(&user, all.to_string())
        .await
        .problem(422, "invalid_body");
    assert_eq!(all["errors"].as_array().unwrap().len(), 5, "all at once: {all}");
    let long = put_text(&user, with("/job/payload", json!("x".repeat(262_144)))).await;
    check(&long, &Expected::without_place(413, "body_too_large"));
    assert_eq!(user.get(SCHEDULES).await.ok(200)["schedules"], json!([]));
    troubled_nobody(&logs);
}

#[tokio::test]
async fn what_its_jobs_say_is_checked_as_in_a_submit() {
    let app = TestApp::new().await;
    let user = app.user().await;
    for (body, expected) in [
        (with("/job/start_within_ms", json!(0)), at("/job/start_within_ms")),
        (
            with("/job/start_within_ms", json!(2_592_000_001_u64)),
            at("/job/start_within_ms"),
        ),
        (with("/job/metadata", json!({ "": "x" })), at("/job/metadata/")),
        (
            with("/job/metadata", json!({ "a/b": 1 })),
            at("/job/metadata/a~1b"),
        ),
        (with("/job/sensitive", json!(["/a", "a"])), at("/job/sensitive/1")),
        (with("/job/unique", json!({})), at("/job/unique")),
        (
            with("/job/unique", json!({ "fields": ["/no"] })),
            at("/job/unique/fields/0"),
        ),
        (
            with("/job/unique", json!({ "key": "k", "on_conflict": "wait" })),
            at("/job/unique/on_conflict"),
        ),
        (
            with("/job/unique", json!({ "key": "k", "period_ms": 0 })),
            at("/job/unique/period_ms"),
        ),
    ] {
        check(&put_text(&user, body).await, &expected);
    }
}

#[tokio::test]
async fn every_wrong_preview_is_told_where_it_is_wrong() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let logs = Logs::capture();
    for (body, expected) in [
        (json!({}), at("/cron")),
        (json!({ "cron": "never" }), at("/cron")),
        (json!({ "cron": "@daily", "time_zone": 7 }), at("/time_zone")),
        (json!({ "cron": "@daily", "count": 0 }), at("/count")),
        (json!({ "cron": "@daily", "count": 101 }), at("/count")),
        (json!({ "cron": "@daily", "after": "soon" }), at("/after")),
        (json!({ "cron": "@daily", "job": {} }), at("/job")),
    ] {
        check(&user.post("/api/schedules/preview", &body).await, &expected);
    }
    put_text(&user, nightly().to_string()).await.ok(201);
    for (query, name) in [
        ("count=0", "count"),
        ("count=101", "count"),
        ("count=ten", "count"),
        ("after=soon", "after"),
        ("limit=5", "limit"),
    ] {
        check(
            &user.get(&format!("/api/schedules/nightly/preview?{query}")).await,
            &parameter(name),
        );
    }
    for (query, name) in [
        ("limit=0", "limit"),
        ("cursor=x", "cursor"),
        ("name=nightly", "name"),
    ] {
        check(&user.get(&format!("{SCHEDULES}?{query}")).await, &parameter(name));
    }
    troubled_nobody(&logs);
}

#[tokio::test]
async fn what_is_no_name_is_told() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let logs = Logs::capture();
    for name in ["Nightly", "1st", "%00", "%ff", "a%2Fb", "a%20b", &"n".repeat(101)] {
        let path = format!("{SCHEDULES}/{name}");
        check(&user.get(&path).await, &parameter("name"));
        check(&user.put(&path, &nightly()).await, &parameter("name"));
        check(&user.delete(&path, &[]).await, &parameter("name"));
        check(&user.get(&format!("{path}/preview")).await, &parameter("name"));
        for verb in ["pause", "resume", "fire"] {
            check(&user.act(&format!("{path}/{verb}")).await, &parameter("name"));
        }
    }
    // A route of its own has this name.
    user.put("/api/schedules/preview", &nightly())
        .await
        .problem(405, "method_not_allowed");
    troubled_nobody(&logs);
}
