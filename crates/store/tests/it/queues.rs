//! What a tenant sees of its lanes, and what the dispatcher takes from them.

use std::time::Duration;

use chrono::TimeDelta;
use domain::{Failure, FailureCode, LaneHolds, NewJob, Outcome, QueueName, TenantId};
use store::{Activity, QueueStatus, Rates, TakeDoorbells, TakenDoorbells};
use testkit::new_job;

use crate::world::{NOTHING_HELD, World, random};

fn default_lane() -> QueueName {
    QueueName::default_lane()
}

impl World {
    pub(crate) async fn status(&self) -> QueueStatus {
        self.status_of(self.tenant_id).await
    }

    async fn status_of(&self, tenant_id: TenantId) -> QueueStatus {
        let statuses = self.api.queue_status(tenant_id, &[default_lane()]).await;
        statuses.unwrap().remove(0)
    }

    async fn take(&self, window: i64, after: Option<TenantId>) -> TakenDoorbells {
        let wanted = TakeDoorbells {
            queue: &default_lane(),
            limit: 10,
            base: Duration::from_secs(60),
            window,
            holds: &NOTHING_HELD,
            after,
        };
        self.worker.take_doorbells(wanted).await.unwrap()
    }
}

#[tokio::test]
async fn a_lane_tells_what_the_tenant_has_in_it_and_nothing_of_others() {
    let world = World::new().await;
    let failing = world.submit(new_job()).await.id;
    let failing = world.start(failing).await;
    let failure = Failure::new(FailureCode::HandlerError, "no");
    world.end(failing, Outcome::Aborted(failure)).await;
    let running = world.submit(new_job()).await.id;
    world.start(running).await;
    let later = NewJob {
        run_at: Some(runtime_now() + TimeDelta::hours(1)),
        ..new_job()
    };
    world.submit(later).await;
    for _ in 0..3 {
        world.submit(new_job()).await;
    }
    let elsewhere = NewJob {
        queue: "slow".parse().unwrap(),
        ..new_job()
    };
    world.submit(elsewhere).await;
    world
        .sql("update outbox set enqueued_at = now() - interval '90 seconds' where job_id = (select max(job_id::text)::uuid from outbox where queue = 'default')")
        .await;
    let status = world.status().await;
    assert_eq!(
        (
            status.queued,
            status.scheduled,
            status.running,
            status.dead_letters,
            status.capped
        ),
        (3, 1, 1, 1, false)
    );
    let oldest = status.oldest.unwrap();
    assert!(
        oldest >= Duration::from_secs(90) && oldest < Duration::from_secs(190),
        "{oldest:?}"
    );

    let stranger = world.status_of(world.db.tenant().await).await;
    assert_eq!(
        (
            stranger.queued,
            stranger.scheduled,
            stranger.running,
            stranger.dead_letters,
            stranger.oldest
        ),
        (0, 0, 0, 0, None)
    );
    let lanes = ["slow".parse().unwrap(), "empty".parse().unwrap(), default_lane()];
    let statuses = world.api.queue_status(world.tenant_id, &lanes).await.unwrap();
    let queued: Vec<u64> = statuses.iter().map(|status| status.queued).collect();
    assert_eq!(queued, [1, 0, 3], "in the order in which they were asked for");
}

#[tokio::test]
async fn counting_stops_and_says_so() {
    let world = World::new().await;
    world.submit(new_job()).await;
    let many = "insert into outbox (job_id, tenant_id, queue)
        select gen_random_uuid(), tenant_id, queue from outbox, generate_series(1, 10000)";
    world.sql(many).await;
    let status = world.status().await;
    assert_eq!((status.queued, status.capped), (10_000, true));
}

