//! SIGTERM: finish what ends in time, hand back the rest, exit 0.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::json;
use testkit::eventually;

use crate::system::System;

async fn a_worker_drains(system: System) {
    let mut worker = system.worker_with(&[("TANDEM_DRAIN_SECS", "10")]);
    let short = json!({"kind": "test.sleep", "payload": {"ms": 1_500}});
    let long = json!({"kind": "test.sleep", "payload": {"ms": 30_000}, "max_attempts": 1});
    system.submit_batch(vec![short, long]).await;
    eventually("both jobs running", Duration::from_secs(30), || async {
        let started = "select count(*) from job_event where event = 'started'";
        (system.count(started).await == 2).then_some(())
    })
    .await;
    worker.signal(Signal::SIGTERM);
    let status = worker.ended(Duration::from_secs(25)).await;
    assert_eq!(status.code(), Some(0), "{}", worker.log());

    assert_eq!(
        system
            .count("select count(*) from job where state = 'succeeded'")
            .await,
        1
    );
    let given_back = "select count(*) from job where state = 'queued' and attempts_spent = 0 and attempt = 1";
    assert_eq!(
        system.count(given_back).await,
        1,
        "handed back, and the attempt is not spent"
    );
    assert_eq!(system.count("select count(*) from worker").await, 0);

    // Its only attempt is still there, so another worker runs it to its end.
    let _heir = system.worker();
    system.all_succeed(2, Duration::from_secs(60)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_drains_on_postgres_alone() {
    a_worker_drains(System::embedded().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_drains_through_sqs() {
    a_worker_drains(System::on_sqs().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_stops_within_its_limit() {
    let mut system = System::embedded().await;
    system.api.signal(Signal::SIGTERM);
    let status = system.api.ended(Duration::from_secs(31)).await;
    assert_eq!(status.code(), Some(0), "{}", system.api.log());
}
