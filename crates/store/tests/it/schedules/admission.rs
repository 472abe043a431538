//! What a schedule's jobs may say, and what keeps a schedule from making them: quotas and unique keys.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::schedule::{Overlap, Plan, Skip};
use domain::unique::Window;
use domain::{JobId, JobState, NewJob, OnConflict, Outcome, Unique, UniqueKey};
use sqlx::Executor as _;
use store::{Error, FiredNow, Firing, Idempotency, ScheduleChange, Submitted, Trigger};
use testkit::{actor, new_job};

use super::fire::{made, new_id};
use super::{hourly, name};
use crate::world::World;

/// A schedule that says all that a submit may say.
fn talkative(schedule: &str, on_conflict: OnConflict) -> ScheduleChange {
    let mut change = hourly(schedule);
    change.overlap = Overlap::Allow;
    change.job.metadata = BTreeMap::from([("team".to_owned(), "billing".to_owned())]);
    change.job.sensitive = vec!["/hello".parse().unwrap()];
    change.job.start_within = Some(Duration::from_hours(1));
    change.job.unique = Some(unique(on_conflict));
    change
}

fn unique(on_conflict: OnConflict) -> Unique {
    Unique {
        key: UniqueKey::of_text(&new_job().kind, "the work"),
        window: Window::Live,
        on_conflict,
    }
}

fn trigger(key: Option<&str>) -> Trigger {
    Trigger {
        job_id: JobId(new_id()),
        traceparent: String::new(),
        idempotency: key.map(|key| Idempotency {
            key: key.to_owned(),
            request_hash: [7; 32],
        }),
    }
}

impl World {
    async fn fire_now(&self, schedule: &str, key: Option<&str>) -> FiredNow {
        let by = actor(self.tenant_id);
        self.api
            .fire_now(&by, &name(schedule), &trigger(key))
            .await
            .unwrap()
    }

    /// Fires the only schedule that is due for so many fire times, a second apart; the next one is in an hour.
    async fn fire_times(&self, fires: i32) -> (store::Fired, Vec<JobId>) {
        let due = self.due().await.remove(0);
        let at = |n: i32| due.due_at + chrono::TimeDelta::seconds(n.into());
        let firing = Firing {
            tenant_id: due.tenant_id,
            name: due.name.clone(),
            due_at: due.due_at,
            plan: Plan {
                fires: (0..fires).map(at).collect(),
                next_fire_at: Some(due.now + chrono::TimeDelta::hours(1)),
                skipped: None,
            },
            job_ids: (0..fires).map(|_| JobId(new_id())).collect(),
        };
        let mut fires = self.worker.fire(&[firing]).await.unwrap();
        (fires.fired.remove(0), fires.cancelled)
    }
}

#[tokio::test]
async fn its_jobs_say_all_that_a_submit_may_say_whoever_makes_them() {
    let world = World::new().await;
    let put = world.put(&talkative("nightly", OnConflict::Return)).await;
    assert_eq!(put.unique, Some(unique(OnConflict::Return)));
    assert_eq!(put.start_within, Some(Duration::from_hours(1)));
    world.make_due().await;
    let fired = world.fire_all().await.fired.remove(0).jobs.remove(0).id;
    world.end_job(fired).await;
    let (asked, _) = made(world.fire_now("nightly", None).await);
    for id in [fired, asked.id] {
        let job = world.job(id).await;
        assert_eq!(job.metadata["team"], "billing");
        assert_eq!(job.sensitive, ["/hello".parse().unwrap()]);
        let within = job.start_by.unwrap() - job.created_at;
        assert_eq!(within, chrono::TimeDelta::hours(1), "{job:?}");
        assert_eq!(job.fire.unwrap().schedule, "nightly");
    }
    assert_eq!(
        world
            .count("select count(*) from outbox where start_by is not null")
            .await,
        1
    );
}

#[tokio::test]
async fn fire_times_wait_for_room_and_none_is_lost() {
    let world = World::new().await;
    let mut change = hourly("nightly");
    change.overlap = Overlap::Allow;
    world.put(&change).await;
    world.sql("update tenant set max_queued_jobs = 3").await;
    world.submit(new_job()).await;
    let later = NewJob {
        run_at: Some(world.now().await + chrono::TimeDelta::hours(1)),
        ..new_job()
    };
    world.submit(later).await;
    world
        .sql("update schedule set next_fire_at = date_trunc('second', now()) - interval '1 minute'")
        .await;
    let due_at = world.due().await[0].due_at;

    // There is room for one: the oldest.
    let (fired, _) = world.fire_times(3).await;
    assert_eq!((fired.jobs.len(), fired.over_quota), (1, Some(3)));
    let told = world.schedule("nightly").await;
    assert_eq!(told.last_fired_at, Some(due_at));
    assert_eq!(told.next_fire_at, Some(due_at + chrono::TimeDelta::seconds(1)));
    assert!(told.last_error.unwrap().starts_with("quota_exceeded: "));
    assert!(told.last_error_at.is_some());
    // It is left alone for a while, and then tried in vain.
    assert!(world.due().await.is_empty());
    assert_eq!(world.worker.next_fire_in().await.unwrap(), None);
    world.sql("update schedule set retry_at = now()").await;
    let (fired, _) = world.fire_times(2).await;
    assert_eq!((fired.jobs.len(), fired.over_quota), (0, Some(3)));
    assert_eq!(world.count("select count(*) from job").await, 3);

    world.sql("update tenant set max_queued_jobs = 5").await;
    world.sql("update schedule set retry_at = now()").await;
    let (fired, _) = world.fire_times(2).await;
    assert_eq!((fired.jobs.len(), fired.over_quota), (2, None));
    let mended = world.schedule("nightly").await;
    assert_eq!((mended.last_error, mended.last_skipped_at), (None, None));
    assert!(mended.next_fire_at > mended.last_fired_at);
}

