use serde_json::json;
use testkit::eventually;
use std::time::{Duration, Instant};
use worker::{Config, Done, Handler, JobError, JobScope, Registry};
use crate::world::{World, job};
struct Noop;
impl Handler for Noop {
    const KIND: &'static str = "test.noop";
    type Payload = serde_json::Value;
    async fn run(&self, _p: serde_json::Value, _s: JobScope) -> Result<Done, JobError> { Ok(Done::empty()) }
}
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bench() {
    let world = World::new().await;
    let conc: usize = std::env::var("CONC").map(|c| c.parse().unwrap()).unwrap_or(100);
    let n: i64 = 5000;
    for _ in 0..n/500 {
        world.submit_all((0..500).map(|_| job("test.noop", &json!({"a":1}), 1)).collect()).await;
    }
    world.sql("checkpoint").await;
    let commits = "select xact_commit from pg_stat_database where datname = current_database()";
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = world.count(commits).await;
    let worker = world.worker_on(&world.store().await, Registry::new().register(Noop), Config { concurrency: conc, ..Config::default() });
    let t = Instant::now();
    let running = world.run(worker);
    eventually("done", Duration::from_secs(120), async || {
        (world.count("select (select count(*) from outbox) + (select count(*) from claim)").await == 0).then_some(())
    }).await;
    let took = t.elapsed();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after = world.count(commits).await;
    eprintln!("{n} jobs in {took:?}: {:.0}/s, {} commits, {:.3}/job", n as f64 / took.as_secs_f64(), after - before, (after-before) as f64 / n as f64);
    // pickup latency
    let mut lat = Vec::new();
    for _ in 0..50 {
        let id = world.submit(job("test.noop", &json!({"a":1}), 1)).await;
        let j = world.until(id, domain::JobState::Succeeded).await;
        let a = world.attempts(id).await;
        lat.push((a[0].started_at - j.created_at).num_microseconds().unwrap());
    }
    lat.sort();
    eprintln!("pickup p50 {} us, p90 {} us max {}", lat[25], lat[45], lat[49]);
    running.drain().await;
}
