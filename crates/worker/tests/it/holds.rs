//! Lanes that are paused and tenants with a limit, on both queues.

use std::time::Duration;

use domain::{JobId, JobState};
use serde_json::json;
use store::Audience;
use testkit::{actor, eventually};
use worker::{Registry, StepOutcome, Worker};

use crate::handlers::{Gate, Gates};
use crate::sqs_world::SqsWorld;
use crate::world::{PATIENCE, World, config, job, lane, test_handlers};

/// Notes each change of a doorbell's row.
const NOTE_CHANGES: &str = "create table change (job_id uuid);
    create function note_change() returns trigger language plpgsql security definer set search_path = public as
        $$ begin insert into change values (new.job_id); return new; end $$;
    create trigger note_change after update on outbox for each row execute function note_change()";

/// Notes how many jobs run whenever one starts.
const NOTE_RUNNING: &str = "create table running (jobs bigint);
    create function note_running() returns trigger language plpgsql security definer set search_path = public as
        $$ begin insert into running select count(*) from claim; return null; end $$;
    create trigger note_running after insert on claim for each statement execute function note_running()";

async fn pause(world: &World) {
    pause_for(world, Audience::Tenant).await;
}

async fn pause_for(world: &World, audience: Audience) {
    let actor = actor(world.tenant_id);
    world
        .api
        .pause_queue(&actor, &lane(), audience, None)
        .await
        .unwrap();
}

async fn resume(world: &World) {
    let actor = actor(world.tenant_id);
    world
        .api
        .resume_queue(&actor, &lane(), Audience::Tenant)
        .await
        .unwrap();
    queue::postgres::ring(world.api.pool(), &[lane()]).await.unwrap();
}

/// Jobs of another tenant go their way from the first to the last step, one after the other.
async fn others_run(world: &World, jobs: usize) {
    let other = world.db.tenant().await;
    for _ in 0..jobs {
        let id = world
            .submit_for(other, vec![job("test.echo", &json!(null), 1)])
            .await[0];
        eventually("another tenant's job succeeds", PATIENCE, async || {
            let job = world.api.job(other, id).await.unwrap().unwrap();
            (job.state == JobState::Succeeded).then_some(())
        })
        .await;
    }
}

