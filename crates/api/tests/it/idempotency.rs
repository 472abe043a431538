//! `Idempotency-Key`: repeating is harmless.

mod made;

use std::collections::HashSet;
use std::time::Duration;

use domain::Scope;
use futures::future::join_all;
use serde_json::{Value, json};
use testkit::eventually;

use crate::app::{Answer, SOON, TestApp, User};

async fn submit(user: &User<'_>, path: &str, key: &str, body: &Value) -> Answer {
    let request = user
        .json_request(path)
        .header("idempotency-key", key)
        .body(body.to_string().into())
        .unwrap();
    user.send(request).await
}

#[tokio::test]
async fn a_repeated_submit_answers_the_same() {
    let app = TestApp::new().await;
    let user = app.user().await;
    for (path, body) in [
        ("/api/jobs", json!({ "kind": "k", "delay_ms": 60_000 })),
        (
            "/api/jobs/batch",
            json!({ "jobs": [{ "kind": "k" }, { "kind": "l" }] }),
        ),
    ] {
        let first = submit(&user, path, path, &body).await;
        // The draft's quoted form names the same key.
        let second = submit(&user, path, &format!("\"{path}\""), &body).await;
        assert_eq!((first.ok(202), first.status), (second.ok(202), second.status));
        assert_eq!(first.headers.get("location"), second.headers.get("location"));
        assert!(!first.headers.contains_key("idempotency-replayed"));
        assert_eq!(second.header("idempotency-replayed"), "true");
    }
    assert_eq!(app.stored_jobs().await, 3);
}

#[tokio::test]
async fn a_replay_tells_what_was_accepted_also_when_the_job_has_ended() {
    let app = TestApp::new().await;
    let (user, worker) = (app.user().await, app.worker().await);
    let first = submit(&user, "/api/jobs", "k", &json!({ "kind": "k" }))
        .await
        .ok(202);
    worker.succeed(first["id"].as_str().unwrap()).await;
    let second = submit(&user, "/api/jobs", "k", &json!({ "kind": "k" }))
        .await
        .ok(202);
    assert_eq!(first, second);
}

#[tokio::test]
async fn fifty_at_once_make_one_job() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let body = json!({ "kind": "k" });
    let answers = join_all((0..50).map(|_| submit(&user, "/api/jobs", "same", &body))).await;
    let bodies: HashSet<String> = answers.iter().map(|answer| answer.ok(202).to_string()).collect();
    assert_eq!(bodies.len(), 1, "all read the same answer");
    let fresh = answers
        .iter()
        .filter(|answer| !answer.headers.contains_key("idempotency-replayed"));
    assert_eq!(fresh.count(), 1);
    assert_eq!(app.stored_jobs().await, 1);
}

#[tokio::test]
async fn another_body_or_route_with_the_same_key_is_refused() {
    let app = TestApp::new().await;
    let user = app.user().await;
    submit(&user, "/api/jobs", "k", &json!({ "kind": "k" }))
        .await
        .ok(202);
    submit(&user, "/api/jobs", "k", &json!({ "kind": "l" }))
        .await
        .problem(422, "idempotency_key_reused");
    let batch = json!({ "jobs": [{ "kind": "k" }] });
    submit(&user, "/api/jobs/batch", "k", &batch)
        .await
        .problem(422, "idempotency_key_reused");
    assert_eq!(app.stored_jobs().await, 1);
}

#[tokio::test]
async fn a_refused_body_does_not_use_up_the_key() {
    let app = TestApp::new().await;
    let user = app.user().await;
    submit(&user, "/api/jobs", "k", &json!({}))
        .await
        .problem(422, "invalid_body");
    submit(&user, "/api/jobs", "k", &json!({ "kind": "k" }))
        .await
        .ok(202);
}

#[tokio::test]
async fn tenants_do_not_share_keys() {
    let app = TestApp::new().await;
    let (one, other) = (app.user().await, app.user().await);
    let body = json!({ "kind": "k" });
    let (first, second) = (
        submit(&one, "/api/jobs", "k", &body).await.ok(202),
        submit(&other, "/api/jobs", "k", &body).await.ok(202),
    );
    assert_ne!(first["id"], second["id"]);
}

#[tokio::test]
async fn two_keys_of_a_tenant_share_them() {
    let app = TestApp::new().await;
    let tenant = app.tenant().await;
    let (one, other) = (
        app.key(tenant, &[Scope::JobsWrite]).await,
        app.key(tenant, &[Scope::JobsWrite]).await,
    );
    let body = json!({ "kind": "k" });
    let first = submit(&one, "/api/jobs", "k", &body).await.ok(202);
    assert_eq!(first, submit(&other, "/api/jobs", "k", &body).await.ok(202));
}

#[tokio::test]
async fn a_first_request_that_has_not_ended_is_told() {
    let app = TestApp::waiting_for_locks(Duration::from_secs(1)).await;
    let tenant = app.tenant().await;
    let user = app.key(tenant, &[Scope::JobsWrite]).await;
    let body = json!({ "kind": "k" });
    let first = app.hold_key(tenant, "k").await;
    let second = submit(&user, "/api/jobs", "k", &body).await;
    second.problem(409, "idempotency_in_progress");
    first.give_up().await;
    submit(&user, "/api/jobs", "k", &body).await.ok(202);
    assert_eq!(app.stored_jobs().await, 1);
}

#[tokio::test]
async fn a_request_whose_first_one_could_not_be_stored_is_told_what_keeps_it_now() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let blocker = app.block_submits().await;
    let body = json!({ "kind": "k" });
    let (first, second) = tokio::join!(submit(&user, "/api/jobs", "k", &body), async {
        app.submits_are_blocked(1).await;
        // The first one holds the key and waits for the table. This one waits for the key, until the first one's end, and
        // then for the table as well.
        let holder = app.wait_for_locks().await[0];
        let (second, ()) = tokio::join!(submit(&user, "/api/jobs", "k", &body), async {
            app.submits_are_blocked(2).await;
            app.cancel(holder).await;
            let next = eventually("the second one waits alone", SOON, async || {
                let waiting = app.wait_for_locks().await;
                waiting
                    .iter()
                    .find(|pid| **pid != holder)
                    .copied()
                    .filter(|_| waiting.len() == 1)
            });
            app.cancel(next.await).await;
        });
        second
    });
    first.problem(503, "unavailable");
    second.problem(503, "unavailable");
    blocker.release().await;
    submit(&user, "/api/jobs", "k", &body).await.ok(202);
    assert_eq!(app.stored_jobs().await, 1);
}
