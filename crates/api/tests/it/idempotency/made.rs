//! What is made besides jobs: once, and never shown twice.

use std::collections::HashSet;

use domain::Scope;
use futures::future::join_all;
use runtime::credential::ApiKey;
use serde_json::{Value, json};

use super::submit;
use crate::app::TestApp;

#[tokio::test]
async fn fifty_at_once_make_one_user() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let body = json!({ "name": "Ann", "email": "ann@example.com" });
    let answers = join_all((0..50).map(|_| submit(&admin, "/api/users", "same", &body))).await;
    let mut fresh = 0;
    let mut told = HashSet::new();
    for answer in &answers {
        if answer.status.as_u16() == 409 {
            // It has waited long enough for the first one.
            answer.problem(409, "idempotency_in_progress");
            continue;
        }
        told.insert((answer.ok(201).to_string(), answer.header("location")));
        fresh += usize::from(!answer.headers.contains_key("idempotency-replayed"));
    }
    assert_eq!((told.len(), fresh), (1, 1), "all read the same answer");
    let users = admin.get("/api/users").await.ok(200);
    assert_eq!(users["users"].as_array().unwrap().len(), 1);
    let replayed = submit(&admin, "/api/users", "same", &body).await;
    assert!(told.contains(&(replayed.ok(201).to_string(), replayed.header("location"))));

    let other = json!({ "name": "Bob", "email": "bob@example.com" });
    submit(&admin, "/api/users", "same", &other)
        .await
        .problem(422, "idempotency_key_reused");
    submit(
        &admin,
        "/api/keys",
        "same",
        &json!({ "name": "k", "scopes": ["ops"] }),
    )
    .await
    .problem(422, "idempotency_key_reused");
    // What is refused does not use up its key.
    submit(
        &admin,
        "/api/users",
        "k",
        &json!({ "name": "Ann", "email": "no address" }),
    )
    .await
    .problem(422, "invalid_body");
    submit(
        &admin,
        "/api/users",
        "k",
        &json!({ "name": "Eve", "email": "ANN@example.com" }),
    )
    .await
    .problem(409, "email_taken");
    submit(&admin, "/api/users", "k", &other).await.ok(201);
}

#[tokio::test]
async fn a_key_is_made_once_and_its_secret_is_shown_once() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let body = json!({ "name": "import", "scopes": ["jobs:read"] });
    let made = submit(&admin, "/api/keys", "k", &body).await;
    let key: ApiKey = made.ok(201)["api_key"].as_str().unwrap().parse().unwrap();
    let again = submit(&admin, "/api/keys", "k", &body).await;
    let problem = again.problem(409, "secret_shown_once");
    assert_eq!(problem["resource"], made.header("location"));
    assert!(!again.text.contains(key.expose()), "{again:?}");
    let there = admin.get(problem["resource"].as_str().unwrap()).await.ok(200);
    assert_eq!((&there["id"], &there["live"]), (&json!(key.id()), &json!(true)));
    app.with_key(key).get("/api/jobs").await.ok(200);
    let other = json!({ "name": "import", "scopes": ["ops"] });
    submit(&admin, "/api/keys", "k", &other)
        .await
        .problem(422, "idempotency_key_reused");
    // The one of the test, and the one that was made.
    let keys = admin.get("/api/keys").await.ok(200);
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_tenant_is_made_once() {
    let app = TestApp::new().await;
    let operator = app.key(app.operator_tenant().await, &[Scope::Admin]).await;
    let body = json!({ "name": "Acme" });
    let made = submit(&operator, "/api/tenants", "k", &body).await;
    made.ok(201);
    let again = submit(&operator, "/api/tenants", "k", &body).await;
    let problem = again.problem(409, "secret_shown_once");
    assert_eq!(problem["resource"], made.header("location"));
    // It is told from another one's name.
    submit(&operator, "/api/tenants", "l", &body)
        .await
        .problem(409, "tenant_name_taken");
    submit(&operator, "/api/tenants", "k", &json!({ "name": "Other" }))
        .await
        .problem(422, "idempotency_key_reused");
}

#[tokio::test]
async fn a_schedule_fires_once_for_a_key() {
    let app = TestApp::new().await;
    let user = app.user().await;
    for name in ["nightly", "other"] {
        let body = json!({ "cron": "@daily", "job": { "kind": "k" } });
        user.put(&format!("/api/schedules/{name}"), &body).await.ok(201);
    }
    let fire = "/api/schedules/nightly/fire";
    let first = submit(&user, fire, "k", &Value::Null).await;
    let again = submit(&user, fire, "k", &Value::Null).await;
    assert_eq!(
        (first.ok(202), first.header("location")),
        (again.ok(202), again.header("location"))
    );
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(app.stored_jobs().await, 1);
    submit(&user, fire, "l", &Value::Null)
        .await
        .problem(409, "previous_job_lives");
    submit(&user, "/api/schedules/other/fire", "k", &Value::Null)
        .await
        .problem(422, "idempotency_key_reused");
    submit(&user, fire, "no key", &Value::Null)
        .await
        .problem(400, "invalid_header");
    // What was answered is answered again, whatever became of the schedule and of the quota.
    app.sql("update tenant set max_queued_jobs = 1; delete from schedule where name = 'nightly'")
        .await;
    assert_eq!(
        submit(&user, fire, "k", &Value::Null).await.ok(202),
        first.ok(202)
    );
}

#[tokio::test]
async fn a_wrong_key_is_refused_wherever_one_is_taken() {
    let app = TestApp::new().await;
    let operator = app.key(app.operator_tenant().await, &Scope::ALL).await;
    for (path, body) in [
        ("/api/users", json!({ "name": "Ann", "email": "ann@example.com" })),
        ("/api/keys", json!({ "name": "k", "scopes": ["ops"] })),
        ("/api/tenants", json!({ "name": "Acme" })),
        ("/api/schedules/n/fire", Value::Null),
    ] {
        for key in ["two words", "", "\"open", &"k".repeat(256)] {
            let answer = submit(&operator, path, key, &body).await;
            answer.problem(400, "invalid_header");
        }
    }
}
