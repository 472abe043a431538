//! More than can be done is refused at once.

use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::Method;
use serde_json::json;
use testkit::eventually;
use tokio::time::timeout;

use crate::app::{SOON, TestApp};

#[tokio::test]
async fn what_exceeds_the_requests_in_flight_is_refused_and_health_is_not() {
    let app = TestApp::with(|parts| parts.config.limits.max_in_flight = 1).await;
    let user = app.user().await;
    let id = user.submit(&json!({ "kind": "k" })).await;
    let request = user
        .request(Method::GET, &format!("/api/jobs/{id}"))
        .header("prefer", "wait=60");
    let mut waiting = pin!(user.send(request.body(Body::empty()).unwrap()));
    assert!(
        timeout(Duration::from_millis(300), &mut waiting).await.is_err(),
        "it waits"
    );

    user.get("/api/jobs").await.problem(503, "overloaded");
    app.anon().get("/health").await.ok(200);
    app.anon().get("/ready").await.ok(200);
    app.shutdown.begin();
    waiting.await.ok(200);
    user.get("/api/jobs").await.ok(200);
}

#[tokio::test]
async fn submits_that_find_the_line_full_are_refused() {
    let app = TestApp::with(|parts| {
        parts.config.submit.lanes = 1;
        parts.config.submit.queue_len = 1;
    })
    .await;
    let user = app.user().await;
    let blocker = app.block_submits().await;
    let body = json!({ "kind": "k" });
    let (mut first, mut second) = (
        pin!(user.post("/api/jobs", &body)),
        pin!(user.post("/api/jobs", &body)),
    );
    tokio::select! {
        answer = &mut first => panic!("{answer:?}"),
        () = app.submits_are_blocked(1) => {}
    }
    assert!(
        timeout(Duration::from_millis(300), &mut second).await.is_err(),
        "it stands in the line"
    );
    user.post("/api/jobs", &body).await.problem(503, "overloaded");
    blocker.release().await;
    first.await.ok(202);
    second.await.ok(202);
    assert_eq!(app.stored_jobs().await, 2);
}

#[tokio::test]
async fn a_submit_that_no_lane_takes_in_time_is_refused_and_not_stored() {
    let app = TestApp::with(|parts| {
        parts.config.submit.lanes = 1;
        parts.config.submit.patience = Duration::from_millis(200);
    })
    .await;
    let user = app.user().await;
    let blocker = app.block_submits().await;
    let body = json!({ "kind": "k" });
    let mut first = pin!(user.post("/api/jobs", &body));
    tokio::select! {
        answer = &mut first => panic!("{answer:?}"),
        () = app.submits_are_blocked(1) => {}
    }
    let second = user.post("/api/jobs", &body).await;
    second.problem(503, "unavailable");
    // The one that a lane has taken has no such limit: whether it was stored is not known before it ends.
    assert!(timeout(Duration::from_millis(300), &mut first).await.is_err());
    blocker.release().await;
    first.await.ok(202);
    user.post("/api/jobs", &body).await.ok(202);
    assert_eq!(app.stored_jobs().await, 2);
}

#[tokio::test]
async fn a_process_that_aborts_stores_what_was_handed_in_and_takes_nothing_more() {
    let app = TestApp::with(|parts| parts.config.submit.lanes = 1).await;
    let user = app.user().await;
    let blocker = app.block_submits().await;
    let body = json!({ "kind": "k" });
    let (mut first, mut second) = (
        pin!(user.post("/api/jobs", &body)),
        pin!(user.post("/api/jobs", &body)),
    );
    tokio::select! {
        answer = &mut first => panic!("{answer:?}"),
        () = app.submits_are_blocked(1) => {}
    }
    assert!(
        timeout(Duration::from_millis(300), &mut second).await.is_err(),
        "it stands in the line"
    );
    app.shutdown.begin();
    app.shutdown.abort().cancel();
    blocker.release().await;
    first.await.ok(202);
    second.await.ok(202);
    let ended = async || {
        app.shutdown.tasks().close();
        (app.shutdown.tasks().is_empty()).then_some(())
    };
    eventually("all tasks have ended", SOON, ended).await;
    user.post("/api/jobs", &body).await.problem(503, "unavailable");
    assert_eq!(app.stored_jobs().await, 2);
}

#[tokio::test]
async fn bodies_that_exceed_the_memory_for_them_are_refused() {
    let app = TestApp::with(|parts| parts.config.limits.max_body_memory_bytes = 64 << 10).await;
    let user = app.user().await;
    user.post(
        "/api/jobs",
        &json!({ "kind": "k", "payload": "x".repeat(60 << 10) }),
    )
    .await
    .ok(202);
    user.post(
        "/api/jobs",
        &json!({ "kind": "k", "payload": "x".repeat(70 << 10) }),
    )
    .await
    .problem(503, "overloaded");
    user.submit(&json!({ "kind": "k" })).await;
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_ended() {
    let routes = Router::new().route("/slow", get(std::future::pending::<&'static str>));
    let limit = Duration::from_millis(100);
    let app = TestApp::with_routes(|parts| parts.config.limits.request_timeout = limit, routes).await;
    app.anon().get("/slow").await.problem(503, "timed_out");
}
