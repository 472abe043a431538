//! Submitting jobs.

use std::time::Duration;

use domain::QueueName;
use http::StatusCode;
use serde_json::{Value, json};
use testkit::eventually;
use tokio::time::timeout;

use crate::app::{SOON, TestApp};

#[tokio::test]
async fn a_job_is_accepted_and_can_be_read() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let answer = user.post("/api/jobs", &json!({ "kind": "a.b" })).await;
    let accepted = answer.ok(202);
    let location = answer.header("location").to_owned();
    assert_eq!(
        location,
        format!("/api/jobs/{}", accepted["id"].as_str().unwrap())
    );
    assert_eq!(
        (&accepted["kind"], &accepted["queue"]),
        (&json!("a.b"), &json!("default"))
    );
    assert_eq!(accepted["state"], "queued");
    assert!(!answer.headers.contains_key("idempotency-replayed"));

    let job = user.get(&location).await.ok(200);
    for field in ["id", "kind", "queue", "state", "created_at", "run_at"] {
        assert_eq!(job[field], accepted[field], "{field}");
    }
    assert_eq!(
        (&job["payload"], &job["timeout_ms"], &job["max_attempts"]),
        (&Value::Null, &json!(300_000), &json!(5))
    );
    assert_eq!(
        job["backoff"],
        json!({ "initial_ms": 1_000, "factor": 2.0, "max_ms": 900_000 })
    );
}

#[tokio::test]
async fn everything_that_is_sent_is_kept() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let request = user
        .json_request("/api/jobs")
        .header("x-request-id", "req-7")
        .header(
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )
        .body(
            json!({
                "kind": "k", "queue": "slow", "payload": { "a": [1, "é\u{0}"] }, "delay_ms": 60_000,
                "start_by": format!("{}-01-01T00:00:00Z", next_year()), "max_attempts": 7,
                "backoff": { "initial_ms": 5, "factor": 1.5, "max_ms": 50 }, "timeout_ms": 1_000,
                "tags": ["x", "y z"], "metadata": { "b": "é\u{0}", "a": "" }, "sensitive": ["/a/1", "/b"],
                "unique": { "fields": ["/a"], "period_ms": 1 },
            })
            .to_string()
            .into(),
        )
        .unwrap();
    let accepted = user.send(request).await.ok(202);
    assert_eq!(accepted["state"], "scheduled");

    let job = user
        .get(&format!("/api/jobs/{}", accepted["id"].as_str().unwrap()))
        .await
        .ok(200);
    let expected = json!({
        "id": accepted["id"], "kind": "k", "queue": "slow", "state": "scheduled", "tags": ["x", "y z"],
        "payload": { "a": [1, "é\u{0}"] }, "attempt": 0, "attempts_spent": 0, "max_attempts": 7,
        "backoff": { "initial_ms": 5, "factor": 1.5, "max_ms": 50 }, "timeout_ms": 1_000,
        "created_at": accepted["created_at"], "run_at": accepted["run_at"],
        "start_by": format!("{}-01-01T00:00:00Z", next_year()),
        "finished_at": null, "cancel_requested_at": null,
        "metadata": { "b": "é\u{0}", "a": "" }, "sensitive": ["/a/1", "/b"],
        "error": null, "result": null, "request_id": "req-7", "schedule": null, "fire_at": null,
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    });
    assert_eq!(job, expected);
}

fn next_year() -> String {
    use chrono::Datelike;
    (runtime::clock::now().year() + 1).to_string()
}

#[tokio::test]
async fn a_payload_is_kept_byte_for_byte() {
    let app = TestApp::new().await;
    let user = app.user().await;
    for payload in [
        "null",
        "\"\"",
        "{ \"b\" :1,\"a\":\t2, \"b\":3 }",
        "123456789012345678901234567890.10",
        "1e999",
        "-0.0",
        "[\"\\u0000\",\"\\ud800\",\"\u{2028}\"]",
    ] {
        let accepted = user
            .post_text("/api/jobs", format!("{{\"payload\": {payload} ,\"kind\":\"k\"}}"))
            .await
            .ok(202);
        let job = user
            .get(&format!("/api/jobs/{}", accepted["id"].as_str().unwrap()))
            .await;
        assert_eq!(job.status, StatusCode::OK);
        assert!(
            job.text.contains(&format!("\"payload\":{payload},")),
            "{payload} is not in {}",
            job.text
        );
    }
}

