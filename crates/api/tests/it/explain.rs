//! Why a job is not running.

use domain::{Failure, FailureCode, JobId, Outcome, Scope};
use serde_json::{Value, json};
use store::{BreakerKey, Declare, KindDeclaration, OpenBreaker};

use crate::app::{TestApp, User};
use crate::worker::Worker;

async fn explained(user: &User<'_>, id: &str) -> Value {
    user.get(&format!("/api/jobs/{id}/explain")).await.ok(200)
}

/// The reason, which is told in words too.
async fn reason(user: &User<'_>, id: &str) -> String {
    let explained = explained(user, id).await;
    assert_eq!(explained["job_id"], id);
    assert!(
        explained["message"].as_str().unwrap().ends_with(['.', 'n']),
        "{explained}"
    );
    explained["reason"].as_str().unwrap().to_owned()
}

async fn operator(app: &TestApp) -> User<'_> {
    let tenant_id = app.tenant().await;
    app.key(tenant_id, &[Scope::JobsRead, Scope::JobsWrite, Scope::Ops])
        .await
}

/// A worker that has a handler for this kind.
async fn worker_of(app: &TestApp, kind: &str) -> Worker {
    let worker = app.worker().await;
    let declaration = KindDeclaration {
        name: kind.parse().unwrap(),
        schema: None,
        sensitive: Vec::new(),
    };
    let kinds = [declaration];
    let declared = worker.store.declare_kinds(worker.id(), &kinds, Declare::Anew);
    declared.await.unwrap();
    worker
}

#[tokio::test]
async fn a_job_that_waits_is_told_one_reason_after_the_other() {
    let app = TestApp::new().await;
    let user = operator(&app).await;
    let id = user.submit(&json!({ "kind": "test.echo" })).await;
    user.post("/api/queues/default/pause", &json!({ "reason": "a fix" }))
        .await
        .ok(200);
    let paused = explained(&user, &id).await;
    assert_eq!(
        (&paused["reason"], &paused["pause"]["reason"]),
        (&json!("queue_paused"), &json!("a fix"))
    );
    assert_eq!(
        (&paused["pause"]["everyone"], &paused["expected_start_at"]),
        (&json!(false), &Value::Null)
    );

    user.post("/api/queues/default/resume", &json!({})).await.ok(200);
    assert_eq!(reason(&user, &id).await, "no_worker");
    worker_of(&app, "test.other").await;
    let told = explained(&user, &id).await;
    assert_eq!(told["reason"], "no_worker_for_kind");
    assert!(told["message"].as_str().unwrap().contains("test.echo"));
    worker_of(&app, "test.echo").await;
    let next = explained(&user, &id).await;
    assert_eq!(next["reason"], "next_in_line");
    assert_eq!(next["expected_start_at"], next["as_of"]);
}

#[tokio::test]
async fn who_holds_a_tenants_limit_is_told() {
    let app = TestApp::new().await;
    let tenant_id = app.tenant().await;
    let user = app.key(tenant_id, &[Scope::JobsRead, Scope::JobsWrite]).await;
    let worker = worker_of(&app, "test.echo").await;
    let holder = user.submit(&json!({ "kind": "test.echo" })).await;
    worker.start(&holder).await;
    app.sql("update tenant set max_running_jobs = 1").await;
    let id = user.submit(&json!({ "kind": "test.echo" })).await;
    let limited = explained(&user, &id).await;
    assert_eq!(limited["reason"], "tenant_limit");
    assert_eq!(
        limited["limit"],
        json!({ "max_running_jobs": 1, "running": 1, "holders": [holder] })
    );
    assert_eq!(reason(&user, &holder).await, "running");
}

#[tokio::test]
async fn those_who_come_before_are_counted() {
    let app = TestApp::new().await;
    let (user, other) = (app.user().await, app.user().await);
    worker_of(&app, "test.echo").await;
    other.submit(&json!({ "kind": "test.echo" })).await;
    for _ in 0..3 {
        user.submit(&json!({ "kind": "test.echo" })).await;
    }
    let last = user.submit(&json!({ "kind": "test.echo" })).await;
    let behind = explained(&user, &last).await;
    assert_eq!(
        (&behind["reason"], &behind["ahead"]),
        (&json!("behind"), &json!(3))
    );
}

#[tokio::test]
async fn a_job_that_is_due_later_says_what_it_waits_for() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let worker = worker_of(&app, "test.echo").await;
    let later = user
        .submit(&json!({ "kind": "test.echo", "delay_ms": 60_000 }))
        .await;
    let scheduled = explained(&user, &later).await;
    let job = user.get(&format!("/api/jobs/{later}")).await.ok(200);
    assert_eq!(scheduled["reason"], "scheduled");
    assert_eq!(scheduled["expected_start_at"], job["run_at"]);

    let failing = user
        .submit(&json!({ "kind": "test.echo", "backoff": { "initial_ms": 60_000 } }))
        .await;
    let failure = Failure::new(FailureCode::TargetUnreachable, "nobody there");
    let outcome = Outcome::Failed {
        failure,
        retry_after: Some(std::time::Duration::from_secs(60)),
    };
    worker.end(worker.start(&failing).await, outcome).await;
    let backing_off = explained(&user, &failing).await;
    assert_eq!(
        (&backing_off["reason"], &backing_off["error_code"]),
        (&json!("backing_off"), &json!("target_unreachable"))
    );
}

#[tokio::test]
async fn a_target_that_rests_is_told() {
    let app = TestApp::new().await;
    let tenant_id = app.tenant().await;
    let user = app.key(tenant_id, &[Scope::JobsRead, Scope::JobsWrite]).await;
    let worker = worker_of(&app, "http.request").await;
    let body = json!({ "kind": "http.request", "payload": { "url": "https://example.com/hook" } });
    let id = user.submit(&body).await;
    let wait = std::time::Duration::from_secs(30);
    worker.end(worker.start(&id).await, Outcome::Snoozed(wait)).await;
    assert_eq!(reason(&user, &id).await, "snoozed");
    let key = BreakerKey {
        tenant_id,
        target: "https://example.com".to_owned(),
    };
    let opened = OpenBreaker {
        trips: 1,
        failures: 10,
        lasts: wait,
        last_error: "no connection",
    };
    worker.store.open_breaker(&key, &opened).await.unwrap();
    let resting = explained(&user, &id).await;
    assert_eq!(resting["reason"], "target_resting");
    assert_eq!(resting["target"]["target"], "https://example.com");
    assert_eq!(resting["target"]["last_error"], "no connection");
}

#[tokio::test]
async fn jobs_that_run_have_lost_their_worker_or_have_ended_are_explained_too() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let worker = worker_of(&app, "test.echo").await;
    let id = user.submit(&json!({ "kind": "test.echo" })).await;
    let job = worker.start(&id).await;
    let running = explained(&user, &id).await;
    assert_eq!(
        (&running["reason"], &running["running"]["attempt"]),
        (&json!("running"), &json!(1))
    );
    app.sql("update worker set lease_expires_at = now() - interval '1 second'")
        .await;
    assert_eq!(reason(&user, &id).await, "worker_lost");
    worker.end(job, Outcome::Succeeded(None)).await;
    assert_eq!(reason(&user, &id).await, "ended");
    let unknown = JobId(uuid::Uuid::nil());
    user.get(&format!("/api/jobs/{unknown}/explain"))
        .await
        .problem(404, "job_not_found");
}
