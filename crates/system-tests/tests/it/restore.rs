//! Queue and database disagree, because one of them was set back.

use std::time::{Duration, Instant};

use local_postgres::StopMode;
use serde_json::{Value, json};
use testkit::eventually;

use crate::aws;
use crate::figures::tell;
use crate::process::Process;
use crate::system::{Setup, System};
use crate::worker::Worker;

/// With [`AFTER`] as many as are announced for a tenant at least, however busy the workers are.
const BEFORE: i64 = 8;
const AFTER: i64 = 12;

/// Workers with free places look every second; nobody waits until a lost message is sent again, which is after a minute.
const FOUND_WITHIN: Duration = Duration::from_secs(20);

fn echoes(count: i64) -> Vec<Value> {
    vec![json!({"kind": "test.echo", "payload": 1}); usize::try_from(count).unwrap()]
}

/// A worker that announces jobs and takes none, because its only place is taken.
async fn busy_worker(system: &System) -> Process {
    let worker = system.worker_with(&[("TANDEM_WORKER_CONCURRENCY", "1"), ("HOSTNAME", "busy")]);
    system
        .submit_batch(vec![json!({"kind": "test.sleep", "payload": {"ms": 3_600_000}})])
        .await;
    let running = "select count(*) from claim";
    system
        .until_count("a job that runs for ever", running, 1, Duration::from_secs(30))
        .await;
    worker
}

async fn until_announced(queue_url: &str, messages: i64) {
    eventually("announced jobs", Duration::from_secs(30), || async {
        let (visible, _) = aws::depth(queue_url).await;
        (visible == messages).then_some(())
    })
    .await;
}

const SUCCEEDED: &str = "select count(*) from job where kind = 'test.echo' and state = 'succeeded'";

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_jobs_that_a_restored_database_does_not_know_are_dropped_and_counted() {
    let queue_url = aws::create_queue().await;
    let setup = Setup::private().await.on_queue(&queue_url, &aws::endpoint());
    let mut system = setup.start().await;
    let mut busy = busy_worker(&system).await;
    system.submit_batch(echoes(BEFORE)).await;
    until_announced(&queue_url, BEFORE).await;
    let postgres = system.db.private();
    postgres.stop(StopMode::Fast).await;
    postgres.back_up();
    postgres.start_again().await;
    eventually("the api takes jobs again", Duration::from_secs(30), || async {
        (system.status("/ready").await == 200).then_some(())
    })
    .await;
    system.submit_batch(echoes(AFTER)).await;
    until_announced(&queue_url, BEFORE + AFTER).await;

    let postgres = system.db.private();
    postgres.stop(StopMode::Fast).await;
    postgres.restore();
    postgres.start_again().await;
    busy.kill();
    let worker = Worker::start(&system, "heir", &[]).await;
    system
        .until_count(
            "success of what was restored",
            SUCCEEDED,
            BEFORE,
            Duration::from_secs(60),
        )
        .await;
    eventually("an empty queue", Duration::from_secs(60), || async {
        // The job that runs for ever has a message too once its first worker is found to be gone.
        let (visible, hidden) = aws::depth(&queue_url).await;
        (visible == 0 && hidden <= 1).then_some(())
    })
    .await;
    let unknown = worker.metric(r#"tandem_claims_total{answer="unknown"}"#).await;
    assert_eq!(unknown as i64, AFTER, "each was delivered once");
    assert_eq!(worker.status("/ready").await, 200);
    assert_eq!(system.status("/ready").await, 200);
    assert_eq!(system.count("select count(*) from job").await, BEFORE + 1);
    let echoed = "select count(*) from attempt a join job j on j.id = a.job_id where j.kind = 'test.echo'";
    assert_eq!(system.count(echoed).await, BEFORE, "one attempt each");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_whose_messages_are_gone_are_found_by_a_worker_with_free_places() {
    let queue_url = aws::create_queue().await;
    let setup = Setup::shared().await.on_queue(&queue_url, &aws::endpoint());
    let system = setup.start().await;
    let _busy = busy_worker(&system).await;
    system.submit_batch(echoes(BEFORE)).await;
    until_announced(&queue_url, BEFORE).await;
    let announced_at = Instant::now();
    aws::purge(&queue_url).await;
    until_announced(&queue_url, 0).await;
    let _worker = Worker::start(&system, "heir", &[]).await;
    system
        .until_count("success of all jobs", SUCCEEDED, BEFORE, Duration::from_secs(60))
        .await;
    let after = announced_at.elapsed();
    tell(&format!(
        "queue purged: all jobs found and done {after:.1?} after their announcement"
    ));
    assert!(after <= FOUND_WITHIN, "{after:?}");
}
