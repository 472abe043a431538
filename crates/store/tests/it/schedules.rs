//! Schedules: kept by their tenant, fired by whoever moves their next fire time on.

mod admission;
mod fire;
mod skipped;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::schedule::{Missed, Overlap, Timing};
use domain::{Precondition, ScheduleName, Versions};
use store::{AuditFilter, DeletedSchedule, PutSchedule, Schedule, ScheduleChange};
use testkit::{actor, new_job};

use crate::world::World;

fn name(text: &str) -> ScheduleName {
    text.parse().unwrap()
}

/// A schedule that fires every hour, one job at a time.
fn hourly(schedule: &str) -> ScheduleChange {
    let job = new_job();
    ScheduleChange {
        name: name(schedule),
        timing: Timing {
            cron: "0 * * * *".parse().unwrap(),
            zone: "Europe/Berlin".parse().unwrap(),
        },
        overlap: Overlap::Skip,
        missed: Missed::Latest,
        missed_after: Duration::from_secs(60),
        job: domain::JobTemplate {
            kind: job.kind,
            queue: job.queue,
            payload: job.payload,
            policy: job.policy,
            timeout: job.timeout,
            start_within: None,
            tags: vec!["night".parse().unwrap()],
            metadata: job.metadata,
            sensitive: job.sensitive,
            unique: job.unique,
        },
    }
}

impl World {
    async fn put(&self, change: &ScheduleChange) -> Schedule {
        let by = actor(self.tenant_id);
        match self
            .api
            .put_schedule(&by, change, &Precondition::default())
            .await
            .unwrap()
        {
            PutSchedule::Created(schedule) | PutSchedule::Replaced(schedule) => *schedule,
            other => panic!("{other:?}"),
        }
    }

    async fn schedule(&self, schedule: &str) -> Schedule {
        self.api
            .schedule(self.tenant_id, &name(schedule))
            .await
            .unwrap()
            .unwrap()
    }

    async fn count(&self, query: &'static str) -> i64 {
        let mut superuser = self.db.superuser().await;
        sqlx::query_scalar(query).fetch_one(&mut superuser).await.unwrap()
    }

