//! Schedules, fired by the maintenance pass and by leaders who come and go.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Timelike as _, Utc};
use domain::schedule::{Missed, Overlap, Timing};
use domain::{JobId, JobState, JobTemplate, NewJob, Precondition};
use serde_json::{Value, json};
use store::{PutSchedule, Schedule, ScheduleChange};
use testkit::{Logs, actor, eventually};
use worker::{Counts, Done, Handler, JobError, JobScope, Worker};

use crate::world::{PATIENCE, World, job, test_handlers};

/// Tells what it knows about its schedule.
struct Scheduled;

impl Handler for Scheduled {
    const KIND: &'static str = "test.scheduled";
    type Payload = Value;

    async fn run(&self, _payload: Value, scope: JobScope) -> Result<Done, JobError> {
        let told = scope
            .fire
            .map(|fire| json!({ "schedule": fire.schedule, "fire_at": fire.fire_at }));
        Ok(Done::json(&told)?)
    }
}

fn every_minute(name: &str, kind: &str) -> ScheduleChange {
    with_cron("* * * * *", name, kind)
}

/// Every hour at a minute that has gone by, so that no fire time comes while a test runs.
fn hourly(name: &str, kind: &str) -> ScheduleChange {
    let minute = (runtime::clock::now() - TimeDelta::minutes(10)).minute();
    with_cron(&format!("{minute} * * * *"), name, kind)
}

/// As if nobody had fired hourly schedules lately.
const AN_HOUR_EARLIER: &str = "update schedule set next_fire_at = next_fire_at - interval '1 hour'";

fn with_cron(cron: &str, name: &str, kind: &str) -> ScheduleChange {
    let NewJob {
        kind,
        queue,
        payload,
        policy,
        timeout,
        tags,
        metadata,
        sensitive,
        unique,
        ..
    } = job(kind, &json!(null), 1);
    ScheduleChange {
        name: name.parse().unwrap(),
        timing: Timing {
            cron: cron.parse().unwrap(),
            zone: "UTC".parse().unwrap(),
        },
        overlap: Overlap::Allow,
        missed: Missed::Latest,
        missed_after: Duration::from_secs(60),
        job: JobTemplate {
            kind,
            queue,
            payload,
            policy,
            timeout,
            start_within: None,
            tags,
            metadata,
            sensitive,
            unique,
        },
    }
}

impl World {
    async fn put(&self, change: &ScheduleChange) {
        let put = self
            .api
            .put_schedule(&actor(self.tenant_id), change, &Precondition::default())
            .await;
        assert!(matches!(put, Ok(PutSchedule::Created(_))), "{put:?}");
    }

    async fn schedule(&self, name: &str) -> Schedule {
        self.api
            .schedule(self.tenant_id, &name.parse().unwrap())
            .await
            .unwrap()
            .unwrap()
    }

    /// The jobs that were made, in the order of their fire times.
    async fn fired(&self) -> Vec<(JobId, String, DateTime<Utc>)> {
        let mut superuser = self.db.superuser().await;
        let fired = sqlx::query_as(
            "select id, schedule, fire_at from job where schedule is not null order by fire_at, schedule",
        );
        let fired: Vec<(uuid::Uuid, String, DateTime<Utc>)> = fired.fetch_all(&mut superuser).await.unwrap();
        fired
            .into_iter()
            .map(|(id, schedule, fire_at)| (JobId(id), schedule, fire_at))
            .collect()
    }
}

