//! The audit log over HTTP.

use domain::{AuditEntry, AuditHash, RequestId, Scope};
use serde_json::{Value, json};

use crate::app::TestApp;

const AUDIT: &str = "/api/audit";

/// An entry as anybody can rebuild it from what the api shows.
fn rebuilt(text: &str) -> Vec<AuditEntry> {
    #[derive(serde::Deserialize)]
    struct Page<'a> {
        #[serde(borrow)]
        entries: Vec<Shown<'a>>,
    }
    #[derive(serde::Deserialize)]
    struct Shown<'a> {
        tenant_id: uuid::Uuid,
        number: i64,
        at: chrono::DateTime<chrono::Utc>,
        key_id: Option<String>,
        request_id: Option<String>,
        action: String,
        target: String,
        #[serde(borrow)]
        details: &'a serde_json::value::RawValue,
        previous_hash: String,
        hash: String,
    }
    let page: Page<'_> = serde_json::from_str(text).unwrap();
    let entry = |shown: Shown<'_>| AuditEntry {
        tenant_id: shown.tenant_id.into(),
        number: shown.number,
        at: shown.at,
        key_id: shown.key_id,
        request_id: shown.request_id.as_deref().and_then(RequestId::parse),
        action: shown.action,
        target: shown.target,
        details: shown.details.get().to_owned(),
        previous_hash: AuditHash::parse(&shown.previous_hash).unwrap(),
        hash: AuditHash::parse(&shown.hash).unwrap(),
    };
    page.entries.into_iter().map(entry).collect()
}

#[tokio::test]
async fn it_tells_who_did_what_by_which_request_and_can_be_checked() {
    let app = TestApp::new().await;
    let admin = app
        .key(app.tenant().await, &[Scope::Admin, Scope::JobsWrite])
        .await;
    let made = admin
        .post(
            "/api/users",
            &json!({ "name": "Ann", "email": "ann@example.com" }),
        )
        .await;
    let id = admin.submit(&json!({ "kind": "k" })).await;
    let cancelled = admin.post(&format!("/api/jobs/{id}/cancel"), &Value::Null).await;
    cancelled.ok(200);
    let answer = admin.get(AUDIT).await;
    let log = answer.ok(200);
    let entries = log["entries"].as_array().unwrap();
    let actions: Vec<&str> = entries
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        ["job.cancel", "user.create", "key.create", "tenant.create"]
    );
    assert_eq!(entries[0]["target"], id);
    assert_eq!(entries[0]["request_id"], cancelled.header("x-request-id"));
    assert_eq!(entries[1]["request_id"], made.header("x-request-id"));
    let key_id = &admin.key_text()[9..25];
    assert_eq!(entries[0]["key_id"], key_id);
    assert_eq!(entries[2]["key_id"], Value::Null);

    let mut chain = rebuilt(&answer.text);
    chain.reverse();
    for (index, entry) in chain.iter().enumerate() {
        entry.check(chain.get(index + 1)).unwrap();
    }
    assert!(!answer.text.contains("ann@example.com"), "no personal data");
}

#[tokio::test]
async fn it_is_filtered_and_paged() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for index in 0..3 {
        let body = json!({ "name": "Ann", "email": format!("ann{index}@example.com") });
        admin.post("/api/users", &body).await.ok(201);
    }
    let path = format!("{AUDIT}?action=user.create&limit=2");
    let first = admin.get(&path).await.ok(200);
    assert_eq!(first["entries"].as_array().unwrap().len(), 2);
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = admin.get(&format!("{path}&cursor={cursor}")).await.ok(200);
    assert_eq!(rest["entries"].as_array().unwrap().len(), 1);
    assert_eq!(rest["next_cursor"], Value::Null);
    admin
        .get(&format!("{AUDIT}?action=key.create&cursor={cursor}"))
        .await
        .problem(400, "invalid_parameter");
    let target = first["entries"][0]["target"].as_str().unwrap();
    let one = admin.get(&format!("{AUDIT}?target={target}")).await.ok(200);
    assert_eq!(one["entries"].as_array().unwrap().len(), 1);
    let at = first["entries"][0]["at"].as_str().unwrap();
    let since = admin.get(&format!("{AUDIT}?after={at}")).await.ok(200);
    assert_eq!(since["entries"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn wrong_filters_are_told() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for query in [
        "key_id=x",
        "after=yesterday",
        "before=1",
        "action=%00",
        "limit=0",
        "cursor=x",
        "by=me",
    ] {
        admin
            .get(&format!("{AUDIT}?{query}"))
            .await
            .problem(400, "invalid_parameter");
    }
    app.user().await.get(AUDIT).await.problem(403, "missing_scope");
}
