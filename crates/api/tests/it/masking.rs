//! Personal data, and who reads it.

use domain::{FailureCode, Scope};
use http::StatusCode;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::kinds::declare_sensitive;

#[tokio::test]
async fn a_key_that_only_reads_sees_no_personal_data() {
    let app = TestApp::new().await;
    let (tenant, worker) = (app.tenant().await, app.worker().await);
    let writer = app.key(tenant, &[Scope::JobsRead, Scope::JobsWrite]).await;
    let reader = app.key(tenant, &[Scope::JobsRead]).await;
    declare_sensitive(&writer, &worker, "pay", &["/pin"]).await;
    let payload = json!({ "card": { "number": "4111-1111" }, "list": ["a", { "x/y": "hidden" }], "pin": 1234, "sum": 12 });
    let body = json!({
        "kind": "pay", "payload": payload,
        "sensitive": ["/card/number", "/list/1/x~1y", "/missing/0", "/sum/deeper"],
    });
    let id = writer.submit(&body).await;
    let path = format!("/api/jobs/{id}");
    let full = writer.get(&path).await;
    assert_eq!(full.ok(200)["payload"], payload);
    assert_eq!(
        full.ok(200)["sensitive"],
        json!([
            "/card/number",
            "/list/1/x~1y",
            "/missing/0",
            "/pin",
            "/sum/deeper"
        ])
    );
    let masked = reader.get(&path).await;
    assert_eq!(
        masked.ok(200)["payload"],
        json!({ "card": { "number": "***" }, "list": ["a", { "x/y": "***" }], "pin": "***", "sum": 12 })
    );
    // A cache that both share must not give one what is the other's.
    assert_ne!(full.header("etag"), masked.header("etag"));
    let request = reader
        .request(http::Method::GET, &path)
        .header("if-none-match", masked.header("etag"));
    let unchanged = reader
        .send(request.body(axum::body::Body::empty()).unwrap())
        .await;
    assert_eq!(unchanged.status, StatusCode::NOT_MODIFIED);

    let result = to_raw_value(&json!({ "echo": payload, "note": "paid by 4111-1111" })).unwrap();
    let job = worker.start(&id).await;
    worker.end(job, domain::Outcome::Succeeded(Some(result))).await;
    assert_eq!(writer.get(&path).await.ok(200)["result"]["echo"], payload);
    let masked = reader.get(&path).await;
    for secret in ["4111", "hidden", "1234"] {
        assert!(!masked.text.contains(secret), "{secret} is in {}", masked.text);
    }
    assert_eq!(masked.ok(200)["result"]["echo"]["sum"], 12);
    for listing in [
        format!("{path}/attempts"),
        format!("{path}/events"),
        "/api/jobs".to_owned(),
    ] {
        let text = reader.get(&listing).await.text;
        assert!(!text.contains("4111"), "{listing}: {text}");
    }
}

#[tokio::test]
async fn without_personal_data_everybody_reads_the_same_bytes() {
    let app = TestApp::new().await;
    let tenant = app.tenant().await;
    let writer = app.key(tenant, &[Scope::JobsWrite, Scope::JobsRead]).await;
    let reader = app.key(tenant, &[Scope::JobsRead]).await;
    let accepted = writer
        .post_text("/api/jobs", r#"{"kind":"k","payload":{ "b":1.00, "a" : 2 }}"#)
        .await
        .ok(202);
    let path = format!("/api/jobs/{}", accepted["id"].as_str().unwrap());
    let (full, masked) = (writer.get(&path).await, reader.get(&path).await);
    assert_eq!(
        (full.text.clone(), full.header("etag")),
        (masked.text.clone(), masked.header("etag"))
    );
    assert!(
        full.text.contains(r#""payload":{ "b":1.00, "a" : 2 }"#),
        "{}",
        full.text
    );
}

#[tokio::test]
async fn everything_can_be_personal() {
    let app = TestApp::new().await;
    let (tenant, worker) = (app.tenant().await, app.worker().await);
    let writer = app.key(tenant, &[Scope::JobsWrite]).await;
    let reader = app.key(tenant, &[Scope::JobsRead]).await;
    let id = writer
        .submit(&json!({ "kind": "k", "payload": ["one secret"], "sensitive": [""] }))
        .await;
    worker.fail_with(&id, FailureCode::HandlerError, "no luck").await;
    let job = reader.get(&format!("/api/jobs/{id}")).await.ok(200);
    assert_eq!(job["payload"], Value::from("***"));
}
