//! Firing: once for each fire time, whoever fires, and however many do.

use domain::schedule::{Fire, Overlap, Plan, Skip};
use domain::{JobId, JobState, Outcome};
use sqlx::{AssertSqlSafe, Executor};
use store::{DueSchedule, Fired, FiredNow, Fires, Firing, Submitted, SubmittedJob, Trigger, UnfiredSchedule};
use testkit::{actor, eventually};

use super::{hourly, name};
use crate::world::{World, random};

/// Makes one job for the fire time that has come, and fires next in an hour.
pub(super) fn firing(due: &DueSchedule) -> Firing {
    Firing {
        tenant_id: due.tenant_id,
        name: due.name.clone(),
        due_at: due.due_at,
        plan: Plan {
            fires: vec![due.due_at],
            next_fire_at: Some(due.now + chrono::TimeDelta::hours(1)),
            skipped: None,
        },
        job_ids: vec![JobId(new_id())],
    }
}

/// The job that a schedule has made on request, and what was cancelled for it.
#[track_caller]
pub(super) fn made(fired: FiredNow) -> (SubmittedJob, Vec<JobId>) {
    match fired {
        FiredNow::Submitted {
            answer: Submitted::Accepted(mut jobs),
            cancelled,
        } => (jobs.remove(0), cancelled),
        other => panic!("{other:?}"),
    }
}

#[expect(clippy::disallowed_methods, reason = "tests need no repeatable ids")]
pub(super) fn new_id() -> uuid::Uuid {
    uuid::Uuid::now_v7()
}

impl World {
    /// Has every schedule be due since a moment ago.
    pub(super) async fn make_due(&self) {
        self.sql("update schedule set next_fire_at = date_trunc('second', now()) where paused_at is null")
            .await;
    }

    pub(super) async fn due(&self) -> Vec<DueSchedule> {
        self.worker.due_schedules(1_000).await.unwrap()
    }

    pub(super) async fn fire_all(&self) -> Fires {
        let firings: Vec<Firing> = self.due().await.iter().map(firing).collect();
        let mut fires = self.worker.fire(&firings).await.unwrap();
        fires.fired.sort_by(|a, b| a.name.cmp(&b.name));
        fires
    }

    pub(super) async fn end_job(&self, id: JobId) {
        self.end(self.start(id).await, Outcome::Succeeded(None)).await;
    }
}

#[tokio::test]
async fn a_fired_job_is_what_the_schedule_says() {
    let world = World::new().await;
    world.put(&hourly("nightly")).await;
    assert!(world.due().await.is_empty());
    assert!(world.worker.next_fire_in().await.unwrap().unwrap().as_secs() <= 3_600);
    world.make_due().await;
    let [due] = &world.due().await[..] else {
        panic!("not one is due")
    };
    let fired = world.worker.fire(&[firing(due)]).await.unwrap().fired;
    let [job] = &fired[0].jobs[..] else {
        panic!("{fired:?}")
    };
    assert_eq!(
        (fired[0].name.as_str(), job.queue.as_str(), fired[0].skipped),
        ("nightly", "default", None)
    );

    let stored = world.job(job.id).await;
    assert_eq!(
        (stored.state, stored.kind.as_str(), &stored.tags[..]),
        (JobState::Queued, "test.echo", &["night".to_owned()][..])
    );
    assert_eq!(stored.payload.unwrap().get(), hourly("nightly").job.payload.get());
    let by = Fire {
        schedule: "nightly".to_owned(),
        fire_at: due.due_at,
    };
    assert_eq!(stored.fire, Some(by.clone()));
    assert_eq!(world.tokens(job.id).await, ["outbox"]);
    let started = world.start(job.id).await;
    assert_eq!(started.fire, Some(by));

    let schedule = world.schedule("nightly").await;
    assert_eq!(
        (schedule.last_fired_at, schedule.last_job_id),
        (Some(due.due_at), Some(job.id))
    );
    assert!(schedule.next_fire_at > Some(due.now) && schedule.version == 1);
    // What was planned before is in vain after.
    assert_eq!(world.worker.fire(&[firing(due)]).await.unwrap(), Fires::default());
}

#[tokio::test]
async fn many_who_fire_at_once_fire_once() {
    const SCHEDULES: i64 = 40;
    let world = World::new().await;
    for n in 0..SCHEDULES {
        world.put(&hourly(&format!("s{n}"))).await;
    }
    for round in 1..=3 {
        world.sql("update job set state = 'cancelled', finished_at = now() where state = 'queued'; delete from outbox").await;
        world.sql("update schedule set next_fire_at = date_trunc('second', clock_timestamp()) - interval '1 second' * (10 - (select count(*) from job) / 40)").await;
        let due = world.due().await;
        assert_eq!(due.len() as i64, SCHEDULES);
        // Each has read that all of them are due.
        let workers = (0..8).map(|_| async {
            let firings: Vec<Firing> = due.iter().map(firing).collect();
            world.worker.fire(&firings).await.unwrap().fired
        });
        let fired: Vec<Fired> = futures::future::join_all(workers).await.concat();
        assert_eq!(fired.len() as i64, SCHEDULES, "round {round}");
        assert_eq!(world.count("select count(*) from job").await, SCHEDULES * round);
        assert_eq!(world.count("select count(*) from outbox").await, SCHEDULES);
        assert_eq!(
            world.count("select count(*) from schedule_fire").await,
            SCHEDULES * round
        );
    }
}

