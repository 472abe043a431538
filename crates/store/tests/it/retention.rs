//! How days of jobs are made and dropped, and what outlives them.

use std::time::Duration;

use chrono::{NaiveDate, TimeDelta, Utc};
use domain::{JobId, JobState, NewJob, Outcome};
use sqlx::Executor as _;
use store::{Cancel, DeadLetterFilter, PastDay};
use testkit::{eventually, new_job};
use uuid::{NoContext, Timestamp, Uuid};

use crate::world::World;

#[expect(clippy::disallowed_methods, reason = "a far past is far from any clock")]
pub(crate) fn days_ago(days: i64) -> chrono::DateTime<Utc> {
    Utc::now() - TimeDelta::days(days)
}

fn job_of(days: i64) -> NewJob {
    let seconds = u64::try_from(days_ago(days).timestamp()).unwrap();
    NewJob {
        id: JobId(Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, 0))),
        ..new_job()
    }
}

pub(crate) const PARTITIONS_OF_40_DAYS_AGO: &str = "set role tandem_owner;
    call create_partition('job', 'id', (now() at time zone 'utc')::date - 40);
    call create_partition('attempt', 'job_id', (now() at time zone 'utc')::date - 40);
    call create_partition('job_event', 'job_id', (now() at time zone 'utc')::date - 40);";
const ENDED_31_DAYS_AGO: &str =
    "update job set finished_at = now() - interval '31 days' where finished_at is not null";

/// The one day that is past 30 days.
pub(crate) async fn past_day(world: &World) -> PastDay {
    let days = world.worker.past_days(30).await.unwrap();
    assert_eq!(days.len(), 1, "{days:?}");
    days[0]
}

async fn ended_lately(world: &World, day: NaiveDate) -> Vec<JobId> {
    world.worker.ended_lately(day, 30, None, 100).await.unwrap().found
}

async fn finish_dropping(world: &World, day: NaiveDate) {
    let mut after = None;
    loop {
        // Few at a time, so that there are several pages.
        after = world.worker.keep_ended_lately(day, 30, after, 2).await.unwrap();
        if after.is_none() {
            break;
        }
    }
    world.worker.drop_day(day).await.unwrap();
    assert_eq!(world.worker.past_days(30).await.unwrap(), []);
}

async fn drop_the_day(world: &World) {
    let day = past_day(world).await.day;
    let ended = ended_lately(world, day).await;
    assert!(world.worker.detach_day(day, &ended, 10).await.unwrap());
    finish_dropping(world, day).await;
}

async fn purge_rest(world: &World) -> u32 {
    world.worker.purge_rest(30, None, 10).await.unwrap().found
}

async fn is_gone(world: &World, id: JobId) -> bool {
    world.api.job(world.tenant_id, id).await.unwrap().is_none()
}

#[tokio::test]
async fn retention_drops_days_and_spares_what_lives() {
    let world = World::new().await;
    // Jobs of a day without a partition go to the default one, and move when the day gets its own.
    let (done, live) = (
        world.submit(job_of(40)).await.id,
        world.submit(job_of(40)).await.id,
    );
    world.end(world.start(done).await, Outcome::Succeeded(None)).await;
    world.sql(ENDED_31_DAYS_AGO).await;
    world.sql(PARTITIONS_OF_40_DAYS_AGO).await;
    assert_eq!(world.job(done).await.state, JobState::Succeeded);

    drop_the_day(&world).await;
    assert!(is_gone(&world, done).await);
    assert_eq!(world.events(live).await, ["submitted"]);
    world.end(world.start(live).await, Outcome::Succeeded(None)).await;

    assert_eq!(purge_rest(&world).await, 0);
    world.sql(ENDED_31_DAYS_AGO).await;
    assert_eq!(purge_rest(&world).await, 1);
    assert!(is_gone(&world, live).await);
}

#[tokio::test]
async fn retention_counts_from_the_end_of_a_job() {
    let world = World::new().await;
    let (late, early) = (
        world.submit(job_of(40)).await.id,
        world.submit(job_of(40)).await.id,
    );
    world
        .end(world.start(early).await, Outcome::Succeeded(None))
        .await;
    world.sql(ENDED_31_DAYS_AGO).await;
    world.end(world.start(late).await, Outcome::Succeeded(None)).await;
    world.sql(PARTITIONS_OF_40_DAYS_AGO).await;

    drop_the_day(&world).await;
    assert!(is_gone(&world, early).await);
    assert_eq!(world.job(late).await.state, JobState::Succeeded);
    assert_eq!(world.events(late).await, ["submitted", "started", "succeeded"]);
    assert_eq!(purge_rest(&world).await, 0);
}

