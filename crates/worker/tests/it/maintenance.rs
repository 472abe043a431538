//! The sweeps, one by one and by their leader.

use std::time::Duration;

use chrono::TimeDelta;
use domain::{JobId, JobState, NewJob};
use serde_json::json;
use sqlx::Executor as _;
use testkit::eventually;
use tokio::sync::Mutex;
use tokio::time::timeout;
use uuid::{NoContext, Timestamp, Uuid};
use worker::{Config, MaintenanceConfig};

use crate::handlers::{Gate, Gates};
use crate::world::{PATIENCE, World, config, job, lane, test_handlers};

fn due_in(wait: TimeDelta) -> NewJob {
    NewJob {
        run_at: Some(runtime::clock::now() + wait),
        ..job("test.echo", &json!(null), 1)
    }
}

#[tokio::test]
async fn a_job_starts_when_it_is_due() {
    let world = World::new().await;
    // Not yet due, however long the submit takes.
    let id = world.submit(due_in(TimeDelta::hours(1))).await;
    assert_eq!(world.job(id).await.state, JobState::Scheduled);
    world
        .sql(
            "update due set run_at = now() + interval '700 milliseconds';
             update job set run_at = due.run_at from due where due.job_id = job.id",
        )
        .await;
    let running = world.run(world.worker(test_handlers()).await);
    let job = world.until(id, JobState::Succeeded).await;
    let started_at = world.attempts(id).await[0].started_at;
    let late = started_at - job.run_at;
    // Within a second on a quiet machine, which this one need not be.
    assert!(
        late >= TimeDelta::zero() && late < TimeDelta::seconds(10),
        "{late}"
    );
    running.drain().await;
}

#[tokio::test]
async fn jobs_start_as_soon_as_they_are_due_and_none_before() {
    const JOBS: i32 = 200;
    let world = World::new().await;
    // How often production looks.
    let config = Config {
        maintenance: MaintenanceConfig::default(),
        ..config()
    };
    let running = world.run(world.worker_on(&world.store().await, test_handlers(), config));
    running.worker_id().await;
    let due = |number| due_in(TimeDelta::milliseconds(1_000 + i64::from(number) * 25));
    world.submit_all((0..JOBS).map(due).collect()).await;
    let ended = "select count(*) from job where state = 'succeeded'";
    eventually("all jobs", PATIENCE, async || {
        (world.count(ended).await == i64::from(JOBS)).then_some(())
    })
    .await;
    let late = "select extract(epoch from started_at - run_at)::float8 from attempt join job on id = job_id order by 1";
    let mut superuser = world.db.superuser().await;
    let late_secs: Vec<f64> = sqlx::query_scalar(late).fetch_all(&mut superuser).await.unwrap();
    let [first, median, p99, last] = [0, 100, 197, 199].map(|index| late_secs[index]);
    tell(&format!(
        "{JOBS} jobs that came due within 5 s started late by p50 {median:.3} s, p99 {p99:.3} s, max {last:.3} s"
    ));
    assert!(first >= 0.0, "{first}");
    assert!(median <= 1.0, "{median}");
    running.drain().await;
}

#[expect(clippy::print_stderr, reason = "figures are for people")]
fn tell(figures: &str) {
    eprintln!("measured: {figures}");
}

