//! Lists: filters and pages.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::app::{TestApp, User};

fn ids(page: &Value) -> Vec<String> {
    page["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["id"].as_str().unwrap().to_owned())
        .collect()
}

async fn found(user: &User<'_>, query: &str) -> Vec<String> {
    ids(&user.get(&format!("/api/jobs?{query}")).await.ok(200))
}

#[tokio::test]
async fn pages_have_no_gap_and_no_duplicate_while_new_jobs_arrive() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let jobs: Vec<Value> = (0..250).map(|_| json!({ "kind": "k" })).collect();
    let accepted = user
        .post("/api/jobs/batch", &json!({ "jobs": jobs }))
        .await
        .ok(202);
    let mut expected = ids(&accepted);
    expected.reverse();

    let mut listed = Vec::new();
    let mut next = Some("/api/jobs?limit=30".to_owned());
    while let Some(path) = next {
        let answer = user.get(&path).await;
        let page = answer.ok(200);
        assert!(page["jobs"].as_array().unwrap().len() <= 30);
        listed.extend(ids(&page));
        user.submit(&json!({ "kind": "k" })).await;
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
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn every_filter_filters() {
    let app = TestApp::new().await;
    let (user, worker) = (app.user().await, app.worker().await);
    let plain = user.submit(&json!({ "kind": "plain" })).await;
    let slow = user.submit(&json!({ "kind": "k", "queue": "slow" })).await;
    let tagged = user.submit(&json!({ "kind": "k", "tags": ["a b", "é/&"] })).await;
    let later = user.submit(&json!({ "kind": "k", "delay_ms": 60_000 })).await;
    let done = user.submit(&json!({ "kind": "k" })).await;
    let dead = user.submit(&json!({ "kind": "k" })).await;
    worker.succeed(&done).await;
    worker.fail(&dead).await;

    assert_eq!(found(&user, "kind=plain").await, [plain.as_str()]);
    assert_eq!(found(&user, "queue=slow").await, [slow.as_str()]);
    assert_eq!(found(&user, "tag=a+b").await, [tagged.as_str()]);
    assert_eq!(found(&user, "tag=%C3%A9%2F%26").await, [tagged.as_str()]);
    assert_eq!(found(&user, "state=scheduled").await, [later.as_str()]);
    assert_eq!(found(&user, "state=succeeded").await, [done.as_str()]);
    assert_eq!(found(&user, "state=failed").await, [dead.as_str()]);
    assert_eq!(
        found(&user, "state=queued&kind=k").await,
        [tagged.as_str(), slow.as_str()]
    );
    assert_eq!(found(&user, "created_before=1970-01-01T00:00:00Z").await, [""; 0]);
    assert_eq!(
        found(&user, "created_after=9999-01-01T00:00:00%2B00:00").await,
        [""; 0]
    );
    let all: HashSet<String> = found(&user, "created_after=1970-01-01T00:00:00Z")
        .await
        .into_iter()
        .collect();
    assert_eq!(all, HashSet::from([plain, slow, tagged, later, done, dead]));
}

#[tokio::test]
async fn lists_leave_out_what_may_be_long() {
    let app = TestApp::new().await;
    let user = app.user().await;
    user.submit(&json!({ "kind": "k", "payload": "long" })).await;
    let job = &user.get("/api/jobs").await.ok(200)["jobs"][0];
    assert!(job.get("payload").is_none() && job.get("result").is_none());
    assert_eq!(job["state"], "queued");
}

#[tokio::test]
async fn a_page_has_twenty_jobs_unless_asked_otherwise() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let jobs: Vec<Value> = (0..100).map(|_| json!({ "kind": "k" })).collect();
    user.post("/api/jobs/batch", &json!({ "jobs": jobs }))
        .await
        .ok(202);
    assert_eq!(found(&user, "").await.len(), 20);
    assert_eq!(found(&user, "limit=1").await.len(), 1);
    // Exactly all of them: there is no next page.
    let all = user.get("/api/jobs?limit=100").await;
    assert_eq!(ids(&all.ok(200)).len(), 100);
    assert!(all.json()["next_cursor"].is_null() && !all.headers.contains_key("link"));
}

#[tokio::test]
async fn a_cursor_is_good_for_its_filters_only() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let jobs: Vec<Value> = (0..3).map(|_| json!({ "kind": "k" })).collect();
    user.post("/api/jobs/batch", &json!({ "jobs": jobs }))
        .await
        .ok(202);
    let page = user.get("/api/jobs?kind=k&limit=1").await.ok(200);
    let cursor = page["next_cursor"].as_str().unwrap();

    assert_eq!(
        found(&user, &format!("kind=k&limit=2&cursor={cursor}"))
            .await
            .len(),
        2
    );
    let flipped = if cursor.starts_with('A') { "B" } else { "A" };
    for query in [
        format!("cursor={cursor}"),
        format!("kind=l&cursor={cursor}"),
        format!("kind=k&cursor={flipped}{}", &cursor[1..]),
        format!("kind=k&cursor={}", &cursor[..10]),
        "cursor=".to_owned(),
        "cursor=%00%FF".to_owned(),
    ] {
        let problem = user
            .get(&format!("/api/jobs?{query}"))
            .await
            .problem(400, "invalid_parameter");
        assert_eq!(problem["errors"][0]["parameter"], "cursor", "{query}");
    }
}
