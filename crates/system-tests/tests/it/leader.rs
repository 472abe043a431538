//! The worker that does the maintenance for all is lost, in each way that there is.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::json;
use testkit::eventually;

use crate::figures::tell;
use crate::proxy::{Proxy, Way};
use crate::system::{Setup, System};
use crate::worker::Worker;

const JOBS: i64 = 20;

/// What a busy machine may add to each time.
const SPARE: Duration = Duration::from_secs(12);

/// Three missed checks of two seconds each, and the next check of another worker.
const TAKEOVER_LIMIT: Duration = Duration::from_secs(6 + 3).saturating_add(SPARE);

/// The lease of [`Worker`] and the sweep.
const RECOVERY_LIMIT: Duration = Duration::from_secs(6 + 5).saturating_add(SPARE);

/// What a stopped worker can add on SQS: messages that come while its long polls last are handed to it. A second later
/// their jobs are found unheard, by a worker that looks every second.
const SWALLOWED_LIMIT: Duration = Duration::from_secs(1 + 2);

/// Two workers, of which the first leads and runs all jobs.
struct Team {
    leader: Worker,
    heir: Worker,
}

impl Team {
    async fn start(system: &System, settings_of_leader: &[(&str, &str)]) -> Self {
        let leader = Worker::start(system, "leader", settings_of_leader).await;
        leader.until_it_leads(Duration::from_secs(10)).await;
        // Longer than it takes, also on a busy machine, until all of them run and the other worker is there.
        let job = json!({"kind": "test.sleep", "payload": {"ms": 15_000}});
        let jobs = vec![job; usize::try_from(JOBS).unwrap()];
        system.submit_batch(jobs).await;
        let running = "select count(*) from claim";
        system
            .until_count("all jobs running", running, JOBS, Duration::from_secs(10))
            .await;
        // It loses nothing, also when it stands still for a while.
        let lease = [("TANDEM_LEASE_SECS", "30"), ("TANDEM_HEARTBEAT_SECS", "5")];
        let heir = Worker::start(system, "heir", &lease).await;
        assert!(!heir.leads().await);
        Self { leader, heir }
    }

    /// Waits until the heir leads, and until it runs all jobs again.
    async fn until_inherited(&self, system: &System, fault: &str, limit: Duration) {
        let lost_at = Instant::now();
        self.heir.until_it_leads(TAKEOVER_LIMIT * 2).await;
        let leads_after = lost_at.elapsed();
        let again = "select count(*) from job where attempt = 2";
        system.until_count("second attempts", again, JOBS, limit).await;
        let recovered_after = lost_at.elapsed();
        tell(&format!(
            "leader {fault}: another leads after {leads_after:.1?}, and its jobs start again after {recovered_after:.1?}"
        ));
        assert!(leads_after <= TAKEOVER_LIMIT, "{leads_after:?}");
        assert!(recovered_after <= limit, "{recovered_after:?}");
    }
}

/// Every job succeeded in its second attempt, and only in that one.
async fn nothing_took_effect_twice(system: &System) {
    system.all_succeed(JOBS, Duration::from_secs(45)).await;
    for (number, event) in [("1", "lease_expired"), ("2", "succeeded")] {
        let query = "select count(*) from attempt where attempt::text || event = ";
        let mut superuser = system.db.superuser().await;
        let ended: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("{query}'{number}{event}'")))
            .fetch_one(&mut superuser)
            .await
            .unwrap();
        assert_eq!(ended, JOBS, "attempts {number} that are {event}");
    }
    assert_eq!(system.count("select count(*) from attempt").await, 2 * JOBS);
    assert_eq!(system.count("select count(*) from claim").await, 0);
}

