//! Many jobs are cancelled and retried over HTTP.

mod bad_input;

use chrono::{DateTime, Utc};
use domain::Scope;
use serde_json::{Value, json};

use crate::app::{TestApp, User};

const BULK: &str = "/api/jobs/bulk";

async fn bulk(user: &User<'_>, action: &str, filter: Value) -> Value {
    user.post(BULK, &json!({ "action": action, "filter": filter }))
        .await
        .ok(200)
}

async fn state(user: &User<'_>, id: &str) -> Value {
    user.get(&format!("/api/jobs/{id}")).await.ok(200)["state"].clone()
}

async fn events(user: &User<'_>, id: &str) -> Vec<String> {
    let listed = user.get(&format!("/api/jobs/{id}/events")).await.ok(200);
    let events = listed["events"].as_array().unwrap();
    events
        .iter()
        .map(|event| event["event"].as_str().unwrap().to_owned())
        .collect()
}

/// What was counted: matched, changed, requested, remaining.
fn counts(told: &Value) -> [u64; 4] {
    ["matched", "changed", "requested", "remaining"].map(|name| told[name].as_u64().unwrap())
}

#[tokio::test]
async fn jobs_that_wait_are_cancelled_and_jobs_that_run_are_asked_to_end() {
    let app = TestApp::new().await;
    let (user, stranger, worker) = (app.user().await, app.user().await, app.worker().await);
    let queued = user.submit(&json!({ "kind": "k" })).await;
    let scheduled = user.submit(&json!({ "kind": "k", "delay_ms": 3_600_000 })).await;
    let running = user.submit(&json!({ "kind": "k" })).await;
    let job = worker.start(&running).await;
    let done = user.submit(&json!({ "kind": "k" })).await;
    worker.succeed(&done).await;
    let foreign = stranger.submit(&json!({ "kind": "k" })).await;

    let dry = json!({ "action": "cancel", "filter": { "all": true }, "dry_run": true });
    let told = user.post(BULK, &dry).await.ok(200);
    assert_eq!((counts(&told), &told["dry_run"]), ([3, 0, 0, 3], &json!(true)));
    assert_eq!(state(&user, &queued).await, "queued");

    let told = bulk(&user, "cancel", json!({ "all": true })).await;
    assert_eq!((&told["action"], counts(&told)), (&json!("cancel"), [3, 3, 1, 0]));
    assert!(told["as_of"].as_str().unwrap().parse::<DateTime<Utc>>().is_ok());
    for id in [&queued, &scheduled] {
        assert_eq!(state(&user, id).await, "cancelled");
        assert_eq!(events(&user, id).await, ["submitted", "cancelled"]);
    }
    let asked = user.get(&format!("/api/jobs/{running}")).await.ok(200);
    assert!(asked["state"] == "running" && asked["cancel_requested_at"].is_string());
    worker.end(job, domain::Outcome::Cancelled).await;
    assert_eq!(state(&user, &running).await, "cancelled");
    assert_eq!(state(&user, &done).await, "succeeded");
    assert_eq!(state(&stranger, &foreign).await, "queued", "another tenant's");

    let told = bulk(&user, "cancel", json!({ "all": true })).await;
    assert_eq!(counts(&told), [0; 4]);
}

#[tokio::test]
async fn jobs_that_have_ended_are_retried_in_order_and_in_pieces() {
    let app = TestApp::new().await;
    let (user, stranger, worker) = (app.user().await, app.user().await, app.worker().await);
    let failed = user.submit(&json!({ "kind": "k" })).await;
    worker.fail(&failed).await;
    let cancelled = user.submit(&json!({ "kind": "k" })).await;
    bulk(&user, "cancel", json!({ "kind": "k" })).await;
    let discarded = user.submit(&json!({ "kind": "k" })).await;
    worker.fail(&discarded).await;
    let discard = json!({ "filter": { "job_ids": [discarded] } });
    user.post("/api/dead-letters/discard", &discard).await.ok(200);
    let done = user.submit(&json!({ "kind": "k" })).await;
    worker.succeed(&done).await;
    let foreign = stranger.submit(&json!({ "kind": "k" })).await;
    worker.fail(&foreign).await;

    let one = json!({ "action": "retry", "filter": { "all": true }, "limit": 1 });
    let told = user.post(BULK, &one).await.ok(200);
    assert_eq!(counts(&told), [2, 1, 0, 1]);
    assert_eq!(
        state(&user, &failed).await,
        "queued",
        "the one that was submitted first"
    );
    assert_eq!(state(&user, &cancelled).await, "cancelled");
    // What fails again is kept out by the time of the count.
    worker.fail(&failed).await;
    let told = bulk(&user, "retry", json!({ "finished_before": told["as_of"] })).await;
    assert_eq!(counts(&told), [1, 1, 0, 0]);
    assert_eq!(state(&user, &failed).await, "failed");
    assert_eq!(
        events(&user, &cancelled).await,
        ["submitted", "cancelled", "redriven"]
    );
    worker.succeed(&cancelled).await;
    for (id, expected) in [(&discarded, "failed"), (&done, "succeeded")] {
        assert_eq!(state(&user, id).await, expected);
    }
    assert_eq!(state(&stranger, &foreign).await, "failed", "another tenant's");
}

