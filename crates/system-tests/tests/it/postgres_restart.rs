//! Postgres is restarted while clients submit and workers run jobs.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use local_postgres::StopMode;
use testkit::eventually;

use crate::aws;
use crate::figures::{percentiles, tell};
use crate::health::HealthWatch;
use crate::load::{Answer, Load};
use crate::system::{Setup, System};

const CLIENTS: usize = 8;
/// The outage lasts until so many requests were refused: a few seconds, in which whatever waits ever longer does.
const REFUSALS: usize = 3 * CLIENTS;
/// How long a request may take, whatever the database does.
const ANSWER_LIMIT: Duration = Duration::from_secs(5 + 5);
/// How soon the first submit is accepted, and the first attempt started, once Postgres accepts connections. Alone on a
/// machine it takes a second or two.
const RESUME_LIMIT: Duration = Duration::from_secs(10);

async fn postgres_restarts(setup: Setup, mode: StopMode) {
    let mut system = setup.start().await;
    let _workers = [system.worker(), system.worker()];
    let load = Load::start(&system, CLIENTS, Duration::from_millis(20));
    let health = HealthWatch::start(&system);
    load.until(200, Answer::accepted).await;

    let stopped_at = Instant::now();
    system.db.private().stop(mode).await;
    load.until(REFUSALS, |answer| answer.status == 503).await;
    system.db.private().start_again().await;
    let up_at = Instant::now();
    let up_at_epoch = system
        .count("select (extract(epoch from now()) * 1000)::bigint")
        .await;
    load.until(200, |answer| answer.accepted() && answer.asked_at > up_at)
        .await;
    eventually("readiness", RESUME_LIMIT, || async {
        health.statuses("/ready", up_at).contains(&200).then_some(())
    })
    .await;
    let answers = load.stop().await;
    let unfinished = "select count(*) from job where state <> 'succeeded'";
    system
        .until_count("success of all jobs", unfinished, 0, Duration::from_secs(60))
        .await;

    assert!(
        health
            .statuses("/health", stopped_at)
            .iter()
            .all(|status| *status == 200)
    );
    assert!(health.statuses("/ready", stopped_at).contains(&503));
    let submits_after = check(&answers, up_at);
    let starts = "select (extract(epoch from min(started_at)) * 1000)::bigint from attempt
                  where started_at > pg_postmaster_start_time()";
    // Some may have started before this test learned that Postgres is back.
    let starts_after =
        Duration::from_millis((system.count(starts).await - up_at_epoch).max(0).unsigned_abs());
    let outage = up_at - stopped_at;
    let waits = "select (extract(epoch from max(started_at - run_at)) * 1000)::bigint from attempt join job on id = job_id";
    let longest_wait = Duration::from_millis(system.count(waits).await.unsigned_abs());
    let refused = answers.iter().filter(|answer| !answer.accepted());
    let refused: Vec<Duration> = refused.map(|answer| answer.took).collect();
    tell(&format!(
        "Postgres stopped ({mode:?}) for {outage:.1?}: {} of {} submits refused ({}), accepted again after {submits_after:.1?}, \
         attempts started again after {starts_after:.1?}; the longest wait for an attempt took {longest_wait:.1?}",
        refused.len(),
        answers.len(),
        percentiles(refused.clone()),
    ));
    assert!(submits_after <= RESUME_LIMIT && starts_after <= RESUME_LIMIT);
    nothing_is_lost(&system, &answers).await;
}

/// Every answer is a success or says that the database is not available, and comes in time. Gives how long after the
/// return of Postgres the first submit was accepted.
fn check(answers: &[Answer], up_at: Instant) -> Duration {
    answers.iter().for_each(|answer| answer.check(ANSWER_LIMIT));
    let accepted = answers.iter().filter(|answer| answer.accepted());
    let first = accepted.map(Answer::answered_at).filter(|at| *at > up_at).min();
    first.unwrap() - up_at
}

async fn nothing_is_lost(system: &System, answers: &[Answer]) {
    let mut superuser = system.db.superuser().await;
    let stored: Vec<String> = sqlx::query_scalar("select id::text from job")
        .fetch_all(&mut superuser)
        .await
        .unwrap();
    let stored: HashSet<String> = stored.into_iter().collect();
    let lost: Vec<&Answer> = answers
        .iter()
        .filter(|answer| answer.id.as_ref().is_some_and(|id| !stored.contains(id)))
        .collect();
    assert!(lost.is_empty(), "accepted, and lost: {lost:?}");
    let twice = "select count(*) from (select 1 from attempt where event = 'succeeded' group by job_id having count(*) > 1) t";
    assert_eq!(system.count(twice).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orderly_restart_costs_seconds_and_no_job_on_postgres_alone() {
    postgres_restarts(Setup::private().await, StopMode::Fast).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_costs_seconds_and_no_job_on_postgres_alone() {
    postgres_restarts(Setup::private().await, StopMode::Immediate).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_costs_seconds_and_no_job_with_sqs() {
    let queue_url = aws::create_queue().await;
    let setup = Setup::private().await.on_queue(&queue_url, &aws::endpoint());
    postgres_restarts(setup, StopMode::Immediate).await;
}