#[tokio::test]
async fn a_fire_time_that_comes_again_makes_no_second_job() {
    let world = World::new().await;
    world.put(&hourly("nightly")).await;
    world.make_due().await;
    let due = world.due().await.remove(0);
    let first = world.worker.fire(&[firing(&due)]).await.unwrap().fired;
    world.end_job(first[0].jobs[0].id).await;
    // As if the compare-and-set had been broken: a restored row, or somebody's hand.
    let again = AssertSqlSafe(format!(
        "update schedule set next_fire_at = '{}'",
        due.due_at.to_rfc3339()
    ));
    world.db.superuser().await.execute(again).await.unwrap();
    let second = world.worker.fire(&[firing(&due)]).await.unwrap().fired;
    assert_eq!((second.len(), second[0].jobs.len()), (1, 0));
    assert_eq!(world.count("select count(*) from job").await, 1);
    let schedule = world.schedule("nightly").await;
    assert_eq!(schedule.last_job_id, Some(first[0].jobs[0].id));
    assert!(schedule.next_fire_at > Some(due.now));
}

#[tokio::test]
async fn a_leader_that_dies_while_it_fires_has_fired_nothing_and_the_next_one_fires() {
    let world = World::new().await;
    world.put(&hourly("nightly")).await;
    world.make_due().await;
    let due = world.due().await;
    // It holds the schedule and waits for the jobs' table.
    let mut blocker = world.db.superuser().await;
    blocker
        .execute("begin; lock table job in exclusive mode")
        .await
        .unwrap();
    let dying = firing(&due[0]);
    let dying = world.worker.fire(std::slice::from_ref(&dying));
    let killing = async {
        let waiting = eventually("the leader waits", std::time::Duration::from_secs(10), || async {
            let pid =
                "select pid from pg_stat_activity where datname = current_database() and usename is not null
                       and wait_event_type = 'Lock' and query like '%schedule_fire%' limit 1";
            let mut superuser = world.db.superuser().await;
            sqlx::query_scalar::<_, i32>(pid)
                .fetch_optional(&mut superuser)
                .await
                .unwrap()
        });
        let pid = waiting.await;
        // Meanwhile another one leads; what is held is nobody else's.
        assert_eq!(
            world.worker.fire(&[firing(&due[0])]).await.unwrap(),
            Fires::default()
        );
        let kill = sqlx::query("select pg_terminate_backend($1)").bind(pid);
        kill.execute(&mut world.db.superuser().await).await.unwrap();
    };
    let (died, ()) = tokio::join!(dying, killing);
    assert!(died.unwrap_err().is_transient());
    blocker.execute("rollback").await.unwrap();
    assert_eq!(world.count("select count(*) from job").await, 0);
    assert_eq!(world.fire_all().await.fired[0].jobs.len(), 1);
    assert_eq!(world.count("select count(*) from job").await, 1);
}

#[tokio::test]
async fn what_overlaps_is_skipped_allowed_or_cancelled() {
    let world = World::new().await;
    for (schedule, overlap) in [
        ("a", Overlap::Allow),
        ("c", Overlap::CancelPrevious),
        ("s", Overlap::Skip),
    ] {
        let mut change = hourly(schedule);
        change.overlap = overlap;
        world.put(&change).await;
    }
    world.make_due().await;
    let first = world.fire_all().await;
    assert_eq!(first.cancelled, []);
    let first = first.fired;
    assert!(
        first
            .iter()
            .all(|fired| fired.jobs.len() == 1 && fired.skipped.is_none()),
        "{first:?}"
    );
    world
        .sql("update schedule set next_fire_at = date_trunc('second', now()) - interval '1 hour'")
        .await;
    let second = world.fire_all().await;
    let [allowed, cancelling, skipped] = &second.fired[..] else {
        panic!("{second:?}")
    };
    let previous = first[1].jobs[0].id;
    assert_eq!(second.cancelled, [previous]);
    assert_eq!((allowed.jobs.len(), cancelling.jobs.len()), (1, 1));
    assert_eq!(world.job(previous).await.state, JobState::Cancelled);
    assert_eq!(world.events(previous).await, ["submitted", "cancelled"]);
    assert_eq!((skipped.jobs.len(), skipped.skipped), (0, Some(Skip::Overlap)));
    let kept = world.schedule(&skipped.name).await;
    assert_eq!(kept.last_skip_reason, Some(Skip::Overlap));
    assert!(kept.last_skipped_at.is_some(), "{kept:?}");

    // One that runs is asked to end; one that has ended is in nobody's way.
    let running = world.start(cancelling.jobs[0].id).await;
    world.end_job(first[2].jobs[0].id).await;
    world
        .sql("update schedule set next_fire_at = date_trunc('second', now()) - interval '2 hours'")
        .await;
    let third = world.fire_all().await;
    assert_eq!(third.cancelled, []);
    let third = third.fired;
    assert_eq!(third[1].jobs.len(), 1);
    assert!(
        world
            .job(running.lease.job_id)
            .await
            .cancel_requested_at
            .is_some()
    );
    assert_eq!((third[2].jobs.len(), third[2].skipped), (1, None));
}

