//! How many jobs a tenant may have waiting.

use serde_json::{Value, json};
use testkit::eventually;

use crate::app::{SOON, TestApp, User};

async fn submit(user: &User<'_>, key: &str) -> crate::app::Answer {
    let request = user.json_request("/api/jobs").header("idempotency-key", key);
    user.send(request.body(json!({ "kind": "k" }).to_string().into()).unwrap())
        .await
}

#[tokio::test]
async fn a_tenant_that_has_as_many_jobs_waiting_as_it_may_waits() {
    let app = TestApp::new().await;
    let (user, other, worker) = (app.user().await, app.user().await, app.worker().await);
    app.sql("update tenant set max_queued_jobs = 3").await;
    let first = submit(&user, "first").await.ok(202);
    let batch = |count: usize| json!({ "jobs": vec![json!({ "kind": "k", "delay_ms": 60_000 }); count] });
    let refused = user.post("/api/jobs/batch", &batch(3)).await;
    let problem = refused.problem(429, "quota_exceeded");
    assert!(
        problem["detail"].as_str().unwrap().contains("3 jobs"),
        "{problem}"
    );
    assert_eq!(refused.header("retry-after"), "5");
    user.post("/api/jobs/batch", &batch(2)).await.ok(202);
    submit(&user, "fourth").await.problem(429, "quota_exceeded");
    assert_eq!(app.stored_jobs().await, 3);

    // What was accepted before is answered all the same.
    let replay = submit(&user, "first").await;
    assert_eq!(
        (replay.ok(202), replay.header("idempotency-replayed")),
        (first.clone(), "true")
    );
    let other_body = user.json_request("/api/jobs").header("idempotency-key", "first");
    let other_body = other_body
        .body(json!({ "kind": "l" }).to_string().into())
        .unwrap();
    user.send(other_body).await.problem(422, "idempotency_key_reused");
    submit(&other, "first").await.ok(202);

    // What has started does not wait any more, which is seen within a second.
    worker.start(first["id"].as_str().unwrap()).await;
    eventually("there is room again", SOON, async || {
        (submit(&user, "fourth").await.status.as_u16() == 202).then_some(())
    })
    .await;
    submit(&user, "fifth").await.problem(429, "quota_exceeded");
}

#[tokio::test]
async fn what_makes_no_new_job_takes_no_room() {
    let app = TestApp::new().await;
    let user = app.user().await;
    app.sql("update tenant set max_queued_jobs = 2").await;
    let unique = json!({ "kind": "k", "unique": { "key": "a" } });
    let rejecting = json!({ "kind": "k", "unique": { "key": "a", "on_conflict": "reject" } });
    user.post("/api/jobs", &unique).await.ok(202);
    for _ in 0..5 {
        user.post("/api/jobs", &unique).await.ok(200);
        user.post("/api/jobs", &rejecting)
            .await
            .problem(409, "unique_conflict");
    }
    user.post("/api/jobs", &json!({ "kind": "k" })).await.ok(202);
    let refused: Value = user
        .post("/api/jobs", &json!({ "kind": "k" }))
        .await
        .problem(429, "quota_exceeded");
    assert_eq!(refused["status"], 429);
    assert_eq!(app.stored_jobs().await, 2);
}
