//! What does not start though it is queued: in a paused lane, and of a tenant that runs all that it may.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{JobId, JobState, LaneHolds, NewJob, Outcome, QueueName, TenantId};
use futures::future::join_all;
use store::{Audience, AuditFilter, Claim, Submission};
use testkit::{actor, new_job};

use crate::world::{World, register};

fn default_lane() -> QueueName {
    QueueName::default_lane()
}

impl World {
    async fn pause(&self, audience: Audience, reason: Option<&str>) {
        let actor = actor(self.tenant_id);
        let lane = default_lane();
        self.api
            .pause_queue(&actor, &lane, audience, reason)
            .await
            .unwrap();
    }

    async fn resume(&self, audience: Audience) {
        let actor = actor(self.tenant_id);
        self.api
            .resume_queue(&actor, &default_lane(), audience)
            .await
            .unwrap();
    }

    async fn submit_many(&self, tenant_id: TenantId, jobs: usize) -> Vec<JobId> {
        let jobs: Vec<NewJob> = (0..jobs).map(|_| new_job()).collect();
        let ids = jobs.iter().map(|job| job.id).collect();
        let submission = Submission {
            tenant_id,
            idempotency: None,
            jobs,
        };
        self.api.submit(&[submission]).await.remove(0).unwrap();
        ids
    }

    async fn actions(&self) -> Vec<String> {
        let filter = AuditFilter {
            target: Some("default".to_owned()),
            ..AuditFilter::default()
        };
        let entries = self
            .api
            .list_audit(self.tenant_id, &filter, None, 100)
            .await
            .unwrap();
        entries.into_iter().rev().map(|entry| entry.action).collect()
    }

    /// Whether the doorbell is as if nobody had ever received or announced it.
    async fn untouched(&self) -> bool {
        let mut superuser = self.db.superuser().await;
        sqlx::query_scalar(
            "select bool_and(visible_at <= now() and announced_at is null and receive_count = 0) from outbox",
        )
        .fetch_one(&mut superuser)
        .await
        .unwrap()
    }
}

#[tokio::test]
async fn nothing_starts_in_a_paused_lane_and_what_runs_goes_on() {
    let world = World::new().await;
    world.sql("update tenant set operator = true").await;
    for audience in [Audience::Tenant, Audience::Everyone] {
        let running = world.submit(new_job()).await.id;
        let running = world.start(running).await;
        let id = world.submit(new_job()).await.id;
        assert_eq!(world.take_doorbells(Duration::from_secs(25)).await.len(), 1);
        world.pause(audience, None).await;
        assert!(matches!(world.claim(id).await, Claim::Paused));
        assert_eq!(world.tokens(id).await, ["outbox"]);
        assert!(world.untouched().await, "{audience:?}");
        world.end(running, Outcome::Succeeded(None)).await;
        world.resume(audience).await;
        let job = world.start(id).await;
        assert_eq!(job.spent, 1, "a refused claim spends nothing");
        world.end(job, Outcome::Succeeded(None)).await;
    }
}

#[tokio::test]
async fn a_tenants_pause_is_its_own_and_of_one_lane() {
    let world = World::new().await;
    let other = world.db.tenant().await;
    world.pause(Audience::Tenant, None).await;
    let theirs = world.submit_many(other, 1).await[0];
    let elsewhere = NewJob {
        queue: "slow".parse().unwrap(),
        ..new_job()
    };
    let elsewhere = world.submit(elsewhere).await.id;
    for id in [theirs, elsewhere] {
        assert!(matches!(world.claim(id).await, Claim::Started(_)));
    }
    let holds = world.worker.holds().await.unwrap();
    assert_eq!(holds.of_lane(&"slow".parse().unwrap()), LaneHolds::default());
    let held: Vec<TenantId> = holds.of_lane(&default_lane()).held().collect();
    assert_eq!((held, holds.workers), (vec![world.tenant_id], 1));
}

#[tokio::test]
async fn pausing_again_changes_the_reason_only_and_each_change_is_audited() {
    let world = World::new().await;
    world.pause(Audience::Tenant, Some("the target is down")).await;
    let paused = world.status().await.pauses;
    assert_eq!(paused[0].reason.as_deref(), Some("the target is down"));
    assert!(!paused[0].everyone);
    world.pause(Audience::Tenant, Some("the target is down")).await;
    world.pause(Audience::Tenant, None).await;
    assert_eq!(world.status().await.pauses, paused);
    world.pause(Audience::Tenant, Some("it is being replaced")).await;
    let again = world.status().await.pauses;
    assert_eq!(again[0].since, paused[0].since);
    assert_eq!(again[0].reason.as_deref(), Some("it is being replaced"));
    world.resume(Audience::Tenant).await;
    world.resume(Audience::Tenant).await;
    assert!(world.status().await.pauses.is_empty());
    assert_eq!(
        world.actions().await,
        ["queue.pause", "queue.pause", "queue.resume"]
    );
}

