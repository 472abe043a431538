//! The endpoints of a tenant over HTTP.

mod bad_input;

use std::collections::HashSet;

use axum::body::Body;
use domain::Scope;
use http::Method;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, User};

const BILLING: &str = "/api/endpoints/billing";

/// Somebody who may read and change endpoints.
async fn operator(app: &TestApp) -> User<'_> {
    app.key(app.tenant().await, &[Scope::JobsRead, Scope::Ops]).await
}

fn wanted() -> Value {
    json!({ "url": "https://example.com/hook" })
}

async fn put(user: &User<'_>, path: &str, body: &Value) -> Answer {
    put_if(user, path, body, &[]).await
}

async fn put_if(user: &User<'_>, path: &str, body: &Value, conditions: &[(&str, &str)]) -> Answer {
    let mut request = user
        .request(Method::PUT, path)
        .header("content-type", "application/json");
    for (name, value) in conditions {
        request = request.header(*name, *value);
    }
    user.send(request.body(Body::from(body.to_string())).unwrap())
        .await
}

async fn delete(user: &User<'_>, path: &str, version: Option<&str>) -> Answer {
    let mut request = user.request(Method::DELETE, path);
    if let Some(version) = version {
        request = request.header("if-match", version);
    }
    user.send(request.body(Body::empty()).unwrap()).await
}

async fn rotate(user: &User<'_>, body: &Value) -> Answer {
    user.post(&format!("{BILLING}/rotate-secret"), body).await
}

#[tokio::test]
async fn an_endpoint_is_made_read_changed_and_deleted() {
    let app = TestApp::new().await;
    let user = operator(&app).await;
    let body = json!({ "url": "https://example.com/hook", "headers": { "Authorization": "Bearer sesame" },
        "timeout_ms": 5_000 });
    let answer = put(&user, BILLING, &body).await;
    let mut made = answer.ok(201);
    assert_eq!(
        (answer.header("location"), answer.header("etag")),
        (BILLING, "\"1\"")
    );
    assert_eq!(
        answer.header("cache-control"),
        "no-store",
        "it has a secret in it"
    );
    let secret = made["secret"]["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_") && secret.len() == 6 + 44, "{secret}");
    made.as_object_mut().unwrap().remove("secret");
    assert_eq!(made["header_names"], json!(["authorization"]));

    let read = user.get(BILLING).await;
    assert_eq!(read.ok(200), made);
    assert!(!read.text.contains("sesame"), "{read:?}");
    let unchanged = user
        .request(Method::GET, BILLING)
        .header("if-none-match", "\"1\"");
    let unchanged = user.send(unchanged.body(Body::empty()).unwrap()).await;
    assert_eq!(unchanged.status, 304);

    let changed = put(
        &user,
        BILLING,
        &json!({ "url": "https://example.org/", "disabled": true }),
    )
    .await;
    assert_eq!(changed.header("etag"), "\"2\"");
    let changed = changed.ok(200);
    assert_eq!(changed["disabled"], true);
    assert!(changed["disabled_at"].is_string() && changed.get("secret").is_none());
    assert_eq!(changed["header_names"], json!(["authorization"]), "they stay");

    assert_eq!(delete(&user, BILLING, None).await.status, 204);
    user.get(BILLING).await.problem(404, "endpoint_not_found");
    delete(&user, BILLING, None)
        .await
        .problem(404, "endpoint_not_found");
}

#[tokio::test]
async fn a_change_meets_the_version_that_it_was_made_for_or_nothing() {
    let app = TestApp::new().await;
    let user = operator(&app).await;
    let unmet = |answer: Answer| {
        answer.problem(412, "precondition_failed");
    };
    unmet(put_if(&user, BILLING, &wanted(), &[("if-match", "*")]).await);
    put_if(&user, BILLING, &wanted(), &[("if-none-match", "*")])
        .await
        .ok(201);
    unmet(put_if(&user, BILLING, &wanted(), &[("if-none-match", "*")]).await);
    for stale in ["\"2\"", "W/\"1\"", "\"x\""] {
        unmet(put_if(&user, BILLING, &wanted(), &[("if-match", stale)]).await);
        unmet(delete(&user, BILLING, Some(stale)).await);
    }
    let no_tag = delete(&user, BILLING, Some("1")).await;
    no_tag.problem(400, "invalid_header");
    let version = put_if(&user, BILLING, &wanted(), &[("if-match", "\"1\"")])
        .await
        .ok(200);
    assert_eq!(version["version"], 2);
    assert_eq!(delete(&user, BILLING, Some("\"2\"")).await.status, 204);
}

