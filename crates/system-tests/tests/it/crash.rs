//! A worker is killed in the middle of its jobs.

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::eventually;

use crate::figures::tell;
use crate::receiver::Receiver;
use crate::system::System;

const JOBS: i64 = 200;

/// Lease and sweep, as promised, and what a busy machine adds.
const RECOVERY_LIMIT: Duration = Duration::from_secs(30 + 5 + 10);

async fn a_killed_workers_jobs_start_again(system: System) {
    let receiver = Receiver::slow_at_first(Duration::from_secs(25)).await;
    // More than there are jobs, because a lane without work holds a few slots while it waits for some.
    let slots = [("TANDEM_WORKER_CONCURRENCY", "300")];
    let mut victim = system.worker_with(&slots);
    let call = json!({"kind": "http.request", "payload": {"url": receiver.url()}});
    system
        .submit_batch(vec![call; usize::try_from(JOBS).unwrap()])
        .await;
    eventually("all jobs running", Duration::from_secs(60), || async {
        (system.count("select count(*) from claim").await == JOBS).then_some(())
    })
    .await;
    victim.kill();
    let killed_at = Instant::now();
    let _heir = system.worker_with(&slots);

    eventually("new attempts of all jobs", RECOVERY_LIMIT, || async {
        let again = "select count(*) from job where attempt >= 2 or state = 'succeeded'";
        (system.count(again).await == JOBS).then_some(())
    })
    .await;
    let recovered_after = killed_at.elapsed();
    tell(&format!(
        "{JOBS} jobs of a killed worker start again after {recovered_after:.1?}"
    ));
    assert!(recovered_after <= RECOVERY_LIMIT, "{recovered_after:?}");

    system.all_succeed(JOBS, Duration::from_secs(30)).await;
    let successes = "select count(*) from job_event where event = 'succeeded'";
    assert_eq!(system.count(successes).await, JOBS, "no job succeeded twice");
    let twice = "select count(*) from (select 1 from attempt where event = 'succeeded' group by job_id having count(*) > 1) t";
    assert_eq!(system.count(twice).await, 0);
    assert_eq!(system.count("select count(*) from claim").await, 0);
    // The receiver may have seen a job twice, and could tell by its id.
    assert_eq!(receiver.received().await.len(), usize::try_from(JOBS).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_workers_jobs_start_again_on_postgres_alone() {
    a_killed_workers_jobs_start_again(System::embedded().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_workers_jobs_start_again_through_sqs() {
    a_killed_workers_jobs_start_again(System::on_sqs().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_job_survives_the_death_of_the_api() {
    let mut system = System::embedded().await;
    let response = system
        .post("/api/jobs", &json!({"kind": "test.echo", "payload": 1}))
        .await;
    assert_eq!(response.status(), 202);
    system.api.kill();
    let _worker = system.worker();
    system.all_succeed(1, Duration::from_secs(30)).await;
}
