//! What submits may say, between separate processes.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::eventually;

use crate::system::System;

#[tokio::test(flavor = "multi_thread")]
async fn a_workers_schemas_check_submits_and_personal_data_stays_out_of_the_logs() {
    let system = System::embedded().await;
    let worker = system.worker();
    let kinds = eventually("the worker's kinds", Duration::from_secs(30), || async {
        let kinds = system.get("/api/kinds").await["kinds"].clone();
        (kinds.as_array().unwrap().len() == 4).then_some(kinds)
    })
    .await;
    for kind in kinds.as_array().unwrap() {
        assert!(kind["live"] == true && !kind["schema"].is_null(), "{kind}");
    }
    let refused = json!({ "kind": "http.request", "payload": { "url": "ftp://example.com", "bdy": 1 } });
    let refused = system.post("/api/jobs", &refused).await;
    assert_eq!(refused.status(), 422);
    let problem: Value = refused.json().await.unwrap();
    let mut pointers: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/payload/bdy", "/payload/url"]);

    let secret = "4111-1111-1111";
    let body = json!({
        "kind": "test.fail", "payload": { "message": secret, "panic": true }, "max_attempts": 1,
        "sensitive": ["/message"], "unique": { "key": "one" }, "metadata": { "from": "a test" },
    });
    let accepted = system.post("/api/jobs", &body).await;
    assert_eq!(accepted.status(), 202);
    let location = accepted.headers()["location"].to_str().unwrap().to_owned();
    let job = eventually("the job's end", Duration::from_secs(30), || async {
        let job = system.get(&location).await;
        (job["finished_at"] != Value::Null).then_some(job)
    })
    .await;
    assert_eq!(job["error"]["message"], "the handler panicked: ***");
    assert_eq!(job["metadata"], json!({ "from": "a test" }));
    for log in [worker.log(), system.api.log()] {
        assert!(!log.contains(secret), "{log}");
    }
    assert!(worker.log().contains("a handler panicked"));
}