#[tokio::test]
async fn a_schedule_that_is_paused_or_deleted_meanwhile_does_not_fire() {
    let world = World::new().await;
    let by = actor(world.tenant_id);
    for schedule in ["deleted", "paused"] {
        world.put(&hourly(schedule)).await;
    }
    world.make_due().await;
    let firings: Vec<Firing> = world.due().await.iter().map(firing).collect();
    world.api.pause_schedule(&by, &name("paused")).await.unwrap();
    world
        .api
        .delete_schedule(&by, &name("deleted"), &Default::default())
        .await
        .unwrap();
    assert_eq!(world.worker.fire(&firings).await.unwrap(), Fires::default());
    assert_eq!(world.count("select count(*) from job").await, 0);
}

#[tokio::test]
async fn what_could_not_be_fired_says_why_and_is_left_alone_for_a_while() {
    let world = World::new().await;
    world.put(&hourly("nightly")).await;
    world.make_due().await;
    let due = world.due().await.remove(0);
    let unfired = UnfiredSchedule {
        tenant_id: due.tenant_id,
        name: due.name.clone(),
        due_at: due.due_at,
        error: "x".repeat(2_000),
    };
    world.worker.record_unfired(&[unfired]).await.unwrap();
    assert!(world.due().await.is_empty());
    let told = world.schedule("nightly").await;
    assert_eq!(told.last_error.unwrap().len(), 1_000);
    assert!(told.last_error_at.is_some());
    world.sql("update schedule set retry_at = now()").await;
    assert_eq!(world.fire_all().await.fired[0].jobs.len(), 1);
    let mended = world.schedule("nightly").await;
    assert_eq!((mended.last_error, mended.last_error_at), (None, None));
}

#[tokio::test]
async fn one_fires_on_request_with_the_policy_and_beside_the_fire_times() {
    let world = World::new().await;
    let by = actor(world.tenant_id);
    let put = world.put(&hourly("nightly")).await;
    let fire = async || {
        let trigger = Trigger {
            job_id: JobId(new_id()),
            traceparent: "00-0-0-01".to_owned(),
            idempotency: None,
        };
        world.api.fire_now(&by, &name("nightly"), &trigger).await.unwrap()
    };
    let (job, cancelled) = made(fire().await);
    assert_eq!(cancelled, []);
    let stored = world.job(job.id).await;
    assert_eq!(stored.fire.unwrap().fire_at, stored.created_at);
    assert_eq!(stored.request_id.as_deref(), Some("a-request"));
    assert!(matches!(fire().await, FiredNow::PreviousLives(previous) if previous == job.id));
    world.end_job(job.id).await;
    world.api.pause_schedule(&by, &name("nightly")).await.unwrap();
    made(fire().await);

    let mut change = hourly("nightly");
    change.overlap = Overlap::CancelPrevious;
    let last = world.put(&change).await.last_job_id;
    assert!(last.is_some());
    let (_, cancelled) = made(fire().await);
    assert_eq!(cancelled, Vec::from_iter(last));
    let resumed = world
        .api
        .resume_schedule(&by, &name("nightly"))
        .await
        .unwrap()
        .unwrap();
    assert!(put.next_fire_at.is_some() && resumed.next_fire_at >= put.next_fire_at);
    let trigger = Trigger {
        job_id: JobId(random()),
        traceparent: String::new(),
        idempotency: None,
    };
    let other = world.api.fire_now(&by, &name("other"), &trigger).await.unwrap();
    assert!(matches!(other, FiredNow::NotFound), "{other:?}");
}

#[tokio::test]
async fn fire_times_are_forgotten_when_jobs_are() {
    let world = World::new().await;
    world.put(&hourly("nightly")).await;
    world.make_due().await;
    world.fire_all().await;
    assert_eq!(world.worker.purge_schedule_fires(30, 10).await.unwrap(), 0);
    // However long ago the time was that it fired for.
    world
        .sql("update schedule_fire set fire_at = fire_at - interval '1 year'")
        .await;
    assert_eq!(world.worker.purge_schedule_fires(30, 10).await.unwrap(), 0);
    world
        .sql("update schedule_fire set fired_at = now() - interval '31 days'")
        .await;
    assert_eq!(world.worker.purge_schedule_fires(30, 10).await.unwrap(), 1);
}