#[tokio::test]
async fn a_job_that_was_retried_and_ended_while_its_day_was_read_is_kept() {
    let world = World::new().await;
    let id = world.submit(job_of(40)).await.id;
    let cancelled = world
        .api
        .cancel(&testkit::actor(world.tenant_id), id)
        .await
        .unwrap();
    assert_eq!(cancelled, Cancel::Cancelled);
    world.sql(ENDED_31_DAYS_AGO).await;
    world.sql(PARTITIONS_OF_40_DAYS_AGO).await;
    let day = past_day(&world).await.day;
    assert_eq!(ended_lately(&world, day).await, []);

    world
        .api
        .redrive(&testkit::actor(world.tenant_id), id)
        .await
        .unwrap();
    world.end(world.start(id).await, Outcome::Succeeded(None)).await;
    assert!(world.worker.detach_day(day, &[], 10).await.unwrap());
    // A leader that dies here leaves this to the next one.
    assert_eq!(past_day(&world).await, PastDay { day, attached: false });
    finish_dropping(&world, day).await;
    let history = ["submitted", "cancelled", "redriven", "started", "succeeded"];
    assert_eq!(world.events(id).await, history);
}

#[tokio::test]
async fn a_job_that_ends_while_its_day_is_read_is_found_all_the_time() {
    let world = World::new().await;
    let id = world.submit(job_of(40)).await.id;
    world.sql(PARTITIONS_OF_40_DAYS_AGO).await;
    let day = past_day(&world).await.day;
    let staying = world.worker.survivors(day, 10).await.unwrap();
    assert_eq!(staying, [id]);
    world.end(world.start(id).await, Outcome::Succeeded(None)).await;
    assert!(world.worker.detach_day(day, &staying, 10).await.unwrap());
    assert_eq!(world.events(id).await, ["submitted", "started", "succeeded"]);
}

#[tokio::test]
async fn a_day_of_which_much_must_stay_is_kept() {
    let world = World::new().await;
    for _ in 0..3 {
        world.submit(job_of(40)).await;
    }
    world.sql(PARTITIONS_OF_40_DAYS_AGO).await;
    let PastDay { day, .. } = past_day(&world).await;
    assert!(!world.worker.detach_day(day, &[], 2).await.unwrap());
    assert_eq!(past_day(&world).await, PastDay { day, attached: true });
    assert!(world.worker.drop_day(day).await.is_err());
    assert!(world.worker.detach_day(day, &[], 3).await.unwrap());
}

#[tokio::test]
async fn a_job_that_is_retried_while_it_is_forgotten_lives() {
    let world = World::new().await;
    let id = world.submit(job_of(40)).await.id;
    world
        .api
        .cancel(&testkit::actor(world.tenant_id), id)
        .await
        .unwrap();
    world.sql(ENDED_31_DAYS_AGO).await;
    let mut retry = world.db.superuser().await;
    retry
        .execute(
            "begin;
             with redriven as (
                 update job set state = 'queued', version = version + 1, attempts_spent = 0, run_at = now(),
                                finished_at = null, cancel_requested_at = null
                 returning id, tenant_id, queue, version
             ), rung as (
                 insert into outbox (job_id, tenant_id, queue) select id, tenant_id, queue from redriven
             )
             insert into job_event (job_id, number, tenant_id, event) select id, version, tenant_id, 'redriven' from redriven",
        )
        .await
        .unwrap();
    let committed = async {
        eventually(
            "the purge has met the retry",
            Duration::from_secs(8),
            async || {
                let waiting = "select count(*) from pg_stat_activity
                           where datname = current_database() and wait_event_type = 'Lock'";
                let mut superuser = world.db.superuser().await;
                let waiting: i64 = sqlx::query_scalar(waiting)
                    .fetch_one(&mut superuser)
                    .await
                    .unwrap();
                (waiting == 1).then_some(())
            },
        )
        .await;
        retry.execute("commit").await.unwrap();
    };
    let (purged, ()) = tokio::join!(purge_rest(&world), committed);
    assert_eq!(purged, 0);
    world.end(world.start(id).await, Outcome::Succeeded(None)).await;
    let history = ["submitted", "cancelled", "redriven", "started", "succeeded"];
    assert_eq!(world.events(id).await, history);
}

