//! Tenants over HTTP.

use domain::Scope;
use runtime::credential::ApiKey;
use serde_json::{Value, json};
use testkit::eventually;

use crate::app::{SOON, TestApp, User};

const TENANTS: &str = "/api/tenants";

async fn operator(app: &TestApp) -> User<'_> {
    app.key(app.operator_tenant().await, &[Scope::Admin]).await
}

#[tokio::test]
async fn an_operator_makes_a_tenant_that_can_begin() {
    let app = TestApp::new().await;
    let operator = operator(&app).await;
    let answer = operator
        .post(TENANTS, &json!({ "name": "Acme", "max_running_jobs": 3 }))
        .await;
    let made = answer.ok(201);
    assert_eq!(made["tenant"]["max_running_jobs"], 3);
    assert_eq!(made["tenant"]["rate_limit_per_second"], Value::Null);
    assert!(made["webhook_secret"].as_str().unwrap().starts_with("whsec_"));
    let key: ApiKey = made["api_key"].as_str().unwrap().parse().unwrap();
    let acme = app.with_key(key);
    let own = acme.get(answer.header("location")).await.ok(200);
    assert_eq!(own, made["tenant"]);
    assert_eq!(acme.get(TENANTS).await.ok(200)["tenants"], json!([own]));
    acme.post("/api/keys", &json!({ "name": "app", "scopes": ["jobs:write"] }))
        .await
        .ok(201);
    assert_eq!(operator.get(TENANTS).await.ok(200)["tenants"][0], own);
    operator
        .post(TENANTS, &json!({ "name": "Acme" }))
        .await
        .problem(409, "tenant_name_taken");
}

#[tokio::test]
async fn nobody_else_makes_or_changes_tenants() {
    let app = TestApp::new().await;
    let operator = operator(&app).await;
    let tenant_id = app.tenant().await;
    let admin = app.key(tenant_id, &[Scope::Admin]).await;
    admin
        .post(TENANTS, &json!({ "name": "Mine" }))
        .await
        .problem(403, "operator_only");
    let own = format!("{TENANTS}/{tenant_id}");
    admin
        .patch(&own, &json!({ "max_queued_jobs": 1 }))
        .await
        .problem(403, "operator_only");
    let all = operator.get(TENANTS).await.ok(200);
    let others = all["tenants"].as_array().unwrap().iter();
    for other in others.filter(|tenant| tenant["id"] != json!(tenant_id)) {
        admin
            .get(&format!("{TENANTS}/{}", other["id"].as_str().unwrap()))
            .await
            .problem(404, "tenant_not_found");
    }
}

#[tokio::test]
async fn a_rate_limit_takes_effect_within_seconds_and_null_takes_it_away() {
    let app = TestApp::new().await;
    let operator = operator(&app).await;
    let tenant_id = app.tenant().await;
    let user = app.key(tenant_id, &[Scope::JobsRead]).await;
    user.get("/api/jobs").await.ok(200);
    let path = format!("{TENANTS}/{tenant_id}");
    let limit = json!({ "rate_limit_per_second": 1, "rate_limit_burst": 1 });
    assert_eq!(operator.patch(&path, &limit).await.ok(200)["rate_limit_burst"], 1);
    eventually("the key is limited", SOON, async || {
        (user.get("/api/jobs").await.status.as_u16() == 429).then_some(())
    })
    .await;
    let none = json!({ "rate_limit_per_second": null, "rate_limit_burst": null });
    let changed = operator.patch(&path, &none).await.ok(200);
    assert_eq!(changed["rate_limit_per_second"], Value::Null);
}

#[tokio::test]
async fn what_can_be_no_tenant_is_told_field_by_field() {
    let app = TestApp::new().await;
    let operator = operator(&app).await;
    let path = format!("{TENANTS}/{}", app.tenant().await);
    let wrong = json!({ "name": "a\nb", "rate_limit_burst": 0, "max_running_jobs": 1_000_001 });
    for answer in [
        operator.post(TENANTS, &wrong).await,
        operator.patch(&path, &wrong).await,
    ] {
        let problem = answer.problem(422, "invalid_body");
        let mut pointers: Vec<&str> = problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["pointer"].as_str().unwrap())
            .collect();
        pointers.sort_unstable();
        assert_eq!(pointers, ["/max_running_jobs", "/name", "/rate_limit_burst"]);
    }
    operator
        .patch(&path, &json!({ "operator": true }))
        .await
        .problem(422, "invalid_body");
    operator
        .get(&format!("{TENANTS}/x"))
        .await
        .problem(400, "invalid_parameter");
    operator
        .patch(
            &format!("{TENANTS}/0190163d-8694-739b-aea5-966c26f8ad91"),
            &json!({ "name": "n" }),
        )
        .await
        .problem(404, "tenant_not_found");
}