async fn fire(worker: &Worker) -> Counts {
    worker.maintain_once("fire", 1_000).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_handler_sees_which_schedule_made_its_job_and_for_when() {
    let world = World::new().await;
    let worker = world.worker(test_handlers().register(Scheduled)).await;
    let idle = fire(&worker).await;
    assert_eq!((idle.changed, idle.more, idle.next_in), (0, false, None));
    world.put(&hourly("tick", "test.scheduled")).await;
    let waiting = fire(&worker).await;
    assert!(
        waiting.changed == 0
            && (Duration::from_mins(40)..=Duration::from_mins(50)).contains(&waiting.next_in.unwrap()),
        "{waiting:?}"
    );
    world.sql(AN_HOUR_EARLIER).await;
    let counts = fire(&worker).await;
    assert_eq!((counts.changed, counts.more), (1, false));
    let [(id, _, fire_at)] = world.fired().await[..] else {
        panic!("not one job")
    };
    assert_eq!(fire_at.timestamp() % 60, 0);
    let running = world.run(worker);
    let job = world.until(id, JobState::Succeeded).await;
    let told: Value = serde_json::from_str(job.result.unwrap().get()).unwrap();
    assert_eq!(told, json!({ "schedule": "tick", "fire_at": fire_at }));
    running.drain().await;
}

#[tokio::test]
async fn what_was_missed_is_caught_up_as_the_policy_says() {
    let world = World::new().await;
    let worker = world.worker(test_handlers()).await;
    for missed in Missed::ALL {
        world
            .put(&ScheduleChange {
                missed: *missed,
                ..every_minute(missed.as_str(), "test.echo")
            })
            .await;
    }
    // No further minute begins while the test fires.
    eventually("a minute is young", 2 * PATIENCE, async || {
        let young = "select count(*) where extract(second from now()) < 30";
        (world.count(young).await == 1).then_some(())
    })
    .await;
    world
        .sql("update schedule set next_fire_at = date_trunc('minute', now()) - interval '1 day'")
        .await;
    assert_eq!(fire(&worker).await.changed, 3);
    let fired = world.fired().await;
    let of = |policy: &str| fired.iter().filter(|(_, schedule, _)| schedule == policy).count();
    // Of the minute that is a minute old, one may think either way.
    assert!((1..=2).contains(&of("skip")), "{}", of("skip"));
    assert!((2..=3).contains(&of("latest")), "{}", of("latest"));
    assert_eq!(of("all"), domain::schedule::MAX_FIRES);
    assert_eq!(fire(&worker).await.changed, 0, "nothing is left");
    assert!(world.schedule("all").await.next_fire_at > Some(runtime::clock::now() - TimeDelta::minutes(1)));
}

#[tokio::test]
async fn a_schedule_that_can_not_be_fired_does_not_stop_the_others() {
    let world = World::new().await;
    let worker = world.worker(test_handlers()).await;
    for name in ["bad-cron", "bad-job", "bad-zone", "good", "good-too"] {
        world.put(&hourly(name, "test.echo")).await;
    }
    world.sql(AN_HOUR_EARLIER).await;
    world
        .sql(
            "update schedule set cron = 'now and then' where name = 'bad-cron';
             update schedule set max_attempts = 0 where name = 'bad-job';
             update schedule set time_zone = 'Mars/Base' where name = 'bad-zone'",
        )
        .await;
    let logs = Logs::capture();
    let counts = fire(&worker).await;
    assert_eq!(counts.changed, 5);
    let told = format!("{:?}", logs.take());
    assert!(
        told.contains("job_max_attempts_positive"),
        "the operator reads why: {told}"
    );
    drop(logs);
    let fired: Vec<String> = world
        .fired()
        .await
        .into_iter()
        .map(|(_, schedule, _)| schedule)
        .collect();
    assert_eq!(fired, ["good", "good-too"]);
    for (name, told) in [
        ("bad-cron", "cron must have five fields"),
        ("bad-job", "its job could not be stored"),
        ("bad-zone", "time_zone must be a zone"),
    ] {
        let schedule = world.schedule(name).await;
        let error = schedule.last_error.unwrap();
        assert!(
            error.starts_with(told) && !error.contains("job_max_attempts"),
            "{name}: {error}"
        );
        assert!(
            schedule.next_fire_at <= Some(runtime::clock::now()),
            "{name} is still due"
        );
    }
    assert_eq!(fire(&worker).await.changed, 0, "they are left alone for a while");

    // Mended, they go on where they stopped.
    world
        .sql(
            "update schedule s set cron = good.cron, max_attempts = good.max_attempts, time_zone = good.time_zone
                 from schedule good where good.name = 'good';
             update schedule set retry_at = now() where last_error is not null",
        )
        .await;
    assert_eq!(fire(&worker).await.changed, 3);
    assert_eq!(world.fired().await.len(), 5);
    assert_eq!(world.schedule("bad-zone").await.last_error, None);
}

#[tokio::test]
async fn several_who_fire_at_once_make_one_job_for_each_fire_time() {
    const SCHEDULES: usize = 150;
    let world = World::new().await;
    for n in 0..SCHEDULES {
        world.put(&every_minute(&format!("s{n}"), "test.echo")).await;
    }
    world
        .sql("update schedule set next_fire_at = date_trunc('minute', now()), missed_after_secs = 3600")
        .await;
    let mut passes = Vec::new();
    for _ in 0..4 {
        let worker = world.worker(test_handlers()).await;
        passes.push(async move {
            let mut changed = 0;
            loop {
                let counts = fire(&worker).await;
                changed += counts.changed;
                if !counts.more {
                    return changed;
                }
            }
        });
    }
    let changed: u64 = futures::future::join_all(passes).await.iter().sum();
    // What one of them holds, the others leave to it, so somebody looks again at the end.
    let rest = fire(&world.worker(test_handlers()).await).await.changed;
    let fired = world.fired().await;
    let mut schedules: Vec<&str> = fired.iter().map(|(_, schedule, _)| schedule.as_str()).collect();
    schedules.sort_unstable();
    schedules.dedup();
    assert_eq!(schedules.len(), SCHEDULES);
    // A minute may have ended meanwhile: then some have fired for it too, but none twice for one.
    let times = world
        .count("select count(distinct (schedule, fire_at)) from job")
        .await;
    assert_eq!(times, fired.len() as i64);
    assert!(changed + rest >= SCHEDULES as u64);
}

#[tokio::test]
async fn schedules_fire_through_a_change_of_leaders() {
    const SCHEDULES: i64 = 60;
    let world = World::new().await;
    for n in 0..SCHEDULES {
        world.put(&every_minute(&format!("s{n}"), "test.echo")).await;
    }
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
    // While they become due one after the other, leadership is lost again and again.
    world.sql("update schedule set next_fire_at = date_trunc('minute', now()) - interval '1 day', missed = 'latest', missed_after_secs = 1").await;
    let holder = "select count(pg_terminate_backend(pid)) from pg_locks
                  where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())";
    for _ in 0..3 {
        world.count(holder).await;
        eventually("one leads again", PATIENCE, async || {
            (leaders() == 1).then_some(())
        })
        .await;
    }
    let fired = "select count(distinct schedule) from job where state = 'succeeded'";
    eventually("all schedules' jobs", PATIENCE, async || {
        (world.count(fired).await == SCHEDULES).then_some(())
    })
    .await;
    // In one statement, because whenever a minute ends they fire again.
    let twice = "select count(*) - count(distinct (schedule, fire_at)) from job";
    assert_eq!(world.count(twice).await, 0);
    for worker in workers {
        worker.drain().await;
    }
}