#[tokio::test]
async fn only_an_operators_tenant_pauses_for_everyone() {
    let world = World::new().await;
    let operator = world.db.tenant().await;
    let refused = world
        .api
        .pause_queue(&actor(world.tenant_id), &default_lane(), Audience::Everyone, None)
        .await;
    assert!(refused.is_err());
    let mut superuser = world.db.superuser().await;
    sqlx::query("update tenant set operator = true where id = $1")
        .bind(operator.0)
        .execute(&mut superuser)
        .await
        .unwrap();
    let paused = world
        .api
        .pause_queue(
            &actor(operator),
            &default_lane(),
            Audience::Everyone,
            Some("an outage"),
        )
        .await;
    paused.unwrap();
    let pauses = world.status().await.pauses;
    assert!(pauses[0].everyone && pauses[0].reason.as_deref() == Some("an outage"));
    // Nobody else ends it.
    world.resume(Audience::Everyone).await;
    assert_eq!(world.status().await.pauses, pauses);
    assert!(
        world
            .worker
            .holds()
            .await
            .unwrap()
            .of_lane(&default_lane())
            .everyone
    );
}

#[tokio::test]
async fn a_limit_is_kept_within_one_claim_and_each_end_makes_room_for_one() {
    let world = World::new().await;
    world.sql("update tenant set max_running_jobs = 5").await;
    let unlimited = world.db.tenant().await;
    let mut ids = world.submit_many(world.tenant_id, 8).await;
    ids.extend(world.submit_many(unlimited, 8).await);
    let claims = world.worker.claim(world.worker_id, &ids).await.unwrap();
    let mut started: Vec<_> = Vec::new();
    let mut over = 0;
    for claim in claims {
        match claim {
            Claim::Started(job) if job.tenant_id == world.tenant_id => started.push(*job),
            Claim::Started(_) => {}
            Claim::OverLimit => over += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((started.len(), over), (5, 3));
    assert!(world.untouched().await);
    let room = |holds: store::Holds| holds.rooms;
    assert_eq!(
        room(world.worker.holds().await.unwrap()),
        BTreeMap::from([(world.tenant_id, 0)])
    );
    world.end(started.remove(0), Outcome::Succeeded(None)).await;
    assert_eq!(
        room(world.worker.holds().await.unwrap()),
        BTreeMap::from([(world.tenant_id, 1)])
    );
    let again = world.worker.claim(world.worker_id, &ids[..8]).await.unwrap();
    let count = |matching: fn(&Claim) -> bool| again.iter().filter(|claim| matching(claim)).count();
    assert_eq!(count(|claim| matches!(claim, Claim::Started(_))), 1);
    assert_eq!(count(|claim| matches!(claim, Claim::OverLimit)), 2);
    world.sql("update tenant set max_running_jobs = null").await;
    let last = world.worker.claim(world.worker_id, &ids[..8]).await.unwrap();
    let started = last.iter().filter(|claim| matches!(claim, Claim::Started(_)));
    assert_eq!(started.count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_that_claim_at_once_keep_the_limit_together() {
    let world = World::new().await;
    world.sql("update tenant set max_running_jobs = 5").await;
    let workers = [
        world.worker_id,
        register(&world.worker).await,
        register(&world.worker).await,
    ];
    let mut ids = world.submit_many(world.tenant_id, 60).await;
    for round in 0..5 {
        let batches = workers.iter().zip(ids.chunks(ids.len().div_ceil(3)));
        let claims = batches.map(|(worker_id, ids)| world.worker.claim(*worker_id, ids));
        let claims = join_all(claims).await.into_iter().flat_map(Result::unwrap);
        let started: Vec<_> = claims
            .filter_map(|claim| match claim {
                Claim::Started(job) => Some(*job),
                Claim::OverLimit => None,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(started.len(), 5, "round {round}");
        for job in started {
            ids.retain(|id| *id != job.lease.job_id);
            world.end(job, Outcome::Succeeded(None)).await;
        }
    }
}

#[tokio::test]
async fn a_job_of_a_limited_tenant_in_a_paused_lane_is_paused() {
    let world = World::new().await;
    world.sql("update tenant set max_running_jobs = 1").await;
    let ids = world.submit_many(world.tenant_id, 2).await;
    world.start(ids[0]).await;
    world.pause(Audience::Tenant, None).await;
    assert!(matches!(world.claim(ids[1]).await, Claim::Paused));
    assert_eq!(world.job(ids[1]).await.state, JobState::Queued);
    world.resume(Audience::Tenant).await;
    assert!(matches!(world.claim(ids[1]).await, Claim::OverLimit));
}
