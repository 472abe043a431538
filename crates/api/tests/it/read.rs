//! Reading jobs.

use domain::{Failure, FailureCode, Outcome, Scope};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::{TestApp, User};

async fn get_if_changed(user: &User<'_>, path: &str, etag: &str) -> StatusCode {
    let request = user
        .request(Method::GET, path)
        .header("if-none-match", etag)
        .body(axum::body::Body::empty());
    let answer = user.send(request.unwrap()).await;
    assert_eq!(answer.text.is_empty(), answer.status == StatusCode::NOT_MODIFIED);
    answer.status
}

#[tokio::test]
async fn an_unchanged_job_is_not_sent_again() {
    let app = TestApp::new().await;
    let (user, worker) = (app.user().await, app.worker().await);
    let id = user.submit(&json!({ "kind": "k" })).await;
    let path = format!("/api/jobs/{id}");
    let answer = user.get(&path).await;
    let etag = answer.header("etag").to_owned();
    assert_eq!(answer.header("cache-control"), "private, no-cache");
    assert_eq!(
        get_if_changed(&user, &path, &etag).await,
        StatusCode::NOT_MODIFIED
    );

    let job = worker.start(&id).await;
    assert_eq!(get_if_changed(&user, &path, &etag).await, StatusCode::OK);
    // A cancel request changes what is read, without an event.
    let running = user.get(&path).await.header("etag").to_owned();
    user.post(&format!("{path}/cancel"), &Value::Null).await.ok(202);
    assert_eq!(get_if_changed(&user, &path, &running).await, StatusCode::OK);
    worker.end(job, Outcome::Cancelled).await;
}

#[tokio::test]
async fn the_end_of_a_job_is_shown() {
    let app = TestApp::new().await;
    let (user, worker) = (app.user().await, app.worker().await);
    let (good, bad) = (
        user.submit(&json!({ "kind": "k" })).await,
        user.submit(&json!({ "kind": "k" })).await,
    );
    worker.succeed(&good).await;
    worker.fail(&bad).await;
    let good = user.get(&format!("/api/jobs/{good}")).await.ok(200);
    assert_eq!(
        (&good["state"], &good["result"]),
        (&json!("succeeded"), &json!({ "done": true }))
    );
    assert!(good["error"].is_null() && good["finished_at"].is_string());
    let bad = user.get(&format!("/api/jobs/{bad}")).await.ok(200);
    assert_eq!((&bad["state"], &bad["attempt"]), (&json!("failed"), &json!(1)));
    assert_eq!(
        bad["error"],
        json!({ "code": "handler_error", "message": "no luck" })
    );
}

#[tokio::test]
async fn attempts_and_events_tell_the_history() {
    let app = TestApp::new().await;
    let (user, worker) = (app.user().await, app.worker().await);
    let id = user.submit(&json!({ "kind": "k" })).await;
    let attempts = user.get(&format!("/api/jobs/{id}/attempts")).await.ok(200);
    assert_eq!(attempts, json!({ "attempts": [] }));

    let job = worker.start(&id).await;
    let attempts = user.get(&format!("/api/jobs/{id}/attempts")).await.ok(200);
    assert_eq!(
        (
            &attempts["attempts"][0]["attempt"],
            &attempts["attempts"][0]["finished_at"]
        ),
        (&json!(1), &Value::Null)
    );

    let failure = Failure::new(FailureCode::TimedOut, "slow");
    worker.end(job, Outcome::Aborted(failure)).await;
    let attempts = user.get(&format!("/api/jobs/{id}/attempts")).await.ok(200);
    assert_eq!(attempts["attempts"][0]["event"], "failed");
    assert_eq!(
        attempts["attempts"][0]["error"],
        json!({ "code": "timed_out", "message": "slow" })
    );

    let events = user.get(&format!("/api/jobs/{id}/events")).await.ok(200);
    let told: Vec<(i64, &str)> = events["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| {
            (
                event["number"].as_i64().unwrap(),
                event["event"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, [(1, "submitted"), (2, "started"), (3, "failed")]);
}

#[tokio::test]
async fn another_tenants_job_does_not_exist() {
    let app = TestApp::new().await;
    let (owner, stranger, worker) = (app.user().await, app.user().await, app.worker().await);
    let id = owner.submit(&json!({ "kind": "k" })).await;
    let path = format!("/api/jobs/{id}");
    let unknown = format!("/api/jobs/{}", runtime::random::id());
    for path in [&path, &unknown] {
        for part in ["", "/attempts", "/events"] {
            stranger
                .get(&format!("{path}{part}"))
                .await
                .problem(404, "job_not_found");
        }
        for action in ["/cancel", "/retry"] {
            stranger
                .post(&format!("{path}{action}"), &Value::Null)
                .await
                .problem(404, "job_not_found");
        }
    }
    worker.fail(&id).await;
    stranger
        .post(&format!("{path}/retry"), &Value::Null)
        .await
        .problem(404, "job_not_found");
    assert_eq!(stranger.get("/api/jobs").await.ok(200)["jobs"], json!([]));
    assert_eq!(owner.get(&path).await.ok(200)["state"], "failed");
}

#[tokio::test]
async fn a_tenant_in_the_request_is_not_believed() {
    let app = TestApp::new().await;
    let (owner, tenant) = (app.user().await, app.tenant().await);
    let id = owner.submit(&json!({ "kind": "k" })).await;
    let stranger = app.key(tenant, &[Scope::JobsRead, Scope::JobsWrite]).await;
    let request = stranger
        .request(Method::GET, &format!("/api/jobs/{id}"))
        .header("x-tenant-id", "x");
    stranger
        .send(request.body(axum::body::Body::empty()).unwrap())
        .await
        .problem(404, "job_not_found");
    let body = json!({ "kind": "k", "tenant_id": tenant.to_string() });
    stranger
        .post("/api/jobs", &body)
        .await
        .problem(422, "invalid_body");
}