/// A worker that lost its lease is rid of what it ran, and runs new jobs under another id.
async fn works_on_as_another(system: &System, team: Team) {
    let Team { leader, mut heir } = team;
    eventually(
        "the lost worker's outcomes are refused",
        Duration::from_secs(30),
        || async {
            let refused = leader
                .metric(r#"tandem_finishes_total{answer="lease_lost"}"#)
                .await;
            (refused as i64 == JOBS).then_some(())
        },
    )
    .await;
    let registered = "select count(*) from worker where host = 'leader' and lease_expires_at > now()";
    system
        .until_count("registration anew", registered, 1, Duration::from_secs(15))
        .await;
    eventually(
        "the other one leads, and what this one told as the leader is taken back",
        Duration::from_secs(15),
        || async { (!leader.leads().await && leader.metric("tandem_workers").await < 1.0).then_some(()) },
    )
    .await;

    nothing_took_effect_twice(system).await;
    heir.process.kill();
    let jobs = vec![json!({"kind": "test.echo", "payload": 1}); 10];
    system.submit_batch(jobs).await;
    system.all_succeed(JOBS + 10, Duration::from_secs(30)).await;
    leader.until_it_leads(TAKEOVER_LIMIT).await;
    let ids = "select count(distinct worker_id) from attempt a join worker w on w.id = a.worker_id where w.host = 'leader'";
    assert_eq!(system.count(ids).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_leader_is_replaced() {
    let system = System::embedded().await;
    let mut team = Team::start(&system, &[]).await;
    team.leader.process.kill();
    team.until_inherited(&system, "killed", RECOVERY_LIMIT).await;
    nothing_took_effect_twice(&system).await;
}

/// Its connections stay open, and with them whatever they hold.
async fn a_stopped_leader_is_replaced(system: System, limit: Duration) {
    let team = Team::start(&system, &[]).await;
    team.leader.process.signal(Signal::SIGSTOP);
    team.until_inherited(&system, "stopped", limit).await;
    team.leader.process.signal(Signal::SIGCONT);
    works_on_as_another(&system, team).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_leader_is_replaced_and_comes_back_as_another_on_postgres_alone() {
    a_stopped_leader_is_replaced(System::embedded().await, RECOVERY_LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_leader_is_replaced_and_comes_back_as_another_through_sqs() {
    a_stopped_leader_is_replaced(System::on_sqs().await, RECOVERY_LIMIT + SWALLOWED_LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_cut_off_is_replaced_and_comes_back_as_another() {
    let system = Setup::shared().await.start().await;
    let url = system.db.url();
    let (login, rest) = url.rsplit_once('@').unwrap();
    let (server, database) = rest.split_once('/').unwrap();
    let proxy = Proxy::to(server).await;
    let through_proxy = format!("{login}@{}/{database}", proxy.addr());
    let team = Team::start(&system, &[("DATABASE_URL", &through_proxy)]).await;
    // Neither side is told anything: on both, the connections seem to be there.
    proxy.set(Way::Held);
    team.until_inherited(&system, "cut off", RECOVERY_LIMIT).await;
    // What it was connected to is gone.
    proxy.cut();
    proxy.set(Way::Open);
    works_on_as_another(&system, team).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leader_tells_what_waits() {
    let system = System::embedded().await;
    let fails = json!({"kind": "test.fail", "payload": {"message": "no"}, "max_attempts": 1});
    let lasts = json!({"kind": "test.sleep", "payload": {"ms": 3_600_000}});
    let three_places = [("TANDEM_WORKER_CONCURRENCY", "3"), ("TANDEM_QUEUES", "default")];
    let worker = Worker::start(&system, "only", &three_places).await;
    system
        .submit_batch(vec![fails, lasts.clone(), lasts.clone(), lasts])
        .await;
    let running = "select count(*) from claim";
    system
        .until_count("no free place", running, 3, Duration::from_secs(30))
        .await;
    system
        .submit_batch(vec![json!({"kind": "test.echo", "payload": 1}); 7])
        .await;
    let rests = "insert into breaker (tenant_id, target, open_until, trips, failures, last_error) \
        select id, 'https://example.com', now() + interval '1 hour', 1, 10, '503' from tenant";
    system.sql(rests).await;
    for (series, value) in [
        (r#"tandem_queued_jobs{queue="default"}"#, 7.0),
        ("tandem_dead_letters", 1.0),
        ("tandem_resting_targets", 1.0),
        ("tandem_workers", 1.0),
        ("tandem_overdue_seconds", 0.0),
    ] {
        eventually(series, Duration::from_secs(30), || async {
            (worker.metric(series).await == value).then_some(())
        })
        .await;
    }
    assert!(
        worker
            .metric(r#"tandem_oldest_queued_seconds{queue="default"}"#)
            .await
            > 0.0
    );
}