#[tokio::test]
async fn promoting_is_bounded_and_says_what_comes_next() {
    let world = World::new().await;
    let worker = world.worker(test_handlers()).await;
    let soon = || due_in(TimeDelta::seconds(30));
    world
        .submit_all(vec![soon(), soon(), soon(), due_in(TimeDelta::hours(1))])
        .await;
    world
        .sql("update due set run_at = now() where run_at < now() + interval '1 minute'")
        .await;
    let first = worker.maintain_once("promote", 2).await.unwrap().unwrap();
    assert_eq!((first.changed, first.more, first.next_in), (2, true, None));
    let second = worker.maintain_once("promote", 2).await.unwrap().unwrap();
    assert_eq!((second.changed, second.more), (1, false));
    assert!(second.next_in.unwrap() > Duration::from_secs(3_500));
    assert_eq!(worker.run_once(&lane(), 10).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_job_that_was_not_started_in_time_expires() {
    let world = World::new().await;
    let worker = world.worker(test_handlers()).await;
    let start_by = |job: NewJob| NewJob {
        start_by: Some(runtime::clock::now() - TimeDelta::seconds(1)),
        ..job
    };
    let ids = world
        .submit_all(vec![
            start_by(job("test.echo", &json!(null), 1)),
            start_by(due_in(TimeDelta::hours(1))),
            job("test.echo", &json!(null), 1),
        ])
        .await;
    let counts = worker.maintain_once("expire", 100).await.unwrap().unwrap();
    assert_eq!((counts.changed, counts.more), (2, false));
    assert_eq!(world.job(ids[0]).await.state, JobState::Expired);
    assert_eq!(world.job(ids[1]).await.state, JobState::Expired);
    assert_eq!(worker.run_once(&lane(), 10).await.unwrap().len(), 1);
}

const WITHOUT_THE_LAST_DAY: &str = "set role tandem_owner;
    do $$ declare day text := to_char((now() at time zone 'utc')::date + 7, 'YYYYMMDD'); begin
        execute format('drop table job_p%s, attempt_p%s, job_event_p%s', day, day, day);
    end $$";

#[tokio::test]
async fn a_lock_that_was_not_granted_is_asked_for_again() {
    let world = World::new().await;
    world.sql(WITHOUT_THE_LAST_DAY).await;
    let worker = world.worker(test_handlers()).await;
    let mut holder = world.db.superuser().await;
    holder
        .execute("begin; lock table job in row exclusive mode")
        .await
        .unwrap();
    let waiting = "select count(*) from pg_locks
                   where not granted and database = (select oid from pg_database where datname = current_database())";
    let released = async {
        for (what, wanted) in [("the sweep waits", true), ("the sweep has given up", false)] {
            eventually(what, PATIENCE, async || {
                ((world.count(waiting).await > 0) == wanted).then_some(())
            })
            .await;
        }
        holder.execute("rollback").await.unwrap();
    };
    let (made, ()) = tokio::join!(worker.maintain_once("partitions", 100), released);
    assert_eq!(made.unwrap().unwrap().changed, 1);
}

#[tokio::test]
async fn missing_partitions_are_made_and_old_ones_dropped() {
    let world = World::new().await;
    let worker = world.worker(test_handlers()).await;
    world.sql(WITHOUT_THE_LAST_DAY).await;
    world
        .sql(
            "set role tandem_owner;
             do $$ begin
                 call create_partition('job', 'id', current_date - 60);
                 call create_partition('attempt', 'job_id', current_date - 60);
                 call create_partition('job_event', 'job_id', current_date - 60);
             end $$",
        )
        .await;
    let run = async |pass: &str| worker.maintain_once(pass, 100).await.unwrap().unwrap();
    assert_eq!(run("partitions").await.changed, 1);
    assert_eq!(run("partitions").await.changed, 0);
    let dropped = run("retention").await;
    assert_eq!((dropped.changed, dropped.more), (1, false));
    assert_eq!(run("retention").await.changed, 0);
    assert_eq!(run("purge").await.changed, 0);
    assert!(worker.maintain_once("nothing", 1).await.unwrap().is_none());
}

/// A job that was submitted two months ago.
fn old(job: NewJob) -> NewJob {
    let then = (runtime::clock::now() - TimeDelta::days(60)).timestamp();
    let then = Timestamp::from_unix(NoContext, u64::try_from(then).unwrap(), 0);
    NewJob {
        id: JobId(Uuid::new_v7(then)),
        ..job
    }
}

#[tokio::test]
async fn what_lives_goes_on_when_its_day_is_dropped() {
    let world = World::new().await;
    let gates = Gates::new();
    let run = world.run(world.worker(test_handlers().register(Gate(gates.clone()))).await);
    let in_a_lane_of_nobody = NewJob {
        queue: "nobodys".parse().unwrap(),
        ..job("test.echo", &json!(null), 1)
    };
    let ids = world
        .submit_all(vec![
            old(due_in(TimeDelta::hours(1))),
            old(in_a_lane_of_nobody),
            old(job("test.gate", &json!(null), 1)),
            old(job("test.fail", &json!({"message": "no"}), 1)),
            old(job("test.echo", &json!(null), 1)),
        ])
        .await;
    let [scheduled, queued, running, failed, done] = ids.try_into().unwrap();
    gates.until_begun(1).await;
    world.until(failed, JobState::Failed).await;
    world.until(done, JobState::Succeeded).await;
    // They were put where days without a partition are; now they have one, as if they had been submitted then.
    world
        .sql(
            "set role tandem_owner;
             call create_partition('job', 'id', (now() at time zone 'utc')::date - 60);
             call create_partition('attempt', 'job_id', (now() at time zone 'utc')::date - 60);
             call create_partition('job_event', 'job_id', (now() at time zone 'utc')::date - 60);
             update job set finished_at = now() - interval '31 days' where state = 'succeeded'",
        )
        .await;
    let in_rest = "select count(*) from job_rest";
    assert_eq!(world.count(in_rest).await, 0);
    let sweeper = world.worker(test_handlers()).await;
    let dropped = sweeper.maintain_once("retention", 1).await.unwrap().unwrap();
    assert_eq!(dropped.changed, 1);
    assert_eq!(world.count(in_rest).await, 4);
    assert!(world.api.job(world.tenant_id, done).await.unwrap().is_none());

    gates.open.add_permits(1);
    world.until(running, JobState::Succeeded).await;
    world
        .sql("update due set run_at = now(); update outbox set queue = 'default'")
        .await;
    world.until(scheduled, JobState::Succeeded).await;
    world.until(queued, JobState::Succeeded).await;
    assert_eq!(world.failures(failed).await.len(), 1, "with its attempts");
    world
        .api
        .redrive(&testkit::actor(world.tenant_id), failed)
        .await
        .unwrap();
    eventually("the dead letter's second life", PATIENCE, async || {
        (world.attempts(failed).await.len() == 2).then_some(())
    })
    .await;
    run.drain().await;
}

#[tokio::test]
async fn one_worker_leads_and_another_takes_over_when_it_is_gone() {
    let world = World::new().await;
    let workers = [
        world.run(world.worker(test_handlers()).await),
        world.run(world.worker(test_handlers()).await),
    ];
    let leaders = || {
        workers
            .iter()
            .filter(|worker| worker.handle.status().leads)
            .count()
    };
    eventually("one leads", PATIENCE, async || (leaders() == 1).then_some(())).await;

    // As if the leader's process had died: its connection is gone, and the lock with it.
    let holder = "select count(pg_terminate_backend(pid)) from pg_locks
                  where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())";
    // On a busy machine it may have lost the lock by itself a moment ago.
    eventually("the leader's connection is ended", PATIENCE, async || {
        (world.count(holder).await == 1).then_some(())
    })
    .await;
    let id = world.submit(due_in(TimeDelta::milliseconds(100))).await;
    world.until(id, JobState::Succeeded).await;
    eventually("one leads again", PATIENCE, async || {
        (leaders() == 1).then_some(())
    })
    .await;
    for worker in workers {
        worker.drain().await;
    }
}

#[tokio::test]
async fn the_end_of_jobs_is_told_to_who_waits() {
    let world = World::new().await;
    let running = world.run(world.worker(test_handlers()).await);
    let ends = Mutex::new(world.api.listen_finished());
    // It listens from its first `next` on, so the first ends may be missed.
    let ids = eventually("the end of a job is heard", PATIENCE, async || {
        world.submit(job("test.echo", &json!(null), 1)).await;
        timeout(Duration::from_secs(1), ends.lock().await.next())
            .await
            .ok()
    })
    .await;
    assert_eq!(world.job(ids[0]).await.state, JobState::Succeeded);
    running.drain().await;
}
