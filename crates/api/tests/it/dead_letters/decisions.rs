//! Retrying and discarding over HTTP.

use std::collections::HashSet;

use chrono::TimeDelta;
use domain::{QueueName, Scope};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{DISCARD, RETRY, dead_letter, listed, time};
use crate::app::{SOON, TestApp, User};

async fn state(user: &User<'_>, id: &str) -> Value {
    user.get(&format!("/api/jobs/{id}")).await.ok(200)["state"].clone()
}

/// Without the time, which differs.
fn counts(mut answer: Value) -> Value {
    answer.as_object_mut().unwrap().remove("as_of").unwrap();
    answer
}

#[tokio::test]
async fn a_dry_run_counts_and_changes_nothing() {
    let app = TestApp::new().await;
    let (user, worker) = (app.user().await, app.worker().await);
    for _ in 0..3 {
        dead_letter(&user, &worker, "no luck").await;
    }
    let before = user.get("/api/dead-letters").await.ok(200);
    let mut body = json!({ "filter": { "all": true }, "dry_run": true, "limit": 2 });
    let answer = counts(user.post(DISCARD, &body).await.ok(200));
    let expected = json!({ "matched": 3, "discarded": 0, "remaining": 3, "dry_run": true });
    assert_eq!(answer, expected);

    body["rate_per_second"] = json!(0.5);
    let answer = counts(user.post(RETRY, &body).await.ok(200));
    let expected = json!({
        "matched": 3, "retried": 0, "remaining": 3, "dry_run": true, "spread_over_secs": 4.0,
    });
    assert_eq!(answer, expected, "two jobs would be due over four seconds");
    assert_eq!(user.get("/api/dead-letters").await.ok(200), before);
}

