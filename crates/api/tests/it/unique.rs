//! One job per unique key.

use std::collections::HashSet;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::app::TestApp;

fn by_key(key: &str, on_conflict: &str) -> Value {
    json!({ "kind": "k", "unique": { "key": key, "on_conflict": on_conflict } })
}

#[tokio::test]
async fn a_second_submit_is_answered_by_the_first_ones_job() {
    let app = TestApp::new().await;
    let (user, worker) = (app.user().await, app.worker().await);
    let body = json!({ "kind": "k", "unique": { "key": "a" } });
    let first = user.post("/api/jobs", &body).await;
    let accepted = first.ok(202);
    assert_eq!(accepted["existed"], false);

    let second = user.post("/api/jobs", &body).await;
    let existing = second.ok(200);
    assert_eq!(
        (&existing["id"], &existing["existed"]),
        (&accepted["id"], &json!(true))
    );
    assert_eq!(second.header("location"), first.header("location"));
    assert_eq!(second.header("job-existed"), "true");
    assert!(!first.headers.contains_key("job-existed"));
    let other_kind = json!({ "kind": "l", "unique": { "key": "a" } });
    user.post("/api/jobs", &other_kind).await.ok(202);

    worker.succeed(accepted["id"].as_str().unwrap()).await;
    assert_ne!(user.post("/api/jobs", &body).await.ok(202)["id"], accepted["id"]);
    assert_eq!(app.stored_jobs().await, 3);
}

#[tokio::test]
async fn fields_of_the_payload_can_be_the_key() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let submit = async |payload: &str| {
        let unique = json!({ "fields": ["/customer/id", "/lines/0/sku~1no"] });
        let body = format!(r#"{{"kind":"k","payload":{payload},"unique":{unique}}}"#);
        user.post_text("/api/jobs", body).await
    };
    submit(r#"{"customer":{"id":12345678901234567890123},"lines":[{"sku/no":"x"}],"n":1}"#)
        .await
        .ok(202);
    submit(r#"{ "n":2, "lines":[{"sku/no":"\u0078"}], "customer":{ "id": 12345678901234567890123 } }"#)
        .await
        .ok(200);
    submit(r#"{"customer":{"id":12345678901234567890124},"lines":[{"sku/no":"x"}]}"#)
        .await
        .ok(202);
    let problem = submit(r#"{"customer":{"id":1},"lines":[]}"#)
        .await
        .problem(422, "invalid_body");
    assert_eq!(problem["errors"][0]["pointer"], "/unique/fields/1");
    assert_eq!(problem["errors"][0]["code"], "missing_value");
}

#[tokio::test]
async fn a_conflict_names_the_job_that_stands_in_the_way() {
    let app = TestApp::new().await;
    let (user, worker) = (app.user().await, app.worker().await);
    let first = user.submit(&by_key("a", "reject")).await;
    let problem = user
        .post("/api/jobs", &by_key("a", "reject"))
        .await
        .problem(409, "unique_conflict");
    assert_eq!(
        (&problem["job_id"], &problem["errors"][0]["pointer"]),
        (&json!(first), &json!("/unique"))
    );

    let second = user.submit(&by_key("a", "replace")).await;
    let replaced = user.get(&format!("/api/jobs/{first}")).await.ok(200);
    assert_eq!(replaced["state"], "cancelled");
    worker.start(&second).await;
    let batch = json!({ "jobs": [{ "kind": "k" }, by_key("a", "replace")] });
    let problem = user
        .post("/api/jobs/batch", &batch)
        .await
        .problem(409, "unique_conflict");
    assert_eq!(
        (&problem["job_id"], &problem["errors"][0]["pointer"]),
        (&json!(second), &json!("/jobs/1/unique"))
    );
    assert_eq!(app.stored_jobs().await, 2);

    let problem = user
        .post(&format!("/api/jobs/{first}/retry"), &Value::Null)
        .await
        .problem(409, "unique_conflict");
    assert_eq!(problem["job_id"], second);
}

#[tokio::test]
async fn a_period_outlives_the_job() {
    let app = TestApp::new().await;
    let (user, worker) = (app.user().await, app.worker().await);
    let body = json!({ "kind": "k", "unique": { "key": "a", "period_ms": 3_600_000 } });
    let id = user.submit(&body).await;
    worker.succeed(&id).await;
    let existing = user.post("/api/jobs", &body).await.ok(200);
    assert_eq!(
        (&existing["id"], &existing["state"]),
        (&json!(id), &json!("succeeded"))
    );
}

#[tokio::test]
async fn fifty_at_once_make_one_job_in_each_of_a_hundred_rounds() {
    let app = TestApp::new().await;
    let user = app.user().await;
    for round in 0..100 {
        let body = json!({ "kind": "k", "unique": { "key": format!("{round}") } });
        let answers = join_all((0..50).map(|_| user.post("/api/jobs", &body))).await;
        let fresh = answers
            .iter()
            .filter(|answer| answer.status.as_u16() == 202)
            .count();
        let ids: HashSet<String> = answers
            .iter()
            .map(|answer| {
                assert!(answer.status.is_success(), "{answer:?}");
                answer.json()["id"].to_string()
            })
            .collect();
        assert_eq!((fresh, ids.len()), (1, 1), "round {round}");
    }
    assert_eq!(app.stored_jobs().await, 100);
}

#[tokio::test]
async fn a_replay_is_answered_as_the_first_time_and_is_no_conflict() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let send = async |key: &str, body: Value| {
        let request = user.json_request("/api/jobs").header("idempotency-key", key);
        user.send(request.body(body.to_string().into()).unwrap()).await
    };
    let first = send("one", by_key("a", "reject")).await.ok(202);
    let replay = send("one", by_key("a", "reject")).await;
    assert_eq!(
        (replay.ok(202), replay.header("idempotency-replayed")),
        (first.clone(), "true")
    );
    let existing = send("two", by_key("a", "return")).await.ok(200);
    let replay = send("two", by_key("a", "return")).await;
    assert_eq!(
        (replay.ok(200), replay.header("idempotency-replayed")),
        (existing.clone(), "true")
    );
    assert_eq!(existing["id"], first["id"]);
}
