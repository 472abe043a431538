//! Days are made and taken out while somebody holds on to the tables: nobody waits for that.

use std::error::Error as _;
use std::time::Duration;

use chrono::NaiveDate;
use domain::unique::Window;
use domain::{NewJob, OnConflict, Unique, UniqueKey};
use sqlx::{AssertSqlSafe, Executor as _, PgConnection};
use store::{Claim, Error, Idempotency, Submission, Submitted};
use testkit::{eventually, new_job};

use crate::retention::{PARTITIONS_OF_40_DAYS_AGO, past_day};
use crate::world::World;

/// As somebody does who has changed a job and does not commit.
const EVERYTHING_IN_USE: &str = "lock table job, attempt, job_event in row exclusive mode";
/// How often somebody submits while it is tried to make or to take out a day.
const ROUNDS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(30);

/// Somebody who holds a lock.
async fn holding(world: &World, lock: &str) -> PgConnection {
    let mut holder = world.db.superuser().await;
    let statement = AssertSqlSafe(format!("begin; {lock}"));
    holder.execute(statement).await.unwrap();
    holder
}

/// Waits until the lock is free.
async fn release(mut holder: PgConnection) {
    holder.execute("rollback").await.unwrap();
}

fn keyed(world: &World, job: NewJob) -> Submission {
    Submission {
        tenant_id: world.tenant_id,
        idempotency: Some(Idempotency {
            key: "k".to_owned(),
            request_hash: [1; 32],
        }),
        jobs: vec![job],
    }
}

fn unique() -> NewJob {
    let job = new_job();
    let unique = Unique {
        key: UniqueKey::of_text(&job.kind, "the work"),
        window: Window::Live,
        on_conflict: OnConflict::Return,
    };
    NewJob {
        unique: Some(unique),
        ..job
    }
}

/// Submits, each of which is refused if it waits for as long as it may, and claims.
async fn everybody_works(world: &World) {
    for _ in 0..ROUNDS {
        let id = world.submit(new_job()).await.id;
        world.submit(unique()).await;
        let again = world.api.submit(&[keyed(world, new_job())]).await.remove(0);
        assert!(
            matches!(again, Ok(Submitted::Accepted(_) | Submitted::Replayed(_))),
            "{again:?}"
        );
        let claim = world.claim(id).await;
        assert!(matches!(claim, Claim::Started(_)), "{claim:?}");
    }
}

/// Tries it again and again while everybody works, in vain.
async fn everybody_works_beside(world: &World, maintenance: impl AsyncFn() -> Result<(), Error>) {
    let in_vain = async {
        loop {
            let done = maintenance().await;
            assert!(matches!(done, Err(Error::Locked(_))), "{done:?}");
        }
    };
    tokio::select! {
        () = in_vain => {}
        () = everybody_works(world) => {}
    }
}

async fn past(world: &World) -> NaiveDate {
    world.sql(PARTITIONS_OF_40_DAYS_AGO).await;
    past_day(world).await.day
}

#[tokio::test]
async fn nobody_is_refused_while_a_day_can_not_be_made() {
    let world = World::new().await;
    let holder = holding(&world, EVERYTHING_IN_USE).await;
    let make = async || world.worker.ensure_partitions(8).await;
    everybody_works_beside(&world, async || make().await.map(drop)).await;
    everybody_works_beside(&world, async || {
        world.worker.exclude_missing_days(8).await.map(drop)
    })
    .await;
    release(holder).await;
    eventually("the day", PATIENCE, async || make().await.ok()).await;
    assert_eq!(make().await.unwrap(), 0);
}

#[tokio::test]
async fn nobody_is_refused_while_a_day_can_not_be_taken_out() {
    let world = World::new().await;
    let day = past(&world).await;
    let holder = holding(&world, EVERYTHING_IN_USE).await;
    let take_out = async || world.worker.detach_day(day, &[], 10).await;
    everybody_works_beside(&world, async || take_out().await.map(drop)).await;
    release(holder).await;
    eventually("the end of the day", PATIENCE, async || {
        // The try that was under way may have been the one.
        let taken_out = take_out().await.is_ok() || !past_day(&world).await.attached;
        taken_out.then_some(())
    })
    .await;
    assert!(!past_day(&world).await.attached);
}

/// What Postgres says to who is not granted a lock and does not wait for it.
fn not_waited_for(refused: &Error, table: &str) -> bool {
    let cause = refused.source().unwrap().to_string();
    cause.contains(&format!("could not obtain lock on relation \"{table}\""))
}

#[tokio::test]
async fn who_has_a_lock_that_others_wait_for_does_not_wait_for_another_one() {
    let world = World::new().await;
    let day = past(&world).await;
    for table in ["attempt", "job_event", "job_rest", "attempt_p", "job_event_p"] {
        let table = if table.ends_with("_p") {
            format!("{table}{}", day.format("%Y%m%d"))
        } else {
            table.to_owned()
        };
        let holder = holding(&world, &format!("lock table only {table} in access share mode")).await;
        let refused = world.worker.detach_day(day, &[], 10).await.unwrap_err();
        assert!(not_waited_for(&refused, &table), "{refused:?}");
        release(holder).await;
    }
    for table in ["attempt_rest", "job_event_rest"] {
        let holder = holding(&world, &format!("lock table {table} in access share mode")).await;
        let refused = world.worker.ensure_partitions(8).await.unwrap_err();
        assert!(not_waited_for(&refused, table), "{refused:?}");
        let refused = world.worker.exclude_missing_days(8).await.unwrap_err();
        assert!(not_waited_for(&refused, table), "{refused:?}");
        release(holder).await;
    }
}

#[tokio::test]
async fn days_are_made_one_by_one() {
    let world = World::new().await;
    assert_eq!(world.worker.ensure_partitions(10).await.unwrap(), 3);
    let mut superuser = world.db.superuser().await;
    let transactions: i64 = sqlx::query_scalar(
        "select count(distinct p.xmin::text) from pg_inherits p, generate_series(8, 10) ahead
         where inhrelid = ('job' || day_suffix((now() at time zone 'utc')::date + ahead))::regclass",
    )
    .fetch_one(&mut superuser)
    .await
    .unwrap();
    assert_eq!(transactions, 3);
}
