//! The sweeps, one by one and by their leader.

use std::time::Duration;

use chrono::TimeDelta;
use domain::{JobState, NewJob};
use serde_json::json;
use testkit::eventually;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::world::{PATIENCE, World, job, lane, test_handlers};

fn due_in(wait: TimeDelta) -> NewJob {
    NewJob {
        run_at: Some(runtime::clock::now() + wait),
        ..job("test.echo", &json!(null), 1)
    }
}

#[tokio::test]
async fn a_job_starts_when_it_is_due() {
    let world = World::new().await;
    let running = world.run(world.worker(test_handlers()).await);
    let id = world.submit(due_in(TimeDelta::milliseconds(700))).await;
    assert_eq!(world.job(id).await.state, JobState::Scheduled);
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

#[tokio::test]
async fn missing_partitions_are_made_and_old_ones_dropped() {
    let world = World::new().await;
    let worker = world.worker(test_handlers()).await;
    world
        .sql(
            "set role tandem_owner;
             do $$ declare day text := to_char((now() at time zone 'utc')::date + 7, 'YYYYMMDD'); begin
                 execute format('drop table job_p%s, attempt_p%s, job_event_p%s', day, day, day);
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
    assert_eq!((dropped.changed, dropped.more), (1, true));
    assert_eq!(run("retention").await.changed, 0);
    assert_eq!(run("purge").await.changed, 0);
    assert!(worker.maintain_once("nothing", 1).await.unwrap().is_none());
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
    assert_eq!(world.count(holder).await, 1);
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