#[tokio::test]
async fn a_secret_is_rotated_and_never_read_again() {
    let app = TestApp::new().await;
    let user = operator(&app).await;
    rotate(&user, &json!({})).await.problem(404, "endpoint_not_found");
    let first = put(&user, BILLING, &wanted()).await.ok(201);
    let mut secrets = HashSet::from([first["secret"]["secret"].to_string()]);
    let rotated = rotate(&user, &json!({})).await.ok(200);
    assert!(secrets.insert(rotated["secret"]["secret"].to_string()));
    let listed = user.get(&format!("{BILLING}/secrets")).await;
    assert_eq!(listed.ok(200)["secrets"], rotated["secrets"]);
    assert!(!listed.text.contains("whsec_"), "{listed:?}");
    let live = rotated["secrets"].as_array().unwrap();
    assert_eq!(
        (&live[0]["id"], &live[0]["expires_at"]),
        (&rotated["secret"]["id"], &Value::Null)
    );
    let lasts = live[1]["expires_at"]
        .as_str()
        .unwrap()
        .parse::<chrono::DateTime<chrono::Utc>>();
    let lasts = lasts.unwrap() - runtime::clock::now();
    assert!(
        (86_000..=86_400).contains(&lasts.num_seconds()),
        "a day by default: {lasts}"
    );

    rotate(&user, &json!({ "overlap_secs": 604_800 })).await.ok(200);
    rotate(&user, &json!({ "overlap_secs": 60 }))
        .await
        .problem(409, "too_many_secrets");
    let only = rotate(&user, &json!({ "overlap_secs": 0 })).await.ok(200);
    assert_eq!(only["secrets"].as_array().unwrap().len(), 1);
    user.get("/api/endpoints/other/secrets")
        .await
        .problem(404, "endpoint_not_found");
}

#[tokio::test]
async fn each_route_needs_its_scope_and_tells_nothing_of_other_tenants() {
    let app = TestApp::new().await;
    let tenant_id = app.tenant().await;
    let reader = app.key(tenant_id, &[Scope::JobsRead, Scope::JobsWrite]).await;
    let operator_only = app.key(tenant_id, &[Scope::Ops]).await;
    put(&operator_only, BILLING, &wanted()).await.ok(201);
    reader.get(BILLING).await.ok(200);
    put(&reader, BILLING, &wanted())
        .await
        .problem(403, "missing_scope");
    delete(&reader, BILLING, None).await.problem(403, "missing_scope");
    rotate(&reader, &json!({})).await.problem(403, "missing_scope");
    for path in ["/api/endpoints", BILLING, "/api/endpoints/billing/secrets"] {
        operator_only.get(path).await.problem(403, "missing_scope");
    }

    let stranger = operator(&app).await;
    assert_eq!(
        stranger.get("/api/endpoints").await.ok(200)["endpoints"],
        json!([])
    );
    stranger.get(BILLING).await.problem(404, "endpoint_not_found");
    delete(&stranger, BILLING, None)
        .await
        .problem(404, "endpoint_not_found");
    rotate(&stranger, &json!({}))
        .await
        .problem(404, "endpoint_not_found");
    let theirs = put(&stranger, BILLING, &json!({ "url": "https://stranger.example/" })).await;
    assert_eq!(theirs.ok(201)["version"], 1, "each tenant has its names");
    assert_eq!(
        reader.get(BILLING).await.ok(200)["url"],
        "https://example.com/hook"
    );
}

#[tokio::test]
async fn pages_go_on_where_the_one_before_ended() {
    let app = TestApp::new().await;
    let user = operator(&app).await;
    for name in ["d", "b", "a", "c", "e"] {
        put(&user, &format!("/api/endpoints/{name}"), &wanted())
            .await
            .ok(201);
    }
    let (mut found, mut path) = (Vec::new(), "/api/endpoints?limit=2".to_owned());
    loop {
        let page = user.get(&path).await.ok(200);
        let names = page["endpoints"].as_array().unwrap().iter();
        found.extend(names.map(|endpoint| endpoint["name"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/api/endpoints?limit=2&cursor={cursor}");
    }
    assert_eq!(found, ["a", "b", "c", "d", "e"]);
}
