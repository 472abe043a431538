//! Cancelling and retrying.

use domain::{Outcome, QueueName};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::app::{SOON, TestApp};

#[tokio::test]
async fn a_job_that_waits_is_cancelled_at_once() {
    let app = TestApp::new().await;
    let user = app.user().await;
    for body in [json!({ "kind": "k" }), json!({ "kind": "k", "delay_ms": 60_000 })] {
        let id = user.submit(&body).await;
        let job = user
            .post(&format!("/api/jobs/{id}/cancel"), &Value::Null)
            .await
            .ok(200);
        assert_eq!((&job["id"], &job["state"]), (&json!(id), &json!("cancelled")));
        assert!(job["cancel_requested_at"].is_string() && job["finished_at"].is_string());
        user.post(&format!("/api/jobs/{id}/cancel"), &Value::Null)
            .await
            .problem(409, "already_finished");
    }
}

#[tokio::test]
async fn a_job_that_runs_is_asked_to_end() {
    let app = TestApp::new().await;
    let (user, worker) = (app.user().await, app.worker().await);
    let id = user.submit(&json!({ "kind": "k" })).await;
    let job = worker.start(&id).await;
    for _ in 0..2 {
        let asked = user
            .post(&format!("/api/jobs/{id}/cancel"), &Value::Null)
            .await
            .ok(202);
        assert_eq!(asked["state"], "running");
        assert!(asked["cancel_requested_at"].is_string());
    }
    worker.end(job, Outcome::Cancelled).await;
    user.post(&format!("/api/jobs/{id}/cancel"), &Value::Null)
        .await
        .problem(409, "already_finished");
}

#[tokio::test]
async fn a_failed_job_is_retried_and_its_lane_is_rung() {
    let app = TestApp::new().await;
    let (user, worker, listener) = (app.user().await, app.worker().await, app.listener().await);
    let id = user.submit(&json!({ "kind": "k", "queue": "slow" })).await;
    user.post(&format!("/api/jobs/{id}/retry"), &Value::Null)
        .await
        .problem(409, "not_retryable");
    worker.fail(&id).await;

    let mut rung = listener.subscribe(&"slow".parse::<QueueName>().unwrap());
    let job = user
        .post(&format!("/api/jobs/{id}/retry"), &Value::Null)
        .await
        .ok(202);
    assert_eq!(
        (&job["state"], &job["attempts_spent"], &job["attempt"]),
        (&json!("queued"), &json!(0), &json!(1))
    );
    timeout(SOON, rung.wait()).await.expect("the lane is rung");

    worker.succeed(&id).await;
    user.post(&format!("/api/jobs/{id}/retry"), &Value::Null)
        .await
        .problem(409, "not_retryable");
}

#[tokio::test]
async fn a_cancelled_job_can_be_retried() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let id = user.submit(&json!({ "kind": "k" })).await;
    user.post(&format!("/api/jobs/{id}/cancel"), &Value::Null)
        .await
        .ok(200);
    let job = user
        .post(&format!("/api/jobs/{id}/retry"), &Value::Null)
        .await
        .ok(202);
    assert_eq!(
        (&job["state"], &job["finished_at"]),
        (&json!("queued"), &Value::Null)
    );
}