#[tokio::test]
async fn the_schedules_of_a_tenant_share_its_room_and_other_tenants_have_their_own() {
    let world = World::new().await;
    world.sql("update tenant set max_queued_jobs = 2").await;
    let other = world.db.tenant().await;
    for n in 0..4 {
        world.put(&hourly(&format!("s{n}"))).await;
    }
    let by = actor(other);
    let theirs = world
        .api
        .put_schedule(&by, &hourly("theirs"), &domain::Precondition::default())
        .await
        .unwrap();
    assert!(matches!(theirs, store::PutSchedule::Created(_)));
    world.make_due().await;
    let fired = world.fire_all().await.fired;
    let of = |tenant_id| {
        let of = fired.iter().filter(move |fired| fired.tenant_id == tenant_id);
        (
            of.clone().filter(|fired| fired.jobs.len() == 1).count(),
            of.filter(|fired| fired.over_quota == Some(2)).count(),
        )
    };
    assert_eq!((of(world.tenant_id), of(other)), ((2, 2), (1, 0)));
}

#[tokio::test]
async fn what_overlaps_needs_no_room_and_what_has_none_cancels_nothing() {
    let world = World::new().await;
    world.sql("update tenant set max_queued_jobs = 1").await;
    for overlap in [Overlap::Skip, Overlap::CancelPrevious] {
        let mut change = hourly("nightly");
        change.overlap = overlap;
        world.put(&change).await;
        world
            .sql("update schedule set next_fire_at = date_trunc('second', now()) - interval '1 hour'")
            .await;
        if overlap == Overlap::Skip {
            assert_eq!(world.fire_all().await.fired[0].jobs.len(), 1);
            world.make_due().await;
            let skipped = &world.fire_all().await.fired[0];
            assert_eq!((skipped.skipped, skipped.over_quota), (Some(Skip::Overlap), None));
        } else {
            let (waits, cancelled) = world.fire_times(1).await;
            assert_eq!((waits.jobs.len(), waits.over_quota), (0, Some(1)));
            assert_eq!(cancelled, []);
            assert_eq!(
                world
                    .tokens(world.schedule("nightly").await.last_job_id.unwrap())
                    .await,
                ["outbox"]
            );
        }
    }
}

#[tokio::test]
async fn a_fire_time_whose_work_is_done_by_another_job_is_let_go() {
    for on_conflict in [OnConflict::Return, OnConflict::Reject] {
        let world = World::new().await;
        world.put(&talkative("nightly", on_conflict)).await;
        let holder = NewJob {
            unique: Some(unique(on_conflict)),
            ..new_job()
        };
        let holder = world.submit(holder).await.id;
        world.make_due().await;
        let due_at = world.due().await[0].due_at;
        let fired = world.fire_all().await.fired.remove(0);
        assert_eq!((fired.jobs.len(), fired.skipped), (0, Some(Skip::Unique)));
        let told = world.schedule("nightly").await;
        assert_eq!(
            (told.last_skipped_at, told.last_skip_reason, told.last_job_id),
            (Some(due_at), Some(Skip::Unique), None)
        );
        assert!(told.next_fire_at > Some(due_at));

        // On request it is a submit like any other.
        match (on_conflict, world.fire_now("nightly", None).await) {
            (
                OnConflict::Return,
                FiredNow::Submitted {
                    answer: Submitted::Accepted(jobs),
                    ..
                },
            ) => {
                assert_eq!((jobs[0].id, jobs[0].existed), (holder, true));
            }
            (
                OnConflict::Reject,
                FiredNow::Submitted {
                    answer: Submitted::UniqueConflict { holder: told, .. },
                    ..
                },
            ) => {
                assert_eq!(told, holder);
            }
            (_, other) => panic!("{other:?}"),
        }
        assert_eq!(world.count("select count(*) from job").await, 1);

        // Of two fire times at once only the first has a job, which keeps the second one away.
        world.end_job(holder).await;
        world.make_due().await;
        let (fired, _) = world.fire_times(2).await;
        assert_eq!((fired.jobs.len(), fired.skipped), (1, Some(Skip::Unique)));
    }
}

