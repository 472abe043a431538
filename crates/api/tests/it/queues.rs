//! The lanes over HTTP.

use std::time::Duration;

use domain::{Scope, TenantId};
use http::Method;
use serde_json::{Value, json};

use crate::app::{TestApp, User};
use crate::bad_input::{Expected, MALFORMED, at, check};

const PAUSE: &str = "/api/queues/default/pause";
const RESUME: &str = "/api/queues/default/resume";

async fn operate<'a>(app: &'a TestApp, tenant_id: TenantId) -> User<'a> {
    app.key(tenant_id, &[Scope::JobsRead, Scope::JobsWrite, Scope::Ops])
        .await
}

#[tokio::test]
async fn lanes_are_listed_with_the_tenants_numbers() {
    let app = TestApp::new().await;
    let tenant_id = app.tenant().await;
    let user = operate(&app, tenant_id).await;
    let worker = app.worker().await;
    let running = user.submit(&json!({"kind": "test.echo"})).await;
    worker.start(&running).await;
    let failed = user.submit(&json!({"kind": "test.echo", "queue": "slow"})).await;
    worker.fail(&failed).await;
    user.submit(&json!({"kind": "test.echo", "delay_ms": 3_600_000}))
        .await;
    for _ in 0..2 {
        user.submit(&json!({"kind": "test.echo"})).await;
    }
    let listed = user.get("/api/queues").await.ok(200);
    let [default, slow] = listed["queues"].as_array().unwrap().as_slice() else {
        panic!("{listed}");
    };
    assert_eq!(
        default["depth"],
        json!({"queued": 2, "scheduled": 1, "running": 1, "dead_letters": 0, "capped": false})
    );
    assert!(
        default["oldest_queued_secs"].as_f64().unwrap() >= 0.0,
        "{default}"
    );
    assert_eq!(
        default["rates"],
        json!({"started_per_second": 0.0, "succeeded_per_second": 0.0, "failed_per_second": 0.0})
    );
    assert_eq!(
        (&default["name"], &slow["name"]),
        (&json!("default"), &json!("slow"))
    );
    assert_eq!(
        (&slow["depth"]["dead_letters"], &slow["oldest_queued_secs"]),
        (&json!(1), &Value::Null)
    );
    let read = user.get("/api/queues/slow").await.ok(200);
    assert_eq!(&read, slow);

    let stranger = app.user().await.get("/api/queues/default").await.ok(200);
    assert_eq!(
        stranger["depth"],
        json!({"queued": 0, "scheduled": 0, "running": 0, "dead_letters": 0, "capped": false})
    );
}

#[tokio::test]
async fn a_lane_is_paused_and_resumed_for_the_tenant() {
    let app = TestApp::new().await;
    let user = operate(&app, app.tenant().await).await;
    let paused = user
        .post(PAUSE, &json!({"reason": "the target is down"}))
        .await
        .ok(200);
    assert_eq!(paused["paused"], true);
    assert_eq!(paused["pauses"][0]["by"], "tenant");
    assert_eq!(paused["pauses"][0]["reason"], "the target is down");
    let again = user.post(PAUSE, &json!({})).await.ok(200);
    assert_eq!(again["pauses"], paused["pauses"]);
    assert_eq!(user.get("/api/queues/slow").await.ok(200)["paused"], false);
    let stranger = app.user().await;
    assert_eq!(stranger.get("/api/queues/default").await.ok(200)["paused"], false);
    for _ in 0..2 {
        let resumed = user.post(RESUME, &json!({})).await.ok(200);
        assert_eq!(
            (&resumed["paused"], &resumed["pauses"]),
            (&json!(false), &json!([]))
        );
    }
}

