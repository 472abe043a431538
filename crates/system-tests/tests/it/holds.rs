//! Paused lanes and limited tenants, with real processes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::eventually;

use crate::system::System;

/// Two seconds are promised; the rest is for a busy machine.
const RESUMED_LIMIT: Duration = Duration::from_secs(10);
/// Lease and sweep, as promised, and what a busy machine adds.
const RECOVERY_LIMIT: Duration = Duration::from_secs(30 + 5 + 10);
const LONG: Duration = Duration::from_secs(60);

fn sleeping(jobs: usize, ms: u64) -> Vec<Value> {
    vec![json!({"kind": "test.sleep", "payload": {"ms": ms}}); jobs]
}

async fn nothing_starts_from_the_pause_to_the_resume(system: System) {
    const JOBS: i64 = 50;
    let operator = system.client_with("jobs:read,ops");
    let _worker = system.worker();
    system.submit_batch(sleeping(1, 600_000)).await;
    let running = "select count(*) from claim";
    system.until_count("the first job runs", running, 1, LONG).await;

    let paused = operator
        .post("/api/queues/default/pause", &json!({"reason": "a rehearsal"}))
        .await;
    let paused: Value = paused.json().await.unwrap();
    assert_eq!(
        (&paused["paused"], &paused["depth"]["running"]),
        (&json!(true), &json!(1))
    );
    system
        .submit_batch(sleeping(usize::try_from(JOBS).unwrap(), 0))
        .await;
    // The sweeps, the dispatcher and the receivers have all looked by then.
    let beats = "select count(*) from worker where heartbeat_at > now() - interval '1 second'";
    for round in 0..2 {
        eventually("a heartbeat", LONG, async || {
            (system.count(beats).await == 1).then_some(())
        })
        .await;
        eventually("the next one", LONG, async || {
            (system.count(beats).await == 0).then_some(())
        })
        .await;
        let queue = operator.get("/api/queues/default").await;
        assert_eq!(queue["depth"]["queued"], JOBS, "{round}: {queue}");
        assert_eq!(queue["depth"]["running"], 1, "what ran goes on: {queue}");
    }
    let resumed = operator.post("/api/queues/default/resume", &json!({})).await;
    assert_eq!(resumed.status(), 200);
    let resumed_at = Instant::now();
    let started = "select count(*) from job_event where event = 'started'";
    eventually("the first start", LONG, async || {
        (system.count(started).await > 1).then_some(())
    })
    .await;
    assert!(
        resumed_at.elapsed() <= RESUMED_LIMIT,
        "{:?}",
        resumed_at.elapsed()
    );
    system.all_succeed(JOBS, LONG).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_starts_from_the_pause_to_the_resume_on_postgres_alone() {
    nothing_starts_from_the_pause_to_the_resume(System::embedded().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_starts_from_the_pause_to_the_resume_through_sqs() {
    nothing_starts_from_the_pause_to_the_resume(System::on_sqs().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_worker_ran_counts_against_the_limit_no_longer_than_until_recovery() {
    let system = System::embedded().await;
    system.sql("update tenant set max_running_jobs = 5").await;
    let most = "create table most (running bigint);
        create function note_running() returns trigger language plpgsql security definer set search_path = public as
            $$ begin insert into most select count(*) from claim; return null; end $$;
        create trigger note_running after insert on claim for each statement execute function note_running()";
    system.sql(most).await;
    let mut victim = system.worker();
    system.submit_batch(sleeping(20, 600_000)).await;
    let running = "select count(*) from claim";
    system.until_count("the limit is used", running, 5, LONG).await;
    victim.kill();
    let killed_at = Instant::now();
    let _heir = system.worker();
    let by_the_heir =
        "select count(*) from claim c join worker w on w.id = c.worker_id where w.lease_expires_at > now()
        and c.started_at > (select min(started_at) + interval '5 seconds' from attempt)";
    system
        .until_count("the limit is used again", by_the_heir, 5, RECOVERY_LIMIT)
        .await;
    assert!(killed_at.elapsed() <= RECOVERY_LIMIT, "{:?}", killed_at.elapsed());
    assert_eq!(system.count("select max(running) from most").await, 5);
}