#[tokio::test]
async fn a_fire_time_may_take_the_place_of_a_job_that_has_not_started() {
    let world = World::new().await;
    world.put(&talkative("nightly", OnConflict::Replace)).await;
    let holder = NewJob {
        unique: Some(unique(OnConflict::Replace)),
        ..new_job()
    };
    let holder = world.submit(holder).await.id;
    world.make_due().await;
    let fires = world.fire_all().await;
    let fired = &fires.fired[0];
    assert_eq!((fired.jobs.len(), &fires.cancelled[..]), (1, &[holder][..]));
    assert_eq!(world.job(holder).await.state, JobState::Cancelled);
    let (asked, cancelled) = made(world.fire_now("nightly", None).await);
    assert_eq!(cancelled, [fired.jobs[0].id]);
    // One that runs is in the way.
    let running = world.start(asked.id).await;
    world
        .sql("update schedule set next_fire_at = date_trunc('second', now()) - interval '1 hour'")
        .await;
    assert_eq!(world.fire_all().await.fired[0].skipped, Some(Skip::Unique));
    world.end(running, Outcome::Succeeded(None)).await;
    // A fire time that has its job already takes no key and replaces nothing.
    let free = NewJob {
        unique: Some(unique(OnConflict::Replace)),
        ..new_job()
    };
    let free = world.submit(free).await.id;
    world
        .sql("update schedule set next_fire_at = (select min(fire_at) from schedule_fire)")
        .await;
    let (again, cancelled) = world.fire_times(1).await;
    assert_eq!((again.jobs.len(), &cancelled[..]), (0, &[][..]));
    assert_eq!(world.tokens(free).await, ["outbox"]);
}

#[tokio::test]
async fn a_repeated_request_to_fire_makes_one_job() {
    let world = World::new().await;
    world.put(&hourly("nightly")).await;
    let at_once = (0..20).map(|_| world.fire_now("nightly", Some("k")));
    let mut new = Vec::new();
    for fired in futures::future::join_all(at_once).await {
        match fired {
            FiredNow::Submitted {
                answer: Submitted::Accepted(jobs),
                ..
            } => new.push(jobs[0].id),
            FiredNow::Submitted {
                answer: Submitted::Replayed(_) | Submitted::InProgress,
                ..
            } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((new.len(), world.count("select count(*) from job").await), (1, 1));
    // The previous job lives and is in the way of another request, but not of this one.
    let FiredNow::Submitted {
        answer: Submitted::Replayed(jobs),
        ..
    } = world.fire_now("nightly", Some("k")).await
    else {
        panic!("not replayed")
    };
    assert_eq!(jobs[0].id, new[0]);
    assert!(matches!(
        world.fire_now("nightly", Some("l")).await,
        FiredNow::PreviousLives(_)
    ));
    // A request that was refused has not used up its key.
    world.end_job(new[0]).await;
    made(world.fire_now("nightly", Some("l")).await);
    // What was answered is answered again, also when the schedule is gone.
    let by = actor(world.tenant_id);
    let any = domain::Precondition::default();
    world
        .api
        .delete_schedule(&by, &name("nightly"), &any)
        .await
        .unwrap();
    let replayed = world.fire_now("nightly", Some("k")).await;
    assert!(
        matches!(&replayed, FiredNow::Submitted { answer: Submitted::Replayed(jobs), .. } if jobs[0].id == new[0]),
        "{replayed:?}"
    );
}

#[tokio::test]
async fn a_request_to_fire_that_waits_in_vain_is_in_progress_only_where_its_key_is_held() {
    let world = World::impatient().await;
    world.put(&hourly("nightly")).await;
    let mut other = world.db.superuser().await;
    other.execute("begin").await.unwrap();
    sqlx::query("insert into idempotency values ($1, 'k', $2, '{}', now() + interval '1 hour')")
        .bind(world.tenant_id.0)
        .bind(vec![7_u8; 32])
        .execute(&mut other)
        .await
        .unwrap();
    let fired = world.fire_now("nightly", Some("k")).await;
    let in_progress = matches!(
        fired,
        FiredNow::Submitted {
            answer: Submitted::InProgress,
            ..
        }
    );
    assert!(in_progress, "{fired:?}");
    other.execute("rollback").await.unwrap();

    // Here somebody else holds the schedule, and the key is free.
    other
        .execute("begin; select from schedule for update")
        .await
        .unwrap();
    let by = actor(world.tenant_id);
    for key in [Some("k"), None] {
        let waited = world.api.fire_now(&by, &name("nightly"), &trigger(key)).await;
        assert!(matches!(waited, Err(Error::Locked(_))), "{waited:?}");
    }
    other.execute("rollback").await.unwrap();
    made(world.fire_now("nightly", Some("k")).await);
}
