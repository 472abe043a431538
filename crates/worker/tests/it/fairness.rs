//! One tenant with a long backlog, and another with a job now and then.

#![expect(clippy::print_stderr, reason = "measurements are there to be read")]

use std::time::Duration;

use domain::{JobId, JobState, TenantId};
use serde_json::json;
use testkit::eventually;
use worker::{Config, Worker};

use crate::sqs_world::SqsWorld;
use crate::world::{PATIENCE, World, config, job, lane, test_handlers};

/// The backlog, without jobs: their doorbells are what stands in the way.
const BACKLOG: &str = "insert into outbox (job_id, tenant_id, queue, visible_at)
    select gen_random_uuid(), tenant, 'default', now() - interval '1 minute'
    from generate_series(1, 10000), (select gen_random_uuid() as tenant) t";

/// Takes what a worker takes in so many rounds of ten.
async fn rounds(worker: &Worker, rounds: usize) {
    for _ in 0..rounds {
        worker.run_once(&lane(), 10).await.unwrap();
    }
}

#[tokio::test]
async fn a_job_behind_ten_thousand_of_another_tenant_is_among_the_first_ten_embedded() {
    let world = World::new().await;
    world.sql(BACKLOG).await;
    let id = world.submit(job("test.echo", &json!(null), 1)).await;
    let worker = world.worker(test_handlers()).await;
    rounds(&worker, 1).await;
    assert_eq!(world.job(id).await.state, JobState::Succeeded);
}

#[tokio::test]
async fn a_job_behind_ten_thousand_of_another_tenant_is_among_the_first_through_sqs() {
    let sqs = SqsWorld::new().await;
    sqs.world.sql(BACKLOG).await;
    let worker = sqs.worker(test_handlers(), config()).await;
    // The backlog is announced as far as there is room; what comes now is behind no more than that.
    worker.dispatch_once(&lane(), 100).await.unwrap();
    let id = sqs.world.submit(job("test.echo", &json!(null), 1)).await;
    worker.dispatch_once(&lane(), 100).await.unwrap();
    let announced = sqs
        .world
        .count("select count(*) from outbox where announced_at is not null")
        .await;
    assert!((2..=150).contains(&announced), "{announced}");
    rounds(&worker, usize::try_from(announced).unwrap().div_ceil(10) + 1).await;
    assert_eq!(sqs.world.job(id).await.state, JobState::Succeeded);
    sqs.delete().await;
}

#[tokio::test]
async fn a_tenant_whose_jobs_run_for_long_leaves_a_slot_to_the_others() {
    let world = World::new().await;
    let long = (0..30)
        .map(|_| job("test.sleep", &json!({"ms": 600_000}), 1))
        .collect();
    world.submit_all(long).await;
    let worker = world.worker_on(&world.store().await, test_handlers(), measured());
    let running = world.run(worker);
    let claims = "select count(*) from claim";
    eventually("its share is taken", PATIENCE, async || {
        (world.count(claims).await == 9).then_some(())
    })
    .await;
    for _ in 0..20 {
        let quiet_tenant = world.db.tenant().await;
        pickups(&world, quiet_tenant, 1).await;
    }
    assert_eq!(world.count(claims).await, 9, "what is free is not its own");
    running.shutdown.abort().cancel();
    running.drain().await;
}

/// How long each of so many jobs of a tenant waited, one at a time, in milliseconds; sorted.
async fn pickups(world: &World, tenant_id: TenantId, jobs: usize) -> Vec<f64> {
    let mut ids: Vec<JobId> = Vec::new();
    for _ in 0..jobs {
        let id = world
            .submit_for(tenant_id, vec![job("test.echo", &json!(null), 1)])
            .await[0];
        eventually("it has ended", PATIENCE, async || {
            let job = world.api.job(tenant_id, id).await.unwrap().unwrap();
            job.state.is_terminal().then_some(())
        })
        .await;
        ids.push(id);
    }
    let mut superuser = world.db.superuser().await;
    let waited = "select extract(epoch from e.at - j.created_at)::float8 * 1000 from job j join job_event e on e.job_id = j.id
        where j.id = any($1) and e.event = 'started' order by 1";
    let ids: Vec<uuid::Uuid> = ids.into_iter().map(|id| id.0).collect();
    sqlx::query_scalar(waited)
        .bind(ids)
        .fetch_all(&mut superuser)
        .await
        .unwrap()
}

