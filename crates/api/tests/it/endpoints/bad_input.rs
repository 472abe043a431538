//! Whatever is wrong with an endpoint is told exactly.

use axum::body::Body;
use http::Method;
use serde_json::json;

use super::{BILLING, operator, put, rotate, wanted};
use crate::app::TestApp;
use crate::bad_input::{MALFORMED, at, check, parameter};
use crate::logs::{Logs, troubled_nobody};

#[tokio::test]
async fn every_wrong_body_is_told_where_it_is_wrong() {
    let app = TestApp::new().await;
    let user = operator(&app).await;
    let logs = Logs::capture();
    let with = |more: &str| format!("{{\"url\":\"https://example.com/\",{more}}}");
    for (body, expected) in [
        (String::new(), MALFORMED),
        ("{\"url\":\"".to_owned(), MALFORMED),
        ("[\"https://example.com/\"]".to_owned(), at("")),
        ("{}".to_owned(), at("/url")),
        ("{\"url\":null}".to_owned(), at("/url")),
        ("{\"url\":\"\"}".to_owned(), at("/url")),
        ("{\"url\":\"example.com\"}".to_owned(), at("/url")),
        ("{\"url\":\"file:///etc/passwd\"}".to_owned(), at("/url")),
        ("{\"url\":\"https://a:b@example.com/\"}".to_owned(), at("/url")),
        ("{\"url\":\"https://example.com/#x\"}".to_owned(), at("/url")),
        ("{\"url\":\"https://nul\\u0000.example/\"}".to_owned(), at("/url")),
        (with("\"timeout_ms\":0"), at("/timeout_ms")),
        (with("\"timeout_ms\":86400001"), at("/timeout_ms")),
        (with("\"timeout_ms\":-1"), at("/timeout_ms")),
        (with("\"disabled\":\"yes\""), at("/disabled")),
        (with("\"headers\":[]"), at("/headers")),
        (with("\"headers\":{\"x\":7}"), at("/headers/x")),
        (with("\"headers\":{\"a/b\":\"x\"}"), at("/headers/a~1b")),
        (with("\"headers\":{\"x\":\"a\\nb\"}"), at("/headers/x")),
        (with("\"headers\":{\"x\":\"nul\\u0000\"}"), at("/headers/x")),
        (with("\"headers\":{\"X\":\"1\",\"x\":\"2\"}"), at("/headers/x")),
        (with("\"headers\":{\"Host\":\"x\"}"), at("/headers/Host")),
        (
            with("\"headers\":{\"Webhook-Signature\":\"v1,x\"}"),
            at("/headers/Webhook-Signature"),
        ),
        (with("\"secret\":\"whsec_x\""), at("/secret")),
        (with("\"url\":\"https://example.com/\""), at("/url")),
    ] {
        let request = user
            .request(Method::PUT, BILLING)
            .header("content-type", "application/json");
        check(
            &user.send(request.body(Body::from(body)).unwrap()).await,
            &expected,
        );
    }
    let many: serde_json::Map<_, _> = (0..21).map(|n| (format!("x-{n}"), json!("1"))).collect();
    let too_many = put(
        &user,
        BILLING,
        &json!({ "url": "https://example.com/", "headers": many }),
    )
    .await;
    check(&too_many, &at("/headers"));
    user.get(BILLING).await.problem(404, "endpoint_not_found");

    put(&user, BILLING, &wanted()).await.ok(201);
    for (overlap, code) in [
        (json!(604_801), "/overlap_secs"),
        (json!(-1), "/overlap_secs"),
        (json!("1d"), "/overlap_secs"),
    ] {
        check(
            &rotate(&user, &json!({ "overlap_secs": overlap })).await,
            &at(code),
        );
    }
    let live = user.get(&format!("{BILLING}/secrets")).await.ok(200);
    assert_eq!(
        live["secrets"].as_array().unwrap().len(),
        1,
        "nothing was rotated"
    );
    troubled_nobody(&logs);
}

#[tokio::test]
async fn every_wrong_parameter_is_named() {
    let app = TestApp::new().await;
    let user = operator(&app).await;
    let logs = Logs::capture();
    for (query, name) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("cursor=", "cursor"),
        ("cursor=AQAAAAAAAAAH", "cursor"),
        ("name=billing", "name"),
    ] {
        check(
            &user.get(&format!("/api/endpoints?{query}")).await,
            &parameter(name),
        );
    }
    for name in ["Billing", "1", "a.b", "%00", "%ff", "%20", &"a".repeat(41)] {
        let path = format!("/api/endpoints/{name}");
        check(&user.get(&path).await, &parameter("name"));
        check(&put(&user, &path, &wanted()).await, &parameter("name"));
        check(&user.get(&format!("{path}/secrets")).await, &parameter("name"));
    }
    troubled_nobody(&logs);
}
