//! Dead letters: found, grouped, retried and discarded over HTTP.

mod bad_input;
mod decisions;

use chrono::{DateTime, Utc};
use domain::FailureCode;
use serde_json::{Value, json};

use crate::app::{TestApp, User};
use crate::worker::Worker;

const RETRY: &str = "/api/dead-letters/retry";
const DISCARD: &str = "/api/dead-letters/discard";

/// Submits a job that becomes a dead letter.
async fn dead_letter(user: &User<'_>, worker: &Worker, message: &str) -> String {
    let id = user.submit(&json!({ "kind": "k" })).await;
    worker.fail_with(&id, FailureCode::HandlerError, message).await;
    id
}

fn ids(page: &Value) -> Vec<String> {
    let letters = page["dead_letters"].as_array().unwrap();
    letters
        .iter()
        .map(|letter| letter["job_id"].as_str().unwrap().to_owned())
        .collect()
}

async fn listed(user: &User<'_>, query: &[(&str, &str)]) -> Vec<String> {
    ids(&user.get(&path("/api/dead-letters", query)).await.ok(200))
}

fn path(route: &str, query: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(query)
        .finish();
    format!("{route}?{query}")
}

async fn state(user: &User<'_>, id: &str) -> Value {
    user.get(&format!("/api/jobs/{id}")).await.ok(200)["state"].clone()
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_dead_letter_tells_what_failed() {
    let app = TestApp::new().await;
    let (user, worker) = (app.user().await, app.worker().await);
    let id = user
        .submit(&json!({ "kind": "a.b", "queue": "slow", "tags": ["night"] }))
        .await;
    worker
        .fail_with(&id, FailureCode::TimedOut, "too slow by 17 s")
        .await;
    let page = user.get("/api/dead-letters").await.ok(200);
    let letter = &page["dead_letters"][0];
    assert_eq!(
        *letter,
        json!({
            "job_id": id, "kind": "a.b", "queue": "slow", "tags": ["night"], "attempt": 1,
            "error": { "code": "timed_out", "message": "too slow by 17 s" },
            "created_at": letter["created_at"], "failed_at": letter["failed_at"],
            "fingerprint": letter["fingerprint"],
        })
    );
    assert!(time(&letter["created_at"]) <= time(&letter["failed_at"]));
    assert_eq!(letter["fingerprint"].as_str().unwrap().len(), 16);
    assert_eq!(page["next_cursor"], Value::Null);
}

#[tokio::test]
async fn every_filter_filters_alike_in_lists_groups_and_decisions() {
    let app = TestApp::new().await;
    let (user, worker) = (app.user().await, app.worker().await);
    let plain = user.submit(&json!({ "kind": "plain" })).await;
    worker.fail(&plain).await;
    let slow = user.submit(&json!({ "kind": "k", "queue": "slow" })).await;
    worker.fail(&slow).await;
    let tagged = user.submit(&json!({ "kind": "k", "tags": ["é/& b"] })).await;
    worker.fail(&tagged).await;
    let late = user.submit(&json!({ "kind": "k" })).await;
    worker.fail_with(&late, FailureCode::TimedOut, "too late").await;
    user.submit(&json!({ "kind": "k" })).await;

    let page = user.get("/api/dead-letters").await.ok(200);
    assert_eq!(ids(&page), [&late, &tagged, &slow, &plain].map(String::clone));
    let newest = &page["dead_letters"][0];
    let fingerprint = newest["fingerprint"].as_str().unwrap();
    let failed_at = newest["failed_at"].as_str().unwrap();
    let early = [&tagged, &slow, &plain];
    for (name, value, expected) in [
        ("kind", "plain", &[&plain][..]),
        ("queue", "slow", &[&slow]),
        ("tag", "é/& b", &[&tagged]),
        ("error_code", "timed_out", &[&late]),
        ("fingerprint", fingerprint, &[&late]),
        ("failed_after", failed_at, &[&late]),
        ("failed_before", failed_at, &early),
        ("failed_before", "1970-01-01T00:00:00Z", &[]),
        ("fingerprint", "unknown", &[]),
    ] {
        let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
        assert_eq!(listed(&user, &[(name, value)]).await, expected, "{name}");
        let groups = path("/api/dead-letters/groups", &[(name, value)]);
        let groups = user.get(&groups).await.ok(200);
        let grouped: u64 = groups["groups"]
            .as_array()
            .unwrap()
            .iter()
            .map(|group| group["count"].as_u64().unwrap())
            .sum();
        assert_eq!(grouped, expected.len() as u64, "{name}");
        for route in [RETRY, DISCARD] {
            let body = json!({ "filter": { name: value }, "dry_run": true });
            let counted = user.post(route, &body).await.ok(200);
            assert_eq!(counted["matched"], expected.len(), "{name}");
        }
    }
    assert_eq!(
        listed(&user, &[("kind", "k"), ("error_code", "handler_error")]).await,
        [tagged, slow]
    );
}

#[tokio::test]
async fn pages_follow_each_other_and_a_cursor_is_good_for_its_list_only() {
    let app = TestApp::new().await;
    let (user, worker) = (app.user().await, app.worker().await);
    let mut expected = Vec::new();
    for _ in 0..5 {
        expected.insert(0, dead_letter(&user, &worker, "no luck").await);
    }
    let mut found = Vec::new();
    let mut next = Some("/api/dead-letters?kind=k&limit=2".to_owned());
    while let Some(path) = next {
        let answer = user.get(&path).await;
        let page = answer.ok(200);
        assert!(ids(&page).len() <= 2);
        found.extend(ids(&page));
        next = answer.headers.get("link").map(|link| {
            let link = link.to_str().unwrap();
            assert!(link.contains(page["next_cursor"].as_str().unwrap()));
            link.strip_prefix('<')
                .unwrap()
                .strip_suffix(">; rel=\"next\"")
                .unwrap()
                .to_owned()
        });
        assert_eq!(next.is_none(), page["next_cursor"].is_null());
    }
    assert_eq!(found, expected);

    let page = user.get("/api/dead-letters?kind=k&limit=1").await.ok(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    for other in [
        "/api/dead-letters?",
        "/api/dead-letters?queue=default&",
        "/api/jobs?kind=k&",
    ] {
        let problem = user
            .get(&format!("{other}cursor={cursor}"))
            .await
            .problem(400, "invalid_parameter");
        assert_eq!(problem["errors"][0]["parameter"], "cursor", "{other}");
    }
}

#[tokio::test]
async fn failures_of_one_cause_are_one_group() {
    let app = TestApp::new().await;
    let (user, worker) = (app.user().await, app.worker().await);
    let first = dead_letter(&user, &worker, "user 1 not found").await;
    dead_letter(&user, &worker, "user 2 not found").await;
    let last = dead_letter(&user, &worker, "user 3 not found").await;
    let other = dead_letter(&user, &worker, "disk full").await;

    let answer = user.get("/api/dead-letters/groups").await.ok(200);
    let groups = answer["groups"].as_array().unwrap();
    let large = &groups[0];
    assert_eq!(
        *large,
        json!({
            "fingerprint": large["fingerprint"], "kind": "k", "error_code": "handler_error", "count": 3,
            "first_failed_at": large["first_failed_at"], "last_failed_at": large["last_failed_at"],
            "example": { "job_id": last, "message": "user 3 not found" },
        })
    );
    assert!(time(&large["first_failed_at"]) < time(&large["last_failed_at"]));
    assert_eq!(
        (&groups[1]["count"], &groups[1]["example"]["job_id"]),
        (&json!(1), &json!(other))
    );
    assert_eq!(groups.len(), 2);
    let one = user.get("/api/dead-letters/groups?limit=1").await.ok(200);
    assert_eq!(one["groups"].as_array().unwrap().len(), 1);

    // A group is decided about by its fingerprint.
    let filter = json!({ "fingerprint": large["fingerprint"] });
    let retried = user.post(RETRY, &json!({ "filter": filter })).await.ok(200);
    assert_eq!(retried["retried"], 3);
    assert_eq!(state(&user, &first).await, "queued");
    assert_eq!(listed(&user, &[]).await, [other]);
}
