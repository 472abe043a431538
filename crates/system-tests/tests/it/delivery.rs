//! From a request to its effect, with separate processes, on both queues.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::eventually;

use crate::process::free_addr;
use crate::receiver::Receiver;
use crate::system::System;

async fn one_job_and_a_thousand(system: System) {
    let receiver = Receiver::start().await;
    let _worker = system.worker();
    let call = json!({"kind": "http.request", "payload": {"url": receiver.url(), "body": {"n": 1}}});

    let response = system.post("/api/jobs", &call).await;
    assert_eq!(response.status(), 202);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let job = eventually("the first job's end", Duration::from_secs(30), || async {
        let job = system.get(&location).await;
        (job["finished_at"] != Value::Null).then_some(job)
    })
    .await;
    assert_eq!(job["state"], "succeeded", "{job}");
    assert_eq!(job["result"]["status"], 200);
    assert_eq!(job["result"]["body"], json!({"thanks": true}));

    let ids = system.submit_batch(vec![call; 1_000]).await;
    system.all_succeed(1_001, Duration::from_secs(60)).await;
    let received = receiver.received().await;
    assert_eq!(received.len(), 1_001);
    assert!(
        ids.iter().all(|id| received[id] == 1),
        "every job was delivered once"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_reach_their_receiver_on_postgres_alone() {
    one_job_and_a_thousand(System::embedded().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_reach_their_receiver_through_sqs() {
    one_job_and_a_thousand(System::on_sqs().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_wait_for_a_receiver_that_is_down_and_finish_when_it_is_back() {
    let system = System::embedded().await;
    let _worker = system.worker();
    let addr = free_addr();
    let call = json!({
        "kind": "http.request", "payload": {"url": format!("http://{addr}/hook")}, "max_attempts": 20,
        "backoff": {"initial_ms": 500, "factor": 2, "max_ms": 2000}
    });
    system.submit_batch(vec![call; 20]).await;
    // Every job was started at least three times, each after a wait of its own: first until its attempt failed, then only
    // to learn that its target rests.
    eventually("attempts", Duration::from_secs(60), || async {
        let least = "select min(ended) from (
            select count(a.job_id) as ended from job j left join attempt a on a.job_id = j.id group by j.id) t";
        (system.count(least).await >= 3).then_some(())
    })
    .await;
    let waits = "select count(distinct round(extract(epoch from run_at) * 1000)) from job";
    assert!(system.count(waits).await > 10, "the waits have jitter");

    let receiver = Receiver::start_at(addr).await;
    // The rest that the target has by now, the longest one at most, and its jitter.
    system.all_succeed(20, Duration::from_secs(60)).await;
    assert_eq!(receiver.received().await.len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_always_fails_ends_failed_with_every_error_to_be_read() {
    let system = System::embedded().await;
    let _worker = system.worker();
    let job = json!({
        "kind": "test.fail", "payload": {"message": "it never works"}, "max_attempts": 4,
        "backoff": {"initial_ms": 50, "factor": 1, "max_ms": 50}
    });
    let response = system.post("/api/jobs", &job).await;
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let job = eventually("the job's failure", Duration::from_secs(30), || async {
        let job = system.get(&location).await;
        (job["state"] == "failed").then_some(job)
    })
    .await;
    assert_eq!(
        (job["attempt"].as_u64(), job["attempts_spent"].as_u64()),
        (Some(4), Some(4))
    );
    let attempts = system.get(&format!("{location}/attempts")).await;
    let errors: Vec<&str> = attempts["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["error"]["message"].as_str().unwrap())
        .collect();
    assert_eq!(errors, ["it never works"; 4]);
}
