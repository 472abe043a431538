//! API keys over HTTP.

use chrono::{DateTime, TimeDelta, Utc};
use domain::Scope;
use runtime::clock;
use runtime::credential::ApiKey;
use serde_json::{Value, json};
use testkit::eventually;

use crate::app::{SOON, TestApp, User};

const KEYS: &str = "/api/keys";

fn body(scopes: &[&str]) -> Value {
    json!({ "name": "nightly import", "scopes": scopes })
}

/// Makes a key, and gives it with what is shown of it.
async fn make(admin: &User<'_>, body: &Value) -> (ApiKey, Value) {
    let mut made = admin.post(KEYS, body).await.ok(201);
    let key: ApiKey = made["api_key"].as_str().unwrap().parse().unwrap();
    (key, made["key"].take())
}

#[tokio::test]
async fn a_key_is_shown_once_and_works_with_its_scopes() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let answer = admin.post(KEYS, &body(&["jobs:read"])).await;
    let made = answer.ok(201);
    let key: ApiKey = made["api_key"].as_str().unwrap().parse().unwrap();
    assert_eq!(made["key"]["id"], key.id());
    assert_eq!(key.environment().to_string(), "test");
    assert_eq!(made["key"]["scopes"], json!(["jobs:read"]));
    assert_eq!(
        (&made["key"]["live"], &made["key"]["expires_at"]),
        (&json!(true), &Value::Null)
    );

    let user = app.with_key(key.clone());
    user.get("/api/jobs").await.ok(200);
    user.get(KEYS).await.problem(403, "missing_scope");
    user.post("/api/jobs", &json!({ "kind": "k" }))
        .await
        .problem(403, "missing_scope");

    let read = admin.get(answer.header("location")).await;
    assert_eq!(read.ok(200)["id"], key.id());
    let list = admin.get(KEYS).await;
    assert_eq!(list.ok(200)["keys"][0]["id"], key.id());
    for answer in [read, list] {
        assert!(!answer.text.contains(key.expose()) && !answer.text.contains("hash"));
    }
}

#[tokio::test]
async fn its_last_use_is_told() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let (key, shown) = make(&admin, &body(&["jobs:read"])).await;
    assert_eq!(shown["last_used_at"], Value::Null);
    app.with_key(key.clone()).get("/api/jobs").await.ok(200);
    let path = format!("{KEYS}/{}", key.id());
    eventually("the use is recorded", SOON, async || {
        let last_used_at = admin.get(&path).await.ok(200)["last_used_at"].take();
        last_used_at.as_str()?.parse::<DateTime<Utc>>().ok()
    })
    .await;
}

#[tokio::test]
async fn a_rotated_key_and_its_successor_both_work_for_a_while() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let (old, _) = make(&admin, &body(&["jobs:read"])).await;
    let path = format!("{KEYS}/{}", old.id());
    let rotated = admin.post(&format!("{path}/rotate"), &json!({})).await.ok(201);
    let new: ApiKey = rotated["api_key"].as_str().unwrap().parse().unwrap();
    assert_eq!(rotated["key"]["scopes"], json!(["jobs:read"]));
    for key in [&old, &new] {
        app.with_key(key.clone()).get("/api/jobs").await.ok(200);
    }
    let shown = admin.get(&path).await.ok(200);
    assert_eq!(
        (&shown["replaced_by"], &shown["live"]),
        (&json!(new.id()), &json!(true))
    );
    admin
        .post(&format!("{path}/rotate"), &json!({}))
        .await
        .problem(409, "key_not_rotatable");

    let at_once = json!({ "overlap_secs": 0 });
    let next = format!("{KEYS}/{}/rotate", new.id());
    admin.post(&next, &at_once).await.ok(201);
    app.with_key(new)
        .get("/api/jobs")
        .await
        .problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once_where_it_was_revoked() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let (key, _) = make(&admin, &body(&["jobs:read"])).await;
    let user = app.with_key(key.clone());
    user.get("/api/jobs").await.ok(200);
    let path = format!("{KEYS}/{}/revoke", key.id());
    for _ in 0..2 {
        let revoked = admin.post(&path, &json!({})).await.ok(200);
        assert_eq!(revoked["live"], false);
    }
    user.get("/api/jobs").await.problem(401, "unauthenticated");
    admin
        .post(&format!("{KEYS}/{}/rotate", key.id()), &json!({}))
        .await
        .problem(409, "key_not_rotatable");
}

#[tokio::test]
async fn keys_of_another_tenant_are_not_there() {
    let app = TestApp::new().await;
    let (admin, other) = (app.admin().await, app.admin().await);
    let (key, _) = make(&admin, &body(&["jobs:read"])).await;
    let path = format!("{KEYS}/{}", key.id());
    other.get(&path).await.problem(404, "key_not_found");
    for verb in ["rotate", "revoke"] {
        other
            .post(&format!("{path}/{verb}"), &json!({}))
            .await
            .problem(404, "key_not_found");
    }
    app.with_key(key).get("/api/jobs").await.ok(200);
}

#[tokio::test]
async fn what_can_be_no_key_is_told_field_by_field() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let past = (clock::now() - TimeDelta::seconds(1)).to_rfc3339();
    let wrong = json!({
        "name": " ", "scopes": ["jobs:read", "root", "jobs:read"], "user_id": 0, "expires_at": past,
    });
    let problem = admin.post(KEYS, &wrong).await.problem(422, "invalid_body");
    let pointers: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(
        pointers,
        ["/name", "/scopes/1", "/scopes/2", "/user_id", "/expires_at"]
    );
    for wrong in [
        json!({ "name": "n", "scopes": [] }),
        json!({ "name": "n", "scopes": ["jobs:read"], "user_id": 7 }),
        json!({ "name": "n", "scopes": ["jobs:read"], "expires_at": "9999-01-01T00:00:00Z" }),
        json!({ "name": "n" }),
    ] {
        admin.post(KEYS, &wrong).await.problem(422, "invalid_body");
    }
    let far = json!({ "overlap_secs": 604_801 });
    let (key, _) = make(&admin, &body(&["ops"])).await;
    admin
        .post(&format!("{KEYS}/{}/rotate", key.id()), &far)
        .await
        .problem(422, "invalid_body");
    for id in ["x", "0123456789abcde", "0123456789abcdeé", "0123456789abcde%00"] {
        admin
            .get(&format!("{KEYS}/{id}"))
            .await
            .problem(400, "invalid_parameter");
    }
    admin
        .get(&format!("{KEYS}/0123456789abcdef"))
        .await
        .problem(404, "key_not_found");
}

#[tokio::test]
async fn pages_follow_each_other() {
    let app = TestApp::new().await;
    let admin = app.key(app.tenant().await, &[Scope::Admin]).await;
    for _ in 0..3 {
        make(&admin, &body(&["ops"])).await;
    }
    let first = admin.get("/api/keys?limit=3").await.ok(200);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = admin
        .get(&format!("/api/keys?limit=3&cursor={cursor}"))
        .await
        .ok(200);
    let ids = |page: &Value| page["keys"].as_array().unwrap().len();
    assert_eq!((ids(&first), ids(&second)), (3, 1), "three, and the admin's own");
    assert_eq!(second["next_cursor"], Value::Null);
}
