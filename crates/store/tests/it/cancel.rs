//! A cancel that meets a finish: whoever commits first, a job whose cancel was acknowledged starts no other attempt.

use std::time::Duration;

use domain::{Failure, FailureCode, JobId, JobState, Outcome, StartedJob};
use sqlx::{Connection as _, PgConnection};
use store::{Cancel, Claim, Finished};
use testkit::{eventually, new_job};

use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(20);

/// Has a statement wait, after what it has changed and before its commit, until the test lets it go on.
struct Stall(PgConnection);

impl Stall {
    /// Stalls whatever does `what` to a row, e.g. `insert on due`.
    async fn after(world: &World, what: &'static str) -> Self {
        let mut superuser = world.db.superuser().await;
        let trigger = format!(
            "create function wait_for_test() returns trigger language plpgsql security definer as $$
             begin perform pg_advisory_xact_lock_shared(1); return null; end $$;
             create trigger stall after {what} for each row execute function wait_for_test();
             select pg_advisory_lock(1)"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(trigger))
            .execute(&mut superuser)
            .await
            .unwrap();
        Self(superuser)
    }

    /// Waits until this many statements wait for somebody in this database.
    async fn until_waiting(&mut self, statements: i64) {
        let waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        let connection = tokio::sync::Mutex::new(&mut self.0);
        eventually("statements wait for each other", PATIENCE, async || {
            let mut connection = connection.lock().await;
            let count: i64 = sqlx::query_scalar(waiting)
                .fetch_one(&mut **connection)
                .await
                .unwrap();
            (count == statements).then_some(())
        })
        .await;
    }

    /// Waits for the first statement to stall, and has this one run into it; both go on once it waits for the first.
    async fn let_meet<T>(mut self, second: impl Future<Output = T>) -> T {
        self.until_waiting(1).await;
        let letting_go = async {
            self.until_waiting(2).await;
            self.0.close().await.unwrap();
        };
        tokio::join!(second, letting_go).0
    }
}

fn ways_back() -> [Outcome; 3] {
    let failure = Failure::new(FailureCode::HandlerError, "it broke");
    [
        Outcome::Failed {
            failure,
            retry_after: None,
        },
        Outcome::Snoozed(Duration::ZERO),
        Outcome::Released,
    ]
}

/// A world with a running job.
async fn running() -> (World, JobId, StartedJob) {
    let world = World::new().await;
    let id = world.submit(new_job()).await.id;
    let started = world.start(id).await;
    (world, id, started)
}

async fn cancel(world: &World, id: JobId) -> Cancel {
    world
        .api
        .cancel(&testkit::actor(world.tenant_id), id)
        .await
        .unwrap()
}

async fn assert_cancelled_for_good(world: &World, id: JobId) {
    assert_eq!(world.job(id).await.state, JobState::Cancelled);
    assert!(world.tokens(id).await.is_empty());
    assert!(world.worker.promote_due(10).await.unwrap().is_empty());
    assert!(matches!(
        world.claim(id).await,
        Claim::Finished(JobState::Cancelled)
    ));
}

#[tokio::test]
async fn a_finish_that_waits_for_a_cancel_sees_its_request() {
    for outcome in ways_back() {
        let (world, id, started) = running().await;
        let stall = Stall::after(&world, "update of cancel_requested_at on job").await;
        let cancelling = cancel(&world, id);
        let finishing = stall.let_meet(world.end(started, outcome));
        let (cancelled, finished) = tokio::join!(cancelling, finishing);
        assert_eq!(cancelled, Cancel::Requested);
        assert_eq!(finished, Finished::Recorded(JobState::Cancelled));
        assert_cancelled_for_good(&world, id).await;
        assert_eq!(world.events(id).await, ["submitted", "started", "cancelled"]);
        let attempts = world.api.attempts(world.tenant_id, id).await.unwrap().unwrap();
        assert_eq!(attempts[0].event.as_deref(), Some("cancelled"));
    }
}

#[tokio::test]
async fn a_cancel_that_waits_for_a_finish_cancels_what_it_left() {
    for outcome in ways_back() {
        let (world, id, started) = running().await;
        // The last of what the finish writes, so it holds the job's row when it stalls.
        let stall = Stall::after(&world, "insert on job_event").await;
        let finishing = async { world.end(started, outcome).await };
        let cancelling = stall.let_meet(cancel(&world, id));
        let (finished, cancelled) = tokio::join!(finishing, cancelling);
        assert!(
            matches!(
                finished,
                Finished::Recorded(JobState::Scheduled | JobState::Queued)
            ),
            "{finished:?}"
        );
        assert_eq!(cancelled, Cancel::Cancelled);
        assert_cancelled_for_good(&world, id).await;
    }
}

#[tokio::test]
async fn a_cancel_that_waits_for_a_success_comes_too_late() {
    let (world, id, started) = running().await;
    let stall = Stall::after(&world, "insert on job_event").await;
    let finishing = async { world.end(started, Outcome::Succeeded(None)).await };
    let cancelling = stall.let_meet(cancel(&world, id));
    let (finished, cancelled) = tokio::join!(finishing, cancelling);
    assert_eq!(finished, Finished::Recorded(JobState::Succeeded));
    assert_eq!(cancelled, Cancel::AlreadyFinished(JobState::Succeeded));
}