fn percentile(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

/// Prints how long jobs of a quiet tenant wait, alone and beside one with a backlog of jobs of 100 ms that keeps all
/// slots busy, and how fast that one goes.
async fn measure(name: &str, world: &World, workers: Vec<Worker>) {
    const JOBS: usize = 100;
    let running: Vec<_> = workers.into_iter().map(|worker| world.run(worker)).collect();
    let quiet_tenant = world.db.tenant().await;
    pickups(world, quiet_tenant, 10).await;
    let quiet = pickups(world, quiet_tenant, JOBS).await;
    let backlog = (0..10_000)
        .map(|_| job("test.sleep", &json!({"ms": 100}), 1))
        .collect();
    world.submit_all(backlog).await;
    let ended = "select count(*) from attempt";
    let (before, began) = (world.count(ended).await, std::time::Instant::now());
    let noisy = pickups(world, quiet_tenant, JOBS).await;
    let done = world.count(ended).await - before;
    let left = world.count("select count(*) from outbox").await;
    let rate = done as f64 / began.elapsed().as_secs_f64();
    for (what, share) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
        let (quiet, noisy) = (percentile(&quiet, share), percentile(&noisy, share));
        let ratio = noisy / quiet;
        eprintln!("{name} {what}: quiet {quiet:.1} ms, noisy {noisy:.1} ms, ratio {ratio:.2}");
    }
    eprintln!("{name}: {rate:.0} jobs/s beside it, {left} of the backlog were left");
    assert!(left > 0, "the backlog was gone before the measurement ended");
    for worker in running {
        worker.shutdown.abort().cancel();
        worker.drain().await;
    }
}

fn measured() -> Config {
    Config {
        concurrency: 10,
        receive_wait: Duration::from_secs(20),
        ..Config::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: run it alone, with --nocapture"]
async fn measure_pickup_embedded() {
    let world = World::new().await;
    let mut workers = Vec::new();
    for _ in 0..2 {
        let store = world.store().await;
        workers.push(world.worker_on(&store, test_handlers(), measured()));
    }
    measure("embedded", &world, workers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: run it alone, with --nocapture"]
async fn measure_pickup_through_sqs() {
    let sqs = SqsWorld::new().await;
    let mut workers = Vec::new();
    for _ in 0..2 {
        workers.push(sqs.worker(test_handlers(), measured()).await);
    }
    measure("sqs", &sqs.world, workers).await;
    sqs.delete().await;
}

/// Prints how fast one tenant's jobs that take no time go, when it is alone.
async fn measure_alone(name: &str, world: &World, worker: Worker) {
    const JOBS: usize = 4_000;
    let jobs: Vec<_> = (0..JOBS).map(|_| job("test.echo", &json!(null), 1)).collect();
    world.submit_all(jobs).await;
    let running = world.run(worker);
    running.worker_id().await;
    let began = std::time::Instant::now();
    eventually("all have succeeded", Duration::from_secs(300), async || {
        let left = "select (select count(*) from outbox) + (select count(*) from claim)";
        (world.count(left).await == 0).then_some(())
    })
    .await;
    let rate = JOBS as f64 / began.elapsed().as_secs_f64();
    eprintln!("{name} alone: {rate:.0} jobs/s");
    running.drain().await;
}

fn alone() -> Config {
    Config {
        concurrency: 100,
        receive_wait: Duration::from_secs(20),
        ..Config::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: run it alone, with --nocapture"]
async fn measure_alone_embedded() {
    let world = World::new().await;
    let worker = world.worker_on(&world.store().await, test_handlers(), alone());
    measure_alone("embedded", &world, worker).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: run it alone, with --nocapture"]
async fn measure_alone_through_sqs() {
    // The second as it was without a window.
    for (name, announce_at_least) in [
        ("sqs", alone().announce_at_least),
        ("sqs, all announced,", 1_000_000),
    ] {
        let sqs = SqsWorld::new().await;
        let config = Config {
            announce_at_least,
            ..alone()
        };
        let worker = sqs.worker(test_handlers(), config).await;
        measure_alone(name, &sqs.world, worker).await;
        sqs.delete().await;
    }
}