#[tokio::test]
async fn operators_pause_for_everyone_and_each_pause_ends_by_itself() {
    let app = TestApp::new().await;
    let tenant_id = app.tenant().await;
    app.sql("update tenant set operator = true").await;
    let operator = operate(&app, tenant_id).await;
    let user = operate(&app, app.tenant().await).await;
    let everyone = json!({"everyone": true});
    for path in [PAUSE, RESUME] {
        user.post(path, &everyone).await.problem(403, "operator_only");
    }
    user.post(PAUSE, &json!({"everyone": false})).await.ok(200);
    operator.post(PAUSE, &everyone).await.ok(200);
    let by = |queue: &Value| {
        let pauses = queue["pauses"].as_array().unwrap().iter();
        pauses
            .map(|pause| pause["by"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let both = user.get("/api/queues/default").await.ok(200);
    assert_eq!(by(&both), ["tenant", "everyone"]);
    let resumed = user.post(RESUME, &json!({})).await.ok(200);
    assert_eq!(
        (&resumed["paused"], by(&resumed)),
        (&json!(true), vec!["everyone".to_owned()])
    );
    operator.post(RESUME, &everyone).await.ok(200);
    assert_eq!(user.get("/api/queues/default").await.ok(200)["paused"], false);
}

#[tokio::test]
async fn a_resume_rings() {
    let app = TestApp::new().await;
    let listener = app.listener().await;
    let user = operate(&app, app.tenant().await).await;
    let mut bells = listener.subscribe(&"default".parse().unwrap());
    user.post(RESUME, &json!({})).await.ok(200);
    tokio::time::timeout(Duration::from_secs(20), bells.wait())
        .await
        .expect("workers are told");
}

#[tokio::test]
async fn pauses_are_in_the_audit_log() {
    let app = TestApp::new().await;
    let tenant_id = app.tenant().await;
    let user = operate(&app, tenant_id).await;
    user.post(PAUSE, &json!({"reason": "why not"})).await.ok(200);
    user.post(PAUSE, &json!({})).await.ok(200);
    user.post(RESUME, &json!({})).await.ok(200);
    let admin = app.key(tenant_id, &[Scope::Admin]).await;
    let entries = admin.get("/api/audit?target=default").await.ok(200)["entries"].take();
    let told: Vec<(&str, &str)> = entries
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            (
                entry["action"].as_str().unwrap(),
                entry["target"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, [("queue.resume", "default"), ("queue.pause", "default")]);
    assert_eq!(
        entries[1]["details"],
        json!({"for": "tenant", "reason": "why not"})
    );
}

#[tokio::test]
async fn each_route_asks_for_its_scope() {
    let app = TestApp::new().await;
    let reader = app.user().await;
    reader.get("/api/queues").await.ok(200);
    for path in [PAUSE, RESUME] {
        reader.post(path, &json!({})).await.problem(403, "missing_scope");
    }
    let operator = app.key(app.tenant().await, &[Scope::Ops]).await;
    for path in ["/api/queues", "/api/queues/default"] {
        operator.get(path).await.problem(403, "missing_scope");
    }
    app.anon()
        .get("/api/queues")
        .await
        .problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_lane_that_there_is_not_is_not_found() {
    let app = TestApp::new().await;
    let user = operate(&app, app.tenant().await).await;
    for name in ["fast", "DEFAULT", "default%20", "%00", "..", "%FF", "a%2Fb"] {
        let path = format!("/api/queues/{name}");
        user.get(&path).await.problem(404, "queue_not_found");
        for verb in ["pause", "resume"] {
            let answer = user.post(&format!("{path}/{verb}"), &json!({})).await;
            answer.problem(404, "queue_not_found");
        }
    }
    let removed = user
        .send(
            user.request(Method::DELETE, "/api/queues/default")
                .body(axum::body::Body::empty())
                .unwrap(),
        )
        .await;
    removed.problem(405, "method_not_allowed");
}

#[tokio::test]
async fn wrong_bodies_are_told_exactly() {
    let app = TestApp::new().await;
    let user = operate(&app, app.tenant().await).await;
    let long = format!("{{\"reason\": \"{}\"}}", "é".repeat(501));
    let cases: Vec<(&str, &str, Expected)> = vec![
        (PAUSE, "", MALFORMED),
        (PAUSE, "{", MALFORMED),
        (PAUSE, "null", at("")),
        (PAUSE, "[]", at("")),
        (PAUSE, r#"{"reason": ""}"#, at("/reason")),
        (PAUSE, r#"{"reason": " "}"#, at("/reason")),
        (PAUSE, r#"{"reason": "a\nb"}"#, at("/reason")),
        (PAUSE, r#"{"reason": "nul\u0000"}"#, at("/reason")),
        (PAUSE, r#"{"reason": 7}"#, at("/reason")),
        (PAUSE, &long, at("/reason")),
        (PAUSE, r#"{"everyone": "yes"}"#, at("/everyone")),
        (RESUME, r#"{"everyone": 1}"#, at("/everyone")),
        (RESUME, "", MALFORMED),
    ];
    for (path, body, expected) in &cases {
        check(&user.post_text(path, (*body).to_owned()).await, expected);
    }
    for path in [PAUSE, RESUME] {
        let unknown = user.post(path, &json!({"until": "tomorrow"})).await;
        unknown.problem(422, "invalid_body");
    }
    assert_eq!(user.get("/api/queues/default").await.ok(200)["paused"], false);
    let longest = json!({"reason": "é".repeat(500)});
    user.post(PAUSE, &longest).await.ok(200);
}