    async fn now(&self) -> DateTime<Utc> {
        let mut superuser = self.db.superuser().await;
        sqlx::query_scalar("select now()")
            .fetch_one(&mut superuser)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn a_schedule_is_read_as_it_was_put() {
    let world = World::new().await;
    let made = world.put(&hourly("nightly")).await;
    assert_eq!(
        (made.version, made.cron.as_str(), made.time_zone.as_str()),
        (1, "0 * * * *", "Europe/Berlin")
    );
    assert_eq!(
        (made.overlap, made.missed, made.missed_after.as_secs()),
        (Overlap::Skip, Missed::Latest, 60)
    );
    assert_eq!(made.payload.as_ref().unwrap().get(), new_job().payload.get());
    assert_eq!(made.tags, ["night"]);
    let wait = made.next_fire_at.unwrap() - world.now().await;
    assert!(
        wait > TimeDelta::minutes(-1) && wait <= TimeDelta::hours(1),
        "{wait}"
    );

    let listed = world.api.list_schedules(world.tenant_id, None, 10).await.unwrap();
    assert_eq!((listed.len(), listed[0].name.as_str()), (1, "nightly"));
    assert!(listed[0].payload.is_none());
    let stranger = world.db.tenant().await;
    assert!(
        world
            .api
            .schedule(stranger, &name("nightly"))
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        world
            .api
            .list_schedules(stranger, None, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_change_moves_the_next_fire_time_only_if_it_is_about_time() {
    let world = World::new().await;
    world.put(&hourly("nightly")).await;
    // Due, and not fired yet: a change of something else must not lose it.
    world
        .sql("update schedule set next_fire_at = now() - interval '1 second'")
        .await;
    let due = world.schedule("nightly").await.next_fire_at;
    let mut change = hourly("nightly");
    change.overlap = Overlap::Allow;
    let replaced = world.put(&change).await;
    assert_eq!(
        (replaced.version, replaced.overlap, replaced.next_fire_at),
        (2, Overlap::Allow, due)
    );
    change.timing.zone = "Asia/Kolkata".parse().unwrap();
    let moved = world.put(&change).await;
    assert!(moved.next_fire_at > due, "{moved:?}");
    assert_eq!(
        moved.next_fire_at.unwrap().timestamp() % 3_600,
        1_800,
        "{moved:?}"
    );
}

#[tokio::test]
async fn a_paused_schedule_has_no_next_fire_time_whatever_is_put() {
    let world = World::new().await;
    let by = actor(world.tenant_id);
    world.put(&hourly("nightly")).await;
    let pause = async || {
        world
            .api
            .pause_schedule(&by, &name("nightly"))
            .await
            .unwrap()
            .unwrap()
    };
    let resume = async || {
        world
            .api
            .resume_schedule(&by, &name("nightly"))
            .await
            .unwrap()
            .unwrap()
    };
    let paused = pause().await;
    assert!(paused.paused_at.is_some() && paused.next_fire_at.is_none() && paused.version == 2);
    let again = pause().await;
    assert_eq!((again.paused_at, again.version), (paused.paused_at, 2));
    let put = world.put(&hourly("nightly")).await;
    assert!(put.paused_at.is_some() && put.next_fire_at.is_none());
    let before = world.now().await;
    let resumed = resume().await;
    assert!(resumed.paused_at.is_none() && resumed.next_fire_at > Some(before));
    assert_eq!((resumed.version, resume().await.version), (4, 4));
    let unknown = world.api.pause_schedule(&by, &name("other")).await.unwrap();
    assert!(unknown.is_none());
    assert!(
        world
            .api
            .resume_schedule(&by, &name("other"))
            .await
            .unwrap()
            .is_none()
    );

    let deleted = async || {
        let (nightly, anyhow) = (name("nightly"), Precondition::default());
        world.api.delete_schedule(&by, &nightly, &anyhow).await.unwrap()
    };
    assert_eq!(deleted().await, DeletedSchedule::Deleted);
    assert_eq!(deleted().await, DeletedSchedule::NotFound);
    let filter = AuditFilter {
        target: Some("nightly".to_owned()),
        ..AuditFilter::default()
    };
    let log = world
        .api
        .list_audit(world.tenant_id, &filter, None, 100)
        .await
        .unwrap();
    let actions: Vec<&str> = log.iter().rev().map(|entry| &*entry.action).collect();
    assert_eq!(
        actions,
        [
            "schedule.put",
            "schedule.pause",
            "schedule.put",
            "schedule.resume",
            "schedule.delete"
        ]
    );
}

#[tokio::test]
async fn a_change_needs_the_version_that_it_names() {
    let world = World::new().await;
    let by = actor(world.tenant_id);
    let only_new = Precondition {
        matches_none: Some(Versions::Any),
        ..Precondition::default()
    };
    let version = |version| Precondition {
        matches: Some(Versions::Of(vec![version])),
        ..Precondition::default()
    };
    let put = async |precondition: &Precondition| {
        world
            .api
            .put_schedule(&by, &hourly("nightly"), precondition)
            .await
            .unwrap()
    };
    assert!(matches!(put(&version(1)).await, PutSchedule::PreconditionFailed));
    assert!(matches!(put(&only_new).await, PutSchedule::Created(_)));
    assert!(matches!(put(&only_new).await, PutSchedule::PreconditionFailed));
    assert!(matches!(put(&version(1)).await, PutSchedule::Replaced(_)));
    assert!(matches!(put(&version(1)).await, PutSchedule::PreconditionFailed));
    let delete = async |precondition: &Precondition| {
        world
            .api
            .delete_schedule(&by, &name("nightly"), precondition)
            .await
            .unwrap()
    };
    assert_eq!(delete(&version(1)).await, DeletedSchedule::PreconditionFailed);
    assert_eq!(delete(&version(2)).await, DeletedSchedule::Deleted);
}

#[tokio::test]
async fn of_many_that_are_made_at_once_one_tenant_gets_as_many_as_it_may() {
    let world = World::new().await;
    world.put(&hourly("first")).await;
    world
        .sql(
            "insert into schedule (tenant_id, name, cron, time_zone, overlap, missed, missed_after_secs, kind, queue, payload, tags,
                                   max_attempts, backoff_initial_ms, backoff_factor, backoff_max_ms, timeout_ms)
             select tenant_id, 's' || n, cron, time_zone, overlap, missed, missed_after_secs, kind, queue, payload, tags,
                    max_attempts, backoff_initial_ms, backoff_factor, backoff_max_ms, timeout_ms
             from schedule, generate_series(1, 996) n",
        )
        .await;
    let by = actor(world.tenant_id);
    let changes: Vec<ScheduleChange> = (0..10).map(|n| hourly(&format!("more-{n}"))).collect();
    let anyhow = Precondition::default();
    let puts = changes
        .iter()
        .map(|change| world.api.put_schedule(&by, change, &anyhow));
    let answers = futures::future::join_all(puts).await;
    let made = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(PutSchedule::Created(_))))
        .count();
    let refused = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(PutSchedule::TooMany)))
        .count();
    assert_eq!((made, refused), (3, 7), "{answers:?}");
    // One that is there can still be changed.
    assert_eq!(world.put(&hourly("first")).await.version, 2);
    let stranger = actor(world.db.tenant().await);
    let theirs = world
        .api
        .put_schedule(&stranger, &hourly("first"), &anyhow)
        .await
        .unwrap();
    assert!(matches!(theirs, PutSchedule::Created(_)));
}