#[tokio::test]
async fn a_job_without_a_trace_gets_one() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let id = user.submit(&json!({ "kind": "k" })).await;
    let job = user.get(&format!("/api/jobs/{id}")).await.ok(200);
    let traceparent = job["traceparent"].as_str().unwrap();
    assert!(
        traceparent.starts_with("00-") && traceparent.len() == 55,
        "{traceparent}"
    );
    assert!(!job["request_id"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn a_batch_of_a_thousand_is_accepted_in_order() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let jobs: Vec<Value> = (0..1_000)
        .map(|number| json!({ "kind": format!("k{number}") }))
        .collect();
    let accepted = user
        .post("/api/jobs/batch", &json!({ "jobs": jobs }))
        .await
        .ok(202);
    let kinds: Vec<&str> = accepted["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds.len(), 1_000);
    assert!(
        kinds
            .iter()
            .enumerate()
            .all(|(number, kind)| *kind == format!("k{number}"))
    );
    assert_eq!(app.stored_jobs().await, 1_000);
}

#[tokio::test]
async fn one_bad_job_of_a_thousand_stores_none() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let mut jobs: Vec<Value> = (0..1_000).map(|_| json!({ "kind": "k" })).collect();
    jobs[17]["kind"] = json!("Not A Kind");
    let problem = user
        .post("/api/jobs/batch", &json!({ "jobs": jobs }))
        .await
        .problem(422, "invalid_body");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 1);
    assert_eq!(problem["errors"][0]["pointer"], "/jobs/17/kind");

    jobs[17] = json!({ "kind": "k", "queu~e/": "default" });
    let problem = user
        .post("/api/jobs/batch", &json!({ "jobs": jobs }))
        .await
        .problem(422, "invalid_body");
    assert_eq!(problem["errors"][0]["pointer"], "/jobs/17/queu~0e~1");
    assert_eq!(problem["errors"][0]["code"], "unknown_field");
    assert_eq!(app.stored_jobs().await, 0);
}

#[tokio::test]
async fn a_batch_has_one_to_a_thousand_jobs() {
    let app = TestApp::new().await;
    let user = app.user().await;
    for len in [0, 1_001] {
        let jobs: Vec<Value> = (0..len).map(|_| json!({ "kind": "k" })).collect();
        let problem = user
            .post("/api/jobs/batch", &json!({ "jobs": jobs }))
            .await
            .problem(422, "invalid_body");
        assert_eq!(
            (&problem["errors"][0]["pointer"], &problem["errors"][0]["code"]),
            (&json!("/jobs"), &json!("out_of_range"))
        );
    }
    assert_eq!(app.stored_jobs().await, 0);
}

#[tokio::test]
async fn queued_jobs_ring_their_lane_and_scheduled_ones_do_not() {
    let app = TestApp::new().await;
    let (user, listener) = (app.user().await, app.listener().await);
    let mut default = listener.subscribe(&QueueName::default_lane());
    let mut slow = listener.subscribe(&"slow".parse().unwrap());
    let jobs = json!({ "jobs": [{ "kind": "k", "queue": "slow", "delay_ms": 60_000 }, { "kind": "k" }] });
    user.post("/api/jobs/batch", &jobs).await.ok(202);
    timeout(SOON, default.wait()).await.expect("the lane is rung");
    // The rings of one submit leave together.
    assert!(
        timeout(Duration::from_millis(1), slow.wait()).await.is_err(),
        "nothing is due there"
    );
}

#[tokio::test]
async fn a_client_that_leaves_loses_nothing() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let (blocker, body) = (app.block_submits().await, json!({ "kind": "k" }));
    tokio::select! {
        answer = user.post("/api/jobs", &body) => panic!("answered before it was stored: {answer:?}"),
        () = app.submits_are_blocked(1) => {}
    }
    assert_eq!(app.stored_jobs().await, 0);
    blocker.release().await;
    eventually("the job is stored", SOON, async || {
        (app.stored_jobs().await == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn submits_that_wait_are_stored_together() {
    let app = TestApp::with(|parts| parts.config.submit.lanes = 1).await;
    let user = app.user().await;
    let blocker = app.block_submits().await;
    let body = json!({ "kind": "k" });
    let (first, ()) = tokio::join!(user.post("/api/jobs", &body), async {
        app.submits_are_blocked(1).await;
        // These stand in the line while the first one is being stored.
        let followers = futures::future::join_all((0..30).map(|_| user.post("/api/jobs", &body)));
        let released = async {
            tokio::task::yield_now().await;
            blocker.release().await;
        };
        let (answers, ()) = tokio::join!(followers, released);
        answers
            .iter()
            .for_each(|answer| assert_eq!(answer.status, StatusCode::ACCEPTED));
    });
    assert_eq!(first.status, StatusCode::ACCEPTED);
    let transactions = app.submit_transactions().await;
    assert!(transactions <= 5, "31 submits took {transactions} transactions");
}