#[tokio::test]
async fn retention_spares_dead_letters_until_they_are_discarded() {
    let world = World::new().await;
    let kept = world.dead_letter_of(job_of(40), "no").await;
    let discarded = world.dead_letter_of(job_of(40), "no").await;
    world.sql(ENDED_31_DAYS_AGO).await;
    world.sql(PARTITIONS_OF_40_DAYS_AGO).await;
    let discard = |id| {
        let filter = DeadLetterFilter {
            job_ids: Some(vec![id]),
            ..DeadLetterFilter::default()
        };
        let world = &world;
        async move {
            let discarded = world
                .api
                .discard_dead_letters(&testkit::actor(world.tenant_id), &filter, 1)
                .await;
            assert_eq!(discarded.unwrap(), 1);
        }
    };
    discard(discarded).await;
    drop_the_day(&world).await;
    assert!(is_gone(&world, discarded).await);
    assert_eq!(world.events(kept).await, ["submitted", "started", "failed"]);

    assert_eq!(purge_rest(&world).await, 0);
    discard(kept).await;
    assert_eq!(purge_rest(&world).await, 1);
}

#[tokio::test]
async fn what_outlived_its_day_is_forgotten_page_by_page() {
    let world = World::new().await;
    world.submit(job_of(41)).await;
    let ended = world.submit(job_of(40)).await.id;
    world
        .end(world.start(ended).await, Outcome::Succeeded(None))
        .await;
    world.sql(ENDED_31_DAYS_AGO).await;
    let first = world.worker.purge_rest(30, None, 1).await.unwrap();
    assert_eq!(first.found, 0);
    let second = world.worker.purge_rest(30, first.last_read, 1).await.unwrap();
    assert_eq!((second.found, second.last_read), (1, Some(ended)));
    let third = world.worker.purge_rest(30, second.last_read, 1).await.unwrap();
    assert_eq!((third.found, third.last_read), (0, None));
}

#[tokio::test]
async fn partitions_are_made_ahead() {
    let world = World::new().await;
    assert_eq!(world.worker.ensure_partitions(7).await.unwrap(), 0);
    assert_eq!(world.worker.ensure_partitions(9).await.unwrap(), 2);
    assert_eq!(world.worker.ensure_partitions(9).await.unwrap(), 0);
}

/// How often the default partition is read as a whole while partitions are made. (One row that is read by index does not
/// count, and nothing else is counted within the transaction.)
async fn reads_of_rest(world: &World, days_ahead: i32) -> i64 {
    let mut superuser = world.db.superuser().await;
    superuser
        .execute("begin; set local enable_seqscan = off; set local enable_bitmapscan = off")
        .await
        .unwrap();
    sqlx::query("select ensure_partitions($1)")
        .bind(days_ahead)
        .execute(&mut superuser)
        .await
        .unwrap();
    let reads = sqlx::query_scalar(
        "select sum(seq_scan)::bigint from pg_stat_xact_user_tables
         where relname in ('job_rest', 'attempt_rest', 'job_event_rest')",
    )
    .fetch_one(&mut superuser)
    .await
    .unwrap();
    superuser.execute("commit").await.unwrap();
    reads
}

#[tokio::test]
async fn a_partition_is_attached_without_reading_what_outlived_its_day() {
    let world = World::new().await;
    let rest = world.submit(job_of(40)).await.id;
    assert_eq!(reads_of_rest(&world, 8).await, 3, "without the constraints");
    assert_eq!(world.worker.exclude_missing_days(9).await.unwrap(), 3);
    assert_eq!(world.worker.exclude_missing_days(9).await.unwrap(), 0);
    let mut checked = 0;
    while world.worker.check_excluded_day().await.unwrap() {
        checked += 1;
    }
    assert_eq!(checked, 3);
    assert_eq!(reads_of_rest(&world, 9).await, 0);
    let mut superuser = world.db.superuser().await;
    let left: i64 = sqlx::query_scalar("select count(*) from pg_constraint where conname like 'without%'")
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    assert_eq!(left, 0);
    // A row of that day is already there: its day is left to be made the slow way, and goes on.
    let ahead = world.submit(job_of(-10)).await.id;
    assert_eq!(world.worker.exclude_missing_days(10).await.unwrap(), 2);
    world.worker.ensure_partitions(10).await.unwrap();
    for id in [rest, ahead] {
        assert_eq!(world.job(id).await.state, JobState::Queued);
    }
}