#[tokio::test]
async fn rates_are_what_workers_told_of_the_last_minute() {
    let world = World::new().await;
    let told = |tenant_id, started, succeeded, failed| Activity {
        tenant_id,
        queue: default_lane(),
        started,
        succeeded,
        failed,
    };
    let other = TenantId(random());
    let tell = async |activities: &[Activity]| {
        world
            .worker
            .tell_activity(world.worker_id, activities)
            .await
            .unwrap();
    };
    tell(&[told(world.tenant_id, 1_000, 0, 0)]).await;
    world
        .sql("update queue_activity set at = now() - interval '61 seconds'")
        .await;
    tell(&[told(world.tenant_id, 7, 4, 2), told(other, 50, 50, 50)]).await;
    tell(&[told(world.tenant_id, 3, 3, 1)]).await;
    let expected = Rates {
        started: 10,
        succeeded: 7,
        failed: 3,
    };
    assert_eq!(world.status().await.rates, expected);

    assert_eq!(world.worker.purge_activity(10).await.unwrap(), 0);
    world
        .sql("update queue_activity set at = now() - interval '6 minutes'")
        .await;
    assert_eq!(world.worker.purge_activity(3).await.unwrap(), 3);
    assert_eq!(world.worker.purge_activity(3).await.unwrap(), 1);
}

#[tokio::test]
async fn no_more_is_announced_than_the_window_has_room_for() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for _ in 0..8 {
        ids.push(world.submit(new_job()).await.id);
    }
    // As a slow retry makes them: they wait for their turn, and are not announced.
    let paced = "insert into outbox (job_id, tenant_id, queue, visible_at)
        select gen_random_uuid(), tenant_id, queue, now() + interval '1 hour' from outbox, generate_series(1, 10)";
    world.sql(paced).await;
    let taken = world.take(3, None).await;
    assert_eq!((taken.doorbells.len(), taken.full, taken.more), (3, true, false));
    assert_eq!(taken.served, world.tenant_id);
    let none = world.take(3, None).await;
    assert_eq!((none.doorbells.len(), none.full), (0, true));
    world.start(taken.doorbells[0].job_id).await;
    assert_eq!(world.take(3, None).await.doorbells.len(), 1);
    // One that is announced again takes the place that it had.
    world
        .sql("update outbox set visible_at = now() where announced_at is not null")
        .await;
    assert_eq!(world.take(3, None).await.doorbells.len(), 3);
    let rest = world.take(100, None).await;
    assert_eq!((rest.doorbells.len(), rest.full, rest.more), (4, false, false));
}

#[tokio::test]
async fn a_doorbell_behind_ten_thousand_of_another_tenant_is_among_the_first_ten() {
    let world = World::new().await;
    let quiet = world.submit(new_job()).await.id;
    let busy = "insert into outbox (job_id, tenant_id, queue, visible_at)
        select gen_random_uuid(), tenant, 'default', now() - interval '1 minute'
        from generate_series(1, 10000), (select gen_random_uuid() as tenant) t";
    world.sql(busy).await;
    let taken = world.take(1_000, None).await;
    assert!(taken.doorbells.iter().any(|doorbell| doorbell.job_id == quiet));
    assert_eq!((taken.doorbells.len(), taken.full, taken.more), (6, false, true));
    let next = world.take(1_000, Some(taken.served)).await;
    assert_eq!(next.doorbells.len(), 10, "a tenant that is alone gets all");
}

#[tokio::test]
async fn what_is_held_is_neither_announced_nor_looked_for() {
    let world = World::new().await;
    world.submit(new_job()).await;
    let lane = default_lane();
    let mut holds = LaneHolds::default();
    let taken = async |holds: &LaneHolds| {
        let wanted = TakeDoorbells {
            queue: &lane,
            limit: 10,
            base: Duration::from_secs(60),
            window: 10,
            holds,
            after: None,
        };
        let taken = world.worker.take_doorbells(wanted).await.unwrap();
        let unheard = world
            .worker
            .take_unheard_doorbells(&lane, Duration::ZERO, 10, holds)
            .await
            .unwrap();
        (taken.doorbells.len(), unheard.len())
    };
    holds.rooms.insert(world.tenant_id, 0);
    assert_eq!(taken(&holds).await, (0, 0));
    let everyone = LaneHolds {
        everyone: true,
        ..LaneHolds::default()
    };
    assert_eq!(taken(&everyone).await, (0, 0));
    holds.rooms.insert(world.tenant_id, 1);
    assert_eq!(taken(&holds).await, (1, 1));
    holds.rooms.insert(world.tenant_id, 0);
    assert_eq!(taken(&holds).await, (0, 0));
}

#[expect(clippy::disallowed_methods, reason = "tests need no repeatable time")]
fn runtime_now() -> chrono::DateTime<chrono::Utc> {
    chrono::Utc::now()
}
