//! The sweeps, by causing what they repair.

use std::time::Duration;

use domain::{JobId, JobState, NewJob, Outcome};
use testkit::new_job;

use crate::retention::days_ago;
use crate::world::NOTHING_HELD;
use crate::world::World;

#[tokio::test]
async fn a_job_that_was_not_started_in_time_expires_and_can_be_retried() {
    let world = World::new().await;
    let late = NewJob {
        start_by: Some(days_ago(0)),
        ..new_job()
    };
    let id = world.submit(late).await.id;
    // A worker that comes before the sweep does not start it either.
    assert!(matches!(world.claim(id).await, store::Claim::NotStarted));
    assert_eq!(world.worker.expire(10).await.unwrap(), 1);
    assert_eq!(world.job(id).await.state, JobState::Expired);
    assert!(world.tokens(id).await.is_empty());
    world
        .api
        .redrive(&testkit::actor(world.tenant_id), id)
        .await
        .unwrap();
    world.end(world.start(id).await, Outcome::Succeeded(None)).await;
    assert_eq!(
        world.events(id).await,
        ["submitted", "expired", "redriven", "started", "succeeded"]
    );
}

#[tokio::test]
async fn one_worker_leads_and_another_takes_over() {
    let world = World::new().await;
    let mut leader = world
        .worker
        .try_lead(None, Duration::from_secs(10))
        .await
        .unwrap()
        .unwrap();
    assert!(leader.holds().await);
    assert!(
        world
            .worker
            .try_lead(None, Duration::from_secs(10))
            .await
            .unwrap()
            .is_none()
    );
    // What is done for one lane has a leader of its own, whoever leads the rest.
    let of = |lane: &str| lane.parse::<domain::QueueName>().unwrap();
    let lead = async |lane: &domain::QueueName| {
        let leads = world.worker.try_lead(Some(lane), Duration::from_secs(10));
        leads.await.unwrap()
    };
    let high = lead(&of("high")).await.unwrap();
    assert!(lead(&of("high")).await.is_none());
    let low = lead(&of("low")).await.unwrap();
    high.resign().await;
    low.resign().await;
    leader.resign().await;
    let heir = testkit::eventually("leadership", Duration::from_secs(5), || async {
        world
            .worker
            .try_lead(None, Duration::from_secs(10))
            .await
            .unwrap()
    });
    assert!(heir.await.holds().await);
}

#[tokio::test]
async fn a_leader_that_is_silent_is_a_leader_no_more() {
    let world = World::new().await;
    let silence = Duration::from_secs(1);
    let mut silent = world.worker.try_lead(None, silence).await.unwrap().unwrap();
    let heir = testkit::eventually("leadership", Duration::from_secs(10), || async {
        let patient = Duration::from_mins(1);
        world.worker.try_lead(None, patient).await.unwrap()
    });
    let mut heir = heir.await;
    assert!(!silent.holds().await);
    assert!(heir.holds().await);
}

#[tokio::test]
async fn what_waits_is_counted_by_lane() {
    let world = World::new().await;
    assert_eq!(world.worker.backlog().await.unwrap().lanes, []);
    for (queue, run_at) in [
        ("default", None),
        ("default", None),
        ("low", None),
        ("low", Some(days_ago(-1))),
    ] {
        let queue = queue.parse().unwrap();
        world
            .submit(NewJob {
                queue,
                run_at,
                ..new_job()
            })
            .await;
    }
    world.dead_letter_of(new_job(), "no").await;
    world
        .sql("update outbox set enqueued_at = now() - interval '1 minute' where queue = 'low'")
        .await;
    let backlog = world.worker.backlog().await.unwrap();
    let lanes: Vec<(&str, u64)> = backlog
        .lanes
        .iter()
        .map(|lane| (&*lane.queue, lane.jobs))
        .collect();
    assert_eq!(lanes, [("default", 2), ("low", 1)]);
    assert!(
        backlog.lanes[0].oldest < Duration::from_secs(60)
            && backlog.lanes[1].oldest >= Duration::from_secs(60)
    );
    assert_eq!(
        (backlog.dead_letters, backlog.workers, backlog.overdue),
        (1, 1, Duration::ZERO)
    );
    assert_eq!(backlog.scheduled, 1);
    world
        .sql("update due set run_at = now() - interval '1 minute'")
        .await;
    assert!(world.worker.backlog().await.unwrap().overdue >= Duration::from_secs(60));
}