async fn a_paused_lane_rests_and_goes_on(world: &World, worker: Worker) {
    world.sql(NOTE_CHANGES).await;
    let running = world.run(worker);
    running.worker_id().await;
    pause(world).await;
    let jobs = (0..20).map(|_| job("test.echo", &json!(null), 1)).collect();
    let ids = world.submit_all(jobs).await;
    // Each of these goes through everything that a paused job would go through.
    others_run(world, 10).await;
    for id in &ids {
        let job = world.job(*id).await;
        assert_eq!((job.state, job.attempt), (JobState::Queued, 0));
    }
    let changes =
        "select coalesce(max(changes), 0) from (select count(*) as changes from change group by job_id) c";
    let changes = world.count(changes).await;
    assert!(
        changes <= 10,
        "a job that does not start was moved {changes} times"
    );
    resume(world).await;
    for id in ids {
        assert_eq!(world.until(id, JobState::Succeeded).await.attempt, 1);
    }
    running.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_lane_rests_and_goes_on_embedded() {
    let world = World::new().await;
    let worker = world.worker(test_handlers()).await;
    a_paused_lane_rests_and_goes_on(&world, worker).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_lane_rests_and_goes_on_through_sqs() {
    let sqs = SqsWorld::new().await;
    let worker = sqs.worker(test_handlers(), config()).await;
    a_paused_lane_rests_and_goes_on(&sqs.world, worker).await;
    sqs.until_depth("0", "0").await;
    sqs.delete().await;
}

#[tokio::test]
async fn a_message_of_a_paused_lane_is_deleted_and_its_job_is_not_announced() {
    let sqs = SqsWorld::new().await;
    let worker = sqs.worker(test_handlers(), config()).await;
    let id = sqs.world.submit(job("test.echo", &json!(null), 1)).await;
    assert_eq!(worker.dispatch_once(&lane(), 10).await.unwrap().sent, 1);
    pause(&sqs.world).await;
    assert_eq!(worker.run_once(&lane(), 1).await.unwrap(), [StepOutcome::Paused]);
    sqs.until_depth("0", "0").await;
    let untouched = "select count(*) from outbox where visible_at <= now() and announced_at is null and receive_count = 0";
    assert_eq!(sqs.world.count(untouched).await, 1);
    assert_eq!(worker.dispatch_once(&lane(), 10).await.unwrap().sent, 0);
    resume(&sqs.world).await;
    assert_eq!(worker.dispatch_once(&lane(), 10).await.unwrap().sent, 1);
    let outcomes = worker.run_once(&lane(), 1).await.unwrap();
    assert_eq!(crate::world::states(&outcomes), [JobState::Succeeded]);
    assert_eq!(sqs.world.job(id).await.attempt, 1);
    sqs.delete().await;
}

#[tokio::test]
async fn a_job_that_was_paused_after_it_was_received_waits_in_the_outbox() {
    let world = World::new().await;
    let worker = world.worker(test_handlers()).await;
    let id = world.submit(job("test.echo", &json!(null), 1)).await;
    world.sql("update tenant set operator = true").await;
    pause_for(&world, Audience::Everyone).await;
    // Received by somebody who did not know yet.
    assert_eq!(step_unaware(&worker, &world, id).await, StepOutcome::Paused);
    assert_eq!(
        world
            .count("select count(*) from outbox where visible_at <= now()")
            .await,
        1
    );
    assert!(worker.run_once(&lane(), 1).await.unwrap().is_empty());
}

/// Receives and claims as a worker does that has not read yet what is held.
async fn step_unaware(worker: &Worker, world: &World, id: JobId) -> StepOutcome {
    worker.beat().await.unwrap();
    let outcomes = worker.consumer(&lane()).unwrap().run_once(1).await.unwrap();
    assert_eq!(world.job(id).await.attempt, 0);
    outcomes[0]
}

/// Three workers with sixty slots together.
async fn a_limit_holds_and_is_used(world: &World, workers: [Worker; 3], gates: &Gates) {
    const JOBS: u32 = 30;
    world.sql("update tenant set max_running_jobs = 5").await;
    world.sql(NOTE_RUNNING).await;
    let running = workers.map(|worker| world.run(worker));
    let jobs = (0..JOBS).map(|_| job("test.gate", &json!(null), 1)).collect();
    let ids = world.submit_all(jobs).await;
    for begun in 5..=JOBS {
        gates.until_begun(begun).await;
        gates.open.add_permits(1);
    }
    gates.open.add_permits(5);
    for id in ids {
        assert_eq!(world.until(id, JobState::Succeeded).await.attempt, 1);
    }
    assert_eq!(world.count("select max(jobs) from running").await, 5);
    for worker in running {
        worker.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_holds_and_is_used_embedded() {
    let world = World::new().await;
    let gates = Gates::new();
    let registry = || Registry::new().register(Gate(gates.clone()));
    let workers = [
        world.worker(registry()).await,
        world.worker(registry()).await,
        world.worker(registry()).await,
    ];
    a_limit_holds_and_is_used(&world, workers, &gates).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_holds_and_is_used_through_sqs() {
    let sqs = SqsWorld::new().await;
    let gates = Gates::new();
    let registry = || Registry::new().register(Gate(gates.clone()));
    let workers = [
        sqs.worker(registry(), config()).await,
        sqs.worker(registry(), config()).await,
        sqs.worker(registry(), config()).await,
    ];
    a_limit_holds_and_is_used(&sqs.world, workers, &gates).await;
    sqs.delete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_at_its_limit_keeps_no_slot_from_others() {
    let world = World::new().await;
    let gates = Gates::new();
    let registry = test_handlers().register(Gate(gates.clone()));
    world.sql("update tenant set max_running_jobs = 1").await;
    let running = world.run(world.worker(registry).await);
    let jobs = (0..500).map(|_| job("test.gate", &json!(null), 1)).collect();
    world.submit_all(jobs).await;
    gates.until_begun(1).await;
    others_run(&world, 10).await;
    assert_eq!(world.count("select count(*) from claim").await, 1);
    gates.open.add_permits(10);
    gates.until_begun(11).await;
    running.shutdown.abort().cancel();
    running.drain().await;
}

#[tokio::test]
async fn what_was_done_is_told_and_old_news_is_purged() {
    let world = World::new().await;
    let running = world.run(world.worker(test_handlers()).await);
    let fine = world.submit(job("test.echo", &json!(null), 1)).await;
    let fails = world.submit(job("test.fail", &json!({"message": "no"}), 2)).await;
    world.until(fine, JobState::Succeeded).await;
    world.until(fails, JobState::Failed).await;
    let told =
        "select count(*) from (select sum(started) s, sum(succeeded) o, sum(failed) f from queue_activity) t
        where (s, o, f) = (3, 1, 2)";
    eventually("the worker has told what it did", PATIENCE, async || {
        (world.count(told).await == 1).then_some(())
    })
    .await;
    running.drain().await;
    world
        .sql("update queue_activity set at = now() - interval '1 hour'")
        .await;
    let worker = world.worker(test_handlers()).await;
    let counts = worker.maintain_once("activity", 100).await.unwrap().unwrap();
    assert!(counts.changed > 0 && !counts.more, "{counts:?}");
    assert_eq!(world.count("select count(*) from queue_activity").await, 0);
}

#[tokio::test]
async fn a_pause_that_ends_unheard_is_found_by_looking() {
    let world = World::new().await;
    let running = world.run(world.worker(test_handlers()).await);
    pause(&world).await;
    let id = world.submit(job("test.echo", &json!(null), 1)).await;
    others_run(&world, 3).await;
    // No bell.
    world.sql("delete from queue_pause").await;
    let resumed = std::time::Instant::now();
    world.until(id, JobState::Succeeded).await;
    // Far less than the next look of a receiver that nobody tells anything, also on a busy machine.
    assert!(
        resumed.elapsed() < Duration::from_secs(4),
        "{:?}",
        resumed.elapsed()
    );
    running.drain().await;
}
