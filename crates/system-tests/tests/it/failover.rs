//! The host of the database vanishes without a word, and another one takes its place: connections that there were stay
//! open and silent, new ones work. So it looks when a primary loses its power.

use std::time::{Duration, Instant};

use sqlx::Executor as _;

use crate::figures::{percentiles, tell};
use crate::load::{Answer, Load};
use crate::proxy::Proxy;
use crate::system::Setup;
use crate::worker::Worker;

const CLIENTS: usize = 16;
/// How many transactions the api stores submits in at a time.
const LANES: i64 = 3;
/// The longest that a request may take: the api's own limit, and what a busy machine adds.
const ANSWER_LIMIT: Duration = Duration::from_secs(10 + 6);
/// When submits are accepted again: what hangs is given up after the time limit of a request.
const RESUME_LIMIT: Duration = Duration::from_secs(10 + 10);

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_are_given_up_and_replaced() {
    let mut setup = Setup::shared().await;
    let url = setup.database().url();
    let (login, rest) = url.rsplit_once('@').unwrap();
    let (server, database) = rest.split_once('/').unwrap();
    let proxy = Proxy::to(server).await;
    setup.set("DATABASE_URL", &format!("{login}@{}/{database}", proxy.addr()));
    let system = setup.start().await;
    let worker = Worker::start(&system, "worker", &[]).await;
    let load = Load::start(&system, CLIENTS, Duration::from_millis(10));
    load.until(200, Answer::accepted).await;

    // All transactions wait for a lock, so that none ends before the host does.
    let mut blocker = system.db.superuser().await;
    blocker
        .execute("begin; lock table job in share mode")
        .await
        .unwrap();
    let waiting = "select least(count(*), 3) from pg_stat_activity
                   where datname = current_database() and usename = user and query like '%insert into job (%' and wait_event_type = 'Lock'";
    system
        .until_count("transactions under way", waiting, LANES, Duration::from_secs(10))
        .await;
    proxy.strand();
    blocker.execute("rollback").await.unwrap();
    let gone_at = Instant::now();
    load.until(500, |answer| answer.accepted() && answer.asked_at > gone_at)
        .await;
    let answers = load.stop().await;
    let unfinished = "select count(*) from job where state <> 'succeeded'";
    system
        .until_count("success of all jobs", unfinished, 0, Duration::from_secs(90))
        .await;
    let caught_up = gone_at.elapsed();

    let after = answers.iter().filter(|answer| answer.answered_at() > gone_at);
    let (accepted, refused): (Vec<&Answer>, Vec<&Answer>) = after.partition(|answer| answer.accepted());
    let silent_for = accepted.iter().map(|answer| answer.answered_at()).min().unwrap() - gone_at;
    let took = |answers: &[&Answer]| percentiles(answers.iter().map(|answer| answer.took).collect());
    tell(&format!(
        "database host gone: no submit accepted for {silent_for:.1?}, {} refused ({}), then {} accepted ({}), all jobs done \
         after {caught_up:.1?}",
        refused.len(),
        took(&refused),
        accepted.len(),
        took(&accepted),
    ));
    answers.iter().for_each(|answer| answer.check(ANSWER_LIMIT));
    assert!(silent_for <= RESUME_LIMIT, "{silent_for:?}");
    assert_eq!(
        (worker.status("/ready").await, system.status("/ready").await),
        (200, 200)
    );
}
