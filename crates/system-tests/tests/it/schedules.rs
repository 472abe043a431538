//! Schedules, through the api and with workers that die.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::eventually;

use crate::system::System;
use crate::worker::Worker;

const SCHEDULES: i64 = 120;

#[tokio::test(flavor = "multi_thread")]
async fn every_schedule_fires_once_although_the_leader_is_killed() {
    let system = System::embedded().await;
    for n in 0..SCHEDULES {
        let body = json!({
            "cron": "0 0 1 1 *", "overlap": "allow", "missed": "latest",
            "job": { "kind": "test.echo", "payload": n },
        });
        let put = system.put(&format!("/api/schedules/s{n}"), &body).await;
        assert_eq!(put.status(), 201);
    }
    let mut leader = Worker::start(&system, "leader", &[]).await;
    leader.until_it_leads(Duration::from_secs(30)).await;
    let heir = Worker::start(&system, "heir", &[]).await;

    // As if nobody had been there since the year began. Whether it has fired none, some or all of them when it dies, each
    // fires once.
    let due = "with due as (update schedule set next_fire_at = date_trunc('year', now()) returning 1)
               select count(*) from due";
    assert_eq!(system.count(due).await, SCHEDULES);
    eventually("the leader fires", Duration::from_secs(30), || async {
        (system.count("select count(*) from schedule_fire").await > 0).then_some(())
    })
    .await;
    leader.process.kill();
    heir.until_it_leads(Duration::from_secs(60)).await;
    system
        .until_count(
            "a fire of each schedule",
            "select count(distinct schedule) from schedule_fire",
            SCHEDULES,
            Duration::from_secs(60),
        )
        .await;
    system.all_succeed(SCHEDULES, Duration::from_secs(90)).await;
    assert_eq!(system.count("select count(*) from job").await, SCHEDULES);
    assert_eq!(
        system
            .count("select count(distinct (schedule, fire_at)) from job")
            .await,
        SCHEDULES
    );

    // The same through the api: what the job is for, and that the schedule goes on.
    let schedule = system.get("/api/schedules/s7").await;
    let job = system
        .get(&format!(
            "/api/jobs/{}",
            schedule["last_job_id"].as_str().unwrap()
        ))
        .await;
    assert_eq!((&job["schedule"], &job["result"]), (&json!("s7"), &json!(7)));
    assert_eq!(job["fire_at"], schedule["last_fired_at"]);
    let next = schedule["next_fire_at"].as_str().unwrap();
    assert!(next.ends_with("-01-01T00:00:00Z"), "{next}");
    assert_eq!(schedule["last_error"], Value::Null);
}