#[tokio::test]
async fn retried_jobs_run_again_and_their_lanes_are_rung() {
    let app = TestApp::new().await;
    let (user, worker, listener) = (app.user().await, app.worker().await, app.listener().await);
    let here = dead_letter(&user, &worker, "no luck").await;
    let slow = user.submit(&json!({ "kind": "k", "queue": "slow" })).await;
    worker.fail(&slow).await;

    let mut rung = ["default", "slow"].map(|lane| listener.subscribe(&lane.parse::<QueueName>().unwrap()));
    let answer = user
        .post(RETRY, &json!({ "filter": { "all": true } }))
        .await
        .ok(200);
    let expected = json!({
        "matched": 2, "retried": 2, "remaining": 0, "dry_run": false, "spread_over_secs": null,
    });
    assert_eq!(counts(answer), expected);
    for rung in &mut rung {
        timeout(SOON, rung.wait()).await.expect("the lane is rung");
    }
    for id in [&here, &slow] {
        let job = user.get(&format!("/api/jobs/{id}")).await.ok(200);
        assert_eq!(
            (&job["state"], &job["attempts_spent"], &job["error"]),
            (&json!("queued"), &json!(0), &Value::Null)
        );
        worker.succeed(id).await;
        assert_eq!(state(&user, id).await, "succeeded");
    }
    let again = user
        .post(RETRY, &json!({ "filter": { "all": true } }))
        .await
        .ok(200);
    assert_eq!((&again["matched"], &again["retried"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn a_rate_spreads_the_jobs_and_the_limit_leaves_the_rest() {
    let app = TestApp::new().await;
    let (user, worker) = (app.user().await, app.worker().await);
    let mut letters = Vec::new();
    for _ in 0..3 {
        letters.push(dead_letter(&user, &worker, "no luck").await);
    }
    let body = json!({ "filter": { "all": true }, "limit": 2, "rate_per_second": 0.01 });
    let answer = counts(user.post(RETRY, &body).await.ok(200));
    let expected = json!({
        "matched": 3, "retried": 2, "remaining": 1, "dry_run": false, "spread_over_secs": 200.0,
    });
    assert_eq!(answer, expected);
    assert_eq!(
        listed(&user, &[]).await,
        [letters[2].as_str()],
        "the last one is left"
    );
    let mut due = Vec::new();
    for id in &letters[..2] {
        let job = user.get(&format!("/api/jobs/{id}")).await.ok(200);
        assert_eq!(job["state"], "queued");
        due.push(time(&job["run_at"]));
    }
    assert_eq!(due[1] - due[0], TimeDelta::seconds(100));
}

#[tokio::test]
async fn jobs_that_fail_again_are_kept_out_by_the_time_of_the_count() {
    let app = TestApp::new().await;
    let (user, worker) = (app.user().await, app.worker().await);
    let (first, second) = (
        dead_letter(&user, &worker, "no luck").await,
        dead_letter(&user, &worker, "no luck").await,
    );
    let body = json!({ "filter": { "all": true }, "limit": 1 });
    let answer = user.post(RETRY, &body).await.ok(200);
    worker.fail(&first).await;
    let body = json!({ "filter": { "failed_before": answer["as_of"] } });
    let answer = user.post(RETRY, &body).await.ok(200);
    assert_eq!((&answer["retried"], &answer["remaining"]), (&json!(1), &json!(0)));
    assert_eq!(state(&user, &second).await, "queued");
    assert_eq!(listed(&user, &[]).await, [first]);
}

/// It is compared with times that the database wrote.
#[tokio::test]
async fn the_time_of_the_count_is_the_databases() {
    let app = TestApp::with(|parts| parts.now = || runtime::clock::now() - TimeDelta::hours(1)).await;
    let (user, worker) = (app.user().await, app.worker().await);
    let id = dead_letter(&user, &worker, "no luck").await;
    for route in [RETRY, DISCARD] {
        let body = json!({ "filter": { "all": true }, "dry_run": true });
        let as_of = user.post(route, &body).await.ok(200)["as_of"].clone();
        let as_of = as_of.as_str().unwrap();
        assert_eq!(listed(&user, &[("failed_before", as_of)]).await, [id.as_str()]);
        assert!(listed(&user, &[("failed_after", as_of)]).await.is_empty());
    }
}

#[tokio::test]
async fn discarded_jobs_stay_failed_and_can_still_be_retried_one_by_one() {
    let app = TestApp::new().await;
    let (user, worker) = (app.user().await, app.worker().await);
    let (first, second) = (
        dead_letter(&user, &worker, "no luck").await,
        dead_letter(&user, &worker, "no luck").await,
    );
    let body = json!({ "filter": { "all": true }, "limit": 1 });
    let answer = counts(user.post(DISCARD, &body).await.ok(200));
    let expected = json!({ "matched": 2, "discarded": 1, "remaining": 1, "dry_run": false });
    assert_eq!(answer, expected);
    assert_eq!(listed(&user, &[]).await, [second.as_str()]);
    assert_eq!(state(&user, &first).await, "failed");
    let events = user.get(&format!("/api/jobs/{first}/events")).await.ok(200);
    let last = events["events"].as_array().unwrap().last().unwrap();
    assert_eq!(last["event"], "discarded");

    let retry = user
        .post(RETRY, &json!({ "filter": { "job_ids": [first] } }))
        .await
        .ok(200);
    assert_eq!(retry["matched"], 0, "it is no dead letter any more");
    user.post(&format!("/api/jobs/{first}/retry"), &Value::Null)
        .await
        .ok(202);
    worker.succeed(&first).await;
}

#[tokio::test]
async fn jobs_are_picked_by_their_ids() {
    let app = TestApp::new().await;
    let (user, worker) = (app.user().await, app.worker().await);
    let mut letters = Vec::new();
    for _ in 0..3 {
        letters.push(dead_letter(&user, &worker, "no luck").await);
    }
    let alive = user.submit(&json!({ "kind": "k" })).await;
    let mut picked = vec![letters[2].clone(), letters[0].clone(), letters[0].clone(), alive];
    // As many as there may be.
    picked.resize(1_000, "0190163d-8694-739b-aea5-966c26f8ad91".to_owned());
    let answer = user
        .post(DISCARD, &json!({ "filter": { "job_ids": picked } }))
        .await;
    assert_eq!(answer.ok(200)["discarded"], 2);
    assert_eq!(listed(&user, &[]).await, [letters[1].as_str()]);
}

#[tokio::test]
async fn of_two_who_retry_at_once_each_job_is_retried_by_one() {
    let app = TestApp::new().await;
    let (user, worker) = (app.user().await, app.worker().await);
    for _ in 0..10 {
        dead_letter(&user, &worker, "no luck").await;
    }
    let body = json!({ "filter": { "all": true } });
    let (one, other) = tokio::join!(user.post(RETRY, &body), user.post(RETRY, &body));
    let retried = [one, other].map(|answer| answer.ok(200)["retried"].as_u64().unwrap());
    assert_eq!(retried.iter().sum::<u64>(), 10);
    assert!(listed(&user, &[]).await.is_empty());
}

#[tokio::test]
async fn another_tenant_sees_and_touches_nothing() {
    let app = TestApp::new().await;
    let (user, stranger, worker) = (app.user().await, app.user().await, app.worker().await);
    let id = dead_letter(&user, &worker, "no luck").await;
    assert!(listed(&stranger, &[]).await.is_empty());
    let groups = stranger.get("/api/dead-letters/groups").await.ok(200);
    assert_eq!(groups["groups"], json!([]));
    for filter in [
        json!({ "all": true }),
        json!({ "job_ids": [id] }),
        json!({ "kind": "k" }),
    ] {
        for (route, done) in [(RETRY, "retried"), (DISCARD, "discarded")] {
            let answer = stranger.post(route, &json!({ "filter": filter })).await.ok(200);
            assert_eq!((&answer["matched"], &answer[done]), (&json!(0), &json!(0)));
        }
    }
    assert_eq!(listed(&user, &[]).await, [id]);
}

#[tokio::test]
async fn who_may_only_read_decides_nothing() {
    let app = TestApp::new().await;
    let (tenant, worker) = (app.tenant().await, app.worker().await);
    let user = app.key(tenant, &[Scope::JobsRead, Scope::JobsWrite]).await;
    let reader = app.key(tenant, &[Scope::JobsRead]).await;
    let letters: HashSet<String> = [dead_letter(&user, &worker, "no luck").await].into();
    for route in [RETRY, DISCARD] {
        // Not even a dry run: it is asked for by those who are about to decide.
        for dry_run in [true, false] {
            let body = json!({ "filter": { "all": true }, "dry_run": dry_run });
            reader.post(route, &body).await.problem(403, "missing_scope");
        }
    }
    assert_eq!(
        listed(&reader, &[]).await.into_iter().collect::<HashSet<_>>(),
        letters
    );
}
