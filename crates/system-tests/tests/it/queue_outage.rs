//! SQS can't be reached for a while: jobs are accepted all the same, and run soon after its return.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::aws;
use crate::figures::{percentiles, tell};
use crate::health::HealthWatch;
use crate::load::{Answer, Load};
use crate::proxy::{Proxy, Request, Way};
use crate::system::{Setup, System};
use crate::worker::Worker;

const CLIENTS: usize = 4;
const EVERY: Duration = Duration::from_millis(300);
/// How soon after the return of the queue the last job that was accepted until then has ended: a long poll, and what a
/// busy machine adds.
const CATCH_UP_LIMIT: Duration = Duration::from_secs(20 + 10);
/// What may be sent beyond what is needed: requests that were under way when the queue went, and batches that are not
/// full because jobs come one by one.
const SPARE_REQUESTS: usize = 30;
/// The most requests of all kinds that come within a tenth of a second of the return, from one worker and the api.
const PEAK_LIMIT: usize = 60;
/// The most connections that are tried per second of an outage, by four receivers, a dispatcher and the api's readiness,
/// each with the retries of the SDK.
const TRIES_PER_SECOND: f64 = 40.0;

async fn the_queue_goes_away(way: Way, outage: Duration) {
    let queue_url = aws::create_queue().await;
    let proxy = Proxy::to(&aws::addr()).await;
    let endpoint = format!("http://{}", proxy.addr());
    // A database of its own: what other tests do to the shared one must not look like a refusal.
    let system = Setup::private()
        .await
        .on_queue(&queue_url, &endpoint)
        .start()
        .await;
    let worker = Worker::start(&system, "worker", &[]).await;
    let load = Load::start(&system, CLIENTS, EVERY);
    load.until(50, Answer::accepted).await;

    let health = HealthWatch::start(&system);
    let gone_at = Instant::now();
    proxy.set(way);
    // As many as the clients submit in that time, if nothing holds them up.
    let submits = CLIENTS * usize::try_from(outage.as_millis() / EVERY.as_millis()).unwrap();
    load.until(submits, |answer| answer.accepted() && answer.asked_at > gone_at)
        .await;
    let away = gone_at.elapsed();
    let tries = proxy.connections(gone_at) as f64 / away.as_secs_f64();
    let answers = load.stop().await;
    proxy.set(Way::Open);
    let back_at = Instant::now();
    let refused: Vec<&Answer> = answers.iter().filter(|answer| !answer.accepted()).collect();
    assert!(refused.is_empty(), "{refused:?}");
    let backlog = unfinished(&system).await;
    system
        .until_count("success of all jobs", UNFINISHED, 0, Duration::from_secs(60))
        .await;
    let caught_up = back_at.elapsed();

    let during = answers.iter().filter(|answer| answer.asked_at > gone_at);
    let during = percentiles(during.map(|answer| answer.took).collect());
    let requests = proxy.requests();
    let ready = health.statuses("/ready", gone_at);
    tell(&format!(
        "queue {way:?} for {away:.1?}: {submits} submits accepted ({during}), {tries:.1} connections tried per second, \
         readiness of the api {:?}; {backlog} jobs waited and ended \
         within {caught_up:.1?} of its return; requests after that {:?}, at most {:?} in 100 ms",
        counted(ready.iter()),
        counted(requests.iter().filter(|it| it.at >= back_at).map(|it| &it.action)),
        peak(&requests, back_at),
    ));
    assert!(caught_up <= CATCH_UP_LIMIT, "{caught_up:?}");
    let sent = requests
        .iter()
        .filter(|it| it.at >= back_at && it.action == "SendMessageBatch");
    let needed = usize::try_from(backlog).unwrap().div_ceil(10);
    let sent = sent.count();
    assert!(
        sent <= needed + SPARE_REQUESTS,
        "{sent} batches for {backlog} jobs"
    );
    assert!(peak(&requests, back_at) <= PEAK_LIMIT);
    assert!(tries <= TRIES_PER_SECOND, "{tries}");
    assert_eq!(worker.status("/health").await, 200);
}

const UNFINISHED: &str = "select count(*) from job where state <> 'succeeded'";

async fn unfinished(system: &System) -> i64 {
    system.count(UNFINISHED).await
}

fn counted<T: Ord>(things: impl Iterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    things.for_each(|thing| *counts.entry(thing).or_default() += 1);
    counts
}

/// The most requests that came within a tenth of a second.
fn peak(requests: &[Request], since: Instant) -> usize {
    let tenth = |request: &Request| (request.at - since).as_millis() / 100;
    let after = requests.iter().filter(|request| request.at >= since);
    counted(after.map(tenth)).into_values().max().unwrap_or_default()
}

/// How long the queue stays away, unless somebody wants to see a longer outage.
#[expect(
    clippy::disallowed_methods,
    reason = "tests are configured by whoever runs them"
)]
fn outage(secs: u64) -> Duration {
    let wanted = std::env::var("TANDEM_TEST_OUTAGE_SECS");
    Duration::from_secs(wanted.map_or(secs, |wanted| wanted.parse().unwrap()))
}

/// It lasts longer than a long poll: those that are broken off go on in the queue for as long as they were meant to, and
/// what it hands to them is found unheard.
#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_accepted_while_the_queue_is_down_and_run_when_it_is_back() {
    the_queue_goes_away(Way::Refused, outage(22)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_accepted_while_the_queue_is_cut_off_and_run_when_it_is_back() {
    the_queue_goes_away(Way::Held, outage(15)).await;
}
