//! Who may ask.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use domain::Scope;
use http::Method;
use runtime::credential::ApiKey;
use serde_json::{Value, json};
use testkit::eventually;

use crate::app::{Answer, SOON, TestApp};

const ALL: [Scope; 2] = [Scope::JobsRead, Scope::JobsWrite];

async fn with_header(app: &TestApp, values: &[&str]) -> Answer {
    let request = values
        .iter()
        .fold(app.anon().request(Method::GET, "/api/jobs"), |request, value| {
            request.header("x-api-key", *value)
        });
    app.anon()
        .send(request.body(axum::body::Body::empty()).unwrap())
        .await
}

#[tokio::test]
async fn all_that_is_no_valid_key_is_refused_alike() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let good = user.key_text();
    user.get("/api/jobs").await.ok(200);

    let unknown = ApiKey::generate(&"test".parse().unwrap());
    let cut = &good[..good.len() - 1];
    let mistyped = format!("{cut}{}", if good.ends_with('0') { '1' } else { '0' });
    for value in ["", "x", "tdm_test", cut, &mistyped, unknown.expose(), "schlüssel"] {
        let answer = with_header(&app, &[value]).await;
        answer.problem(401, "unauthenticated");
        assert!(answer.header("www-authenticate").starts_with("ApiKey "));
        assert!(
            !answer.headers.contains_key("ratelimit"),
            "who is nobody has no limit"
        );
    }
    with_header(&app, &[]).await.problem(401, "unauthenticated");
    with_header(&app, &[good, good])
        .await
        .problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_known_id_with_another_secret_is_refused() {
    let app = TestApp::new().await;
    let (environment, id) = ("test".parse().unwrap(), [7; 16]);
    let genuine = ApiKey::from_random(&environment, &id, &[1; 32]);
    let forged = ApiKey::from_random(&environment, &id, &[2; 32]);
    assert_eq!(genuine.id(), forged.id());
    app.store_key(app.tenant().await, &genuine, &ALL, None).await;
    app.with_key(genuine.clone()).get("/api/jobs").await.ok(200);
    app.with_key(forged)
        .get("/api/jobs")
        .await
        .problem(401, "unauthenticated");
    let elsewhere = ApiKey::from_random(&"prod".parse().unwrap(), &id, &[1; 32]);
    app.with_key(elsewhere)
        .get("/api/jobs")
        .await
        .problem(401, "unauthenticated");
    app.with_key(genuine).get("/api/jobs").await.ok(200);
}

#[tokio::test]
async fn an_expired_key_is_refused() {
    let app = TestApp::new().await;
    let tenant = app.tenant().await;
    let expired = app.make_key(tenant, &ALL, Some(TimeDelta::seconds(-1))).await;
    app.with_key(expired)
        .get("/api/jobs")
        .await
        .problem(401, "unauthenticated");
    let live = app.make_key(tenant, &ALL, Some(TimeDelta::hours(1))).await;
    app.with_key(live).get("/api/jobs").await.ok(200);
}

#[tokio::test]
async fn a_revoked_key_stops_working_within_five_seconds() {
    // With the default settings.
    let app = TestApp::new().await;
    let key = app.make_key(app.tenant().await, &ALL, None).await;
    let user = app.with_key(key.clone());
    user.get("/api/jobs").await.ok(200);
    assert!(app.owner().await.revoke_any_api_key(key.id()).await.unwrap());
    let revoked_at = Instant::now();
    eventually("the key is refused", SOON, async || {
        let sent_after = revoked_at.elapsed();
        let answer = user.get("/api/jobs").await;
        if answer.status.as_u16() == 401 {
            return Some(answer.problem(401, "unauthenticated"));
        }
        assert!(
            sent_after < Duration::from_secs(5),
            "accepted after {sent_after:?}"
        );
        None
    })
    .await;
}

#[tokio::test]
async fn a_new_key_works_soon_also_if_it_was_tried_before_it_was_made() {
    let app = TestApp::new().await;
    let key = ApiKey::generate(&"test".parse().unwrap());
    let user = app.with_key(key.clone());
    user.get("/api/jobs").await.problem(401, "unauthenticated");
    app.store_key(app.tenant().await, &key, &ALL, None).await;
    let accepted = async || (user.get("/api/jobs").await.status.as_u16() == 200).then_some(());
    eventually("the key works", SOON, accepted).await;
}

#[tokio::test]
async fn each_route_needs_its_scope() {
    let app = TestApp::new().await;
    let tenant = app.tenant().await;
    let reader = app.key(tenant, &[Scope::JobsRead]).await;
    let writer = app.key(tenant, &[Scope::JobsWrite]).await;
    let nobody = app.key(tenant, &[Scope::Ops, Scope::Admin]).await;
    let id = writer.submit(&json!({ "kind": "k" })).await;

    for path in [
        "/api/jobs".to_owned(),
        format!("/api/jobs/{id}"),
        format!("/api/jobs/{id}/attempts"),
        format!("/api/jobs/{id}/events"),
        "/api/dead-letters".to_owned(),
        "/api/dead-letters/groups".to_owned(),
    ] {
        reader.get(&path).await.ok(200);
        for user in [&writer, &nobody] {
            let problem = user.get(&path).await.problem(403, "missing_scope");
            assert!(problem["detail"].as_str().unwrap().contains("jobs:read"));
        }
    }
    for path in [
        "/api/jobs".to_owned(),
        "/api/jobs/batch".to_owned(),
        "/api/jobs/bulk".to_owned(),
        format!("/api/jobs/{id}/cancel"),
        format!("/api/jobs/{id}/retry"),
        "/api/dead-letters/retry".to_owned(),
        "/api/dead-letters/discard".to_owned(),
    ] {
        for user in [&reader, &nobody] {
            let problem = user
                .post(&path, &json!({ "kind": "k" }))
                .await
                .problem(403, "missing_scope");
            assert!(problem["detail"].as_str().unwrap().contains("jobs:write"));
        }
    }
    writer
        .post(&format!("/api/jobs/{id}/cancel"), &Value::Null)
        .await
        .ok(200);
}

#[tokio::test]
async fn users_are_for_administrators() {
    let app = TestApp::new().await;
    let tenant = app.tenant().await;
    let admin = app.key(tenant, &[Scope::Admin]).await;
    let others = app
        .key(tenant, &[Scope::JobsRead, Scope::JobsWrite, Scope::Ops])
        .await;
    let ann = json!({ "name": "Ann", "email": "ann@example.com" });
    let refused = |answer: Answer| {
        let problem = answer.problem(403, "missing_scope");
        assert!(problem["detail"].as_str().unwrap().contains("admin"));
    };
    refused(others.post("/api/users", &ann).await);
    let made = admin.post("/api/users", &ann).await;
    made.ok(201);
    for path in ["/api/users", made.header("location")] {
        refused(others.get(path).await);
        admin.get(path).await.ok(200);
    }
}

#[tokio::test]
async fn without_a_key_the_body_is_not_even_read() {
    let app = TestApp::new().await;
    app.anon()
        .post_text("/api/jobs", "not json")
        .await
        .problem(401, "unauthenticated");
    assert_eq!(app.stored_jobs().await, 0);
}