#[tokio::test]
async fn every_filter_filters() {
    let app = TestApp::new().await;
    let (user, worker) = (app.user().await, app.worker().await);
    let plain = user.submit(&json!({ "kind": "plain" })).await;
    let special = json!({ "kind": "special", "queue": "slow", "tags": ["night"], "delay_ms": 3_600_000 });
    let special = user.submit(&special).await;
    let created = user.get(&format!("/api/jobs/{special}")).await.ok(200)["created_at"].clone();
    let matched = async |action: &str, filter: &Value| {
        let dry = json!({ "action": action, "filter": filter, "dry_run": true });
        user.post(BULK, &dry).await.ok(200)["matched"].as_u64().unwrap()
    };
    let narrow = [
        json!({ "state": "scheduled" }),
        json!({ "kind": "special" }),
        json!({ "queue": "slow" }),
        json!({ "tag": "night" }),
        json!({ "kind": "special", "queue": "slow", "created_before": "9999-01-01T00:00:00Z" }),
    ];
    for filter in &narrow {
        assert_eq!(matched("cancel", filter).await, 1, "{filter}");
        let told = bulk(&user, "cancel", filter.clone()).await;
        assert_eq!(counts(&told), [1, 1, 0, 0], "{filter}");
        assert_eq!(state(&user, &plain).await, "queued");
        let mut of_ended = filter.clone();
        if of_ended.get("state").is_some() {
            of_ended = json!({ "state": "cancelled" });
        }
        let told = bulk(&user, "retry", of_ended).await;
        assert_eq!(counts(&told), [1, 1, 0, 0], "{filter}");
        // Scheduled again, by a worker that has no use for it now.
        let job = worker.start(&special).await;
        worker
            .end(
                job,
                domain::Outcome::Snoozed(std::time::Duration::from_secs(3_600)),
            )
            .await;
    }
    for filter in [
        json!({ "kind": "other" }),
        json!({ "state": "running" }),
        json!({ "created_before": "2020-01-01T00:00:00Z" }),
        json!({ "created_after": "9999-01-01T00:00:00Z" }),
        json!({ "kind": "plain", "queue": "slow" }),
    ] {
        assert_eq!(matched("cancel", &filter).await, 0, "{filter}");
    }
    assert!(created.is_string());
    bulk(&user, "cancel", json!({ "all": true })).await;
    assert_eq!(matched("retry", &json!({ "state": "cancelled" })).await, 2);
    for filter in [
        json!({ "state": "failed" }),
        json!({ "state": "expired" }),
        json!({ "finished_before": "2020-01-01T00:00:00Z" }),
    ] {
        assert_eq!(matched("retry", &filter).await, 0, "{filter}");
    }
}

#[tokio::test]
async fn it_takes_a_key_that_may_write() {
    let app = TestApp::new().await;
    let tenant = app.tenant().await;
    let reader = app
        .key(tenant, &[Scope::JobsRead, Scope::Ops, Scope::Admin])
        .await;
    let body = json!({ "action": "cancel", "filter": { "all": true } });
    reader.post(BULK, &body).await.problem(403, "missing_scope");
    app.anon().post(BULK, &body).await.problem(401, "unauthenticated");
    let writer = app.key(tenant, &[Scope::JobsWrite]).await;
    assert_eq!(counts(&writer.post(BULK, &body).await.ok(200)), [0; 4]);
}