#[tokio::test]
async fn doorbells_are_taken_once_and_rung_again_when_nobody_answers() {
    let world = World::new().await;
    let id = world.submit(new_job()).await.id;
    let queue = domain::QueueName::default_lane();
    let take = || world.take_doorbells(Duration::from_secs(25));
    assert_eq!(take().await[0].job_id, id);
    assert!(take().await.is_empty());
    world
        .worker
        .return_doorbells(&[id], Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(take().await.len(), 1);
    world.sql("update outbox set visible_at = now()").await;
    assert_eq!(take().await.len(), 1);
    let unheard = |age| {
        world
            .worker
            .take_unheard_doorbells(&queue, age, 10, &NOTHING_HELD)
    };
    assert!(unheard(Duration::from_secs(60)).await.unwrap().is_empty());
    assert_eq!(unheard(Duration::ZERO).await.unwrap()[0].job_id, id);
    // Another worker that looks a moment later leaves it to the first.
    world
        .sql("update outbox set announced_at = announced_at - interval '1 minute'")
        .await;
    let minute = Duration::from_secs(60);
    assert_eq!(unheard(minute).await.unwrap()[0].job_id, id);
    assert!(unheard(minute).await.unwrap().is_empty());
    world.start(id).await;
    assert!(unheard(Duration::ZERO).await.unwrap().is_empty());
    world.sql("update outbox set visible_at = now()").await;
    assert!(take().await.is_empty());
}

#[tokio::test]
async fn an_unheard_doorbell_is_found_behind_many_that_wait_for_their_turn() {
    let world = World::new().await;
    let queue = domain::QueueName::default_lane();
    let id = world.submit(new_job()).await.id;
    let take = || world.take_doorbells(Duration::from_hours(1));
    assert_eq!(take().await.len(), 1);
    // As a slow retry makes them: each due a moment after the one before, none announced.
    let paced = "insert into outbox (job_id, tenant_id, queue, enqueued_at, visible_at)
        select gen_random_uuid(), tenant_id, queue, now() + n * interval '1 second', now() + n * interval '1 second'
        from outbox, generate_series(10, 1000) n";
    world.sql(paced).await;
    assert!(take().await.is_empty());
    let unheard = world
        .worker
        .take_unheard_doorbells(&queue, Duration::ZERO, 10, &NOTHING_HELD);
    let unheard: Vec<JobId> = unheard.await.unwrap().into_iter().map(|it| it.job_id).collect();
    assert_eq!(unheard, [id]);
}

#[tokio::test]
async fn a_doorbell_that_could_not_be_sent_is_not_unheard() {
    let world = World::new().await;
    let queue = domain::QueueName::default_lane();
    let id = world.submit(new_job()).await.id;
    let taken = world.take_doorbells(Duration::from_secs(25));
    assert_eq!(taken.await.len(), 1);
    let wait = Duration::from_secs(60);
    world.worker.return_doorbells(&[id], wait).await.unwrap();
    let unheard = world
        .worker
        .take_unheard_doorbells(&queue, Duration::ZERO, 10, &NOTHING_HELD);
    assert!(unheard.await.unwrap().is_empty());
}

#[tokio::test]
async fn forgotten_workers_go_unless_they_hold_something() {
    let world = World::new().await;
    let id = world.submit(new_job()).await.id;
    let job = world.start(id).await;
    world
        .sql("update worker set lease_expires_at = now() - interval '2 hours'")
        .await;
    assert_eq!(world.worker.purge_workers(10).await.unwrap(), 0);
    world.end(job, Outcome::Succeeded(None)).await;
    assert_eq!(world.worker.purge_workers(10).await.unwrap(), 1);
}
