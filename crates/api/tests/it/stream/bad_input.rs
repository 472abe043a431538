//! Whatever is wrong with the question for a stream is told exactly.

use axum::body::Body;
use http::{HeaderValue, Method};
use serde_json::json;

use crate::app::{Answer, TestApp, User};
use crate::logs::{Logs, troubled_nobody};

async fn ask(user: &User<'_>, id: &str, last: &[&'static [u8]]) -> Answer {
    let mut request = user
        .request(Method::GET, &format!("/api/jobs/{id}/events"))
        .header("accept", "text/event-stream");
    for value in last {
        request = request.header("last-event-id", HeaderValue::from_bytes(value).unwrap());
    }
    user.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn what_names_no_event_is_refused() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let id = user.submit(&json!({ "kind": "k" })).await;
    let logs = Logs::capture();
    let wrong: [&[&'static [u8]]; 9] = [
        &[b""],
        &[b"x"],
        &[b"-1"],
        &[b"1.0"],
        &[b"1, 1"],
        &[b"\xff"],
        &[b"4294967296"],
        &[b"1", b"1"],
        // One that the job does not have yet.
        &[b"2"],
    ];
    for last in wrong {
        let problem = ask(&user, &id, last).await.problem(400, "invalid_header");
        assert_eq!(problem["errors"][0]["header"], "Last-Event-ID", "{last:?}");
    }
    let problem = ask(&user, "7", &[]).await.problem(400, "invalid_parameter");
    assert_eq!(problem["errors"][0]["parameter"], "id");
    troubled_nobody(&logs);
}

#[tokio::test]
async fn a_stream_is_for_those_who_may_read_the_job() {
    let app = TestApp::new().await;
    let (user, stranger) = (app.user().await, app.user().await);
    let id = user.submit(&json!({ "kind": "k" })).await;
    ask(&stranger, &id, &[]).await.problem(404, "job_not_found");
    ask(&user, "0190163d-8694-739b-aea5-966c26f8ad91", &[])
        .await
        .problem(404, "job_not_found");
    ask(&app.anon(), &id, &[]).await.problem(401, "unauthenticated");
    let writer = app.key(app.tenant().await, &[domain::Scope::JobsWrite]).await;
    ask(&writer, &id, &[]).await.problem(403, "missing_scope");
}
