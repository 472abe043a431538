//! Many jobs cancelled and retried at a time.

use domain::{JobId, JobState, NewJob, Outcome};
use futures::future::join_all;
use store::{BulkCancelled, BulkFilter, BulkRedriven};
use testkit::{actor, new_job};

use crate::world::World;

impl World {
    async fn jobs(&self, count: usize) -> Vec<JobId> {
        let mut ids = Vec::new();
        for _ in 0..count {
            ids.push(self.submit(new_job()).await.id);
        }
        ids
    }

    async fn cancel_jobs(&self, filter: &BulkFilter, limit: i64) -> BulkCancelled {
        let mut done = self
            .api
            .cancel_jobs(&actor(self.tenant_id), filter, limit)
            .await
            .unwrap();
        done.cancelled.sort_unstable();
        done
    }

    async fn redrive_jobs(&self, filter: &BulkFilter, limit: i64) -> BulkRedriven {
        self.api
            .redrive_jobs(&actor(self.tenant_id), filter, limit)
            .await
            .unwrap()
    }

    async fn cancellable(&self) -> u64 {
        let filter = BulkFilter::default();
        self.api
            .count_cancellable(self.tenant_id, &filter)
            .await
            .unwrap()
            .0
    }

    async fn retryable(&self) -> u64 {
        let filter = BulkFilter::default();
        self.api.count_retryable(self.tenant_id, &filter).await.unwrap().0
    }

    async fn audited_cancels(&self) -> Vec<String> {
        let filter = store::AuditFilter {
            action: Some("job.cancel".to_owned()),
            ..store::AuditFilter::default()
        };
        let entries = self
            .api
            .list_audit(self.tenant_id, &filter, None, 100)
            .await
            .unwrap();
        entries.into_iter().rev().map(|entry| entry.details).collect()
    }
}

#[tokio::test]
async fn what_waits_ends_in_order_and_what_runs_is_asked_to() {
    let world = World::new().await;
    let mut ids = world.jobs(4).await;
    ids.sort_unstable();
    let later = NewJob {
        run_at: Some(chrono::DateTime::from_timestamp(4_000_000_000, 0).unwrap()),
        ..new_job()
    };
    let later = world.submit(later).await.id;
    let started = world.start(ids[3]).await;
    let all = BulkFilter::default();
    assert_eq!(world.cancellable().await, 5);
    let done = world.cancel_jobs(&all, 2).await;
    assert_eq!((&done.cancelled[..], done.requested), (&ids[..2], vec![]));
    assert_eq!(world.cancellable().await, 3);
    let done = world.cancel_jobs(&all, 1_000).await;
    assert_eq!(
        (done.cancelled, done.requested),
        (vec![ids[2], later], vec![ids[3]])
    );
    assert_eq!(
        world.cancellable().await,
        0,
        "one that was asked is not asked again"
    );
    assert_eq!(world.cancel_jobs(&all, 1_000).await, BulkCancelled::default());
    for id in [ids[0], later] {
        assert_eq!(world.job(id).await.state, JobState::Cancelled);
        assert_eq!(world.events(id).await, ["submitted", "cancelled"]);
        assert!(world.tokens(id).await.is_empty());
    }
    assert!(world.job(ids[3]).await.cancel_requested_at.is_some());
    world.end(started, Outcome::Cancelled).await;
    assert_eq!(world.job(ids[3]).await.state, JobState::Cancelled);

    let audited = world.audited_cancels().await;
    assert_eq!(
        audited.len(),
        2,
        "what changed nothing is not written down: {audited:?}"
    );
    assert!(audited[1].contains("\"jobs\":3"), "{audited:?}");
}

#[tokio::test]
async fn what_has_ended_is_queued_again_and_what_was_discarded_is_left() {
    let world = World::new().await;
    let failed = world.dead_letter_of(new_job(), "no luck").await;
    let discarded = world.dead_letter_of(new_job(), "no use").await;
    let filter = store::DeadLetterFilter {
        job_ids: Some(vec![discarded]),
        ..store::DeadLetterFilter::default()
    };
    let actor = actor(world.tenant_id);
    assert_eq!(
        world.api.discard_dead_letters(&actor, &filter, 10).await.unwrap(),
        1
    );
    let cancelled = world.jobs(1).await[0];
    world.cancel_jobs(&BulkFilter::default(), 1_000).await;
    assert_eq!(world.retryable().await, 2);
    let done = world.redrive_jobs(&BulkFilter::default(), 1_000).await;
    assert_eq!((done.jobs, done.queues), (2, vec!["default".to_owned()]));
    for id in [failed, cancelled] {
        assert_eq!(world.job(id).await.state, JobState::Queued);
        assert_eq!(world.tokens(id).await, ["outbox"]);
        assert_eq!(world.events(id).await.last().unwrap(), "redriven");
        world.end(world.start(id).await, Outcome::Succeeded(None)).await;
    }
    assert_eq!(world.job(discarded).await.state, JobState::Failed);
    assert_eq!(world.retryable().await, 0);
}

#[tokio::test]
async fn what_somebody_else_is_moving_is_left_to_them() {
    let world = World::new().await;
    let ids = world.jobs(2).await;
    let mut superuser = world.db.superuser().await;
    let hold = format!("begin; select from outbox where job_id = '{}' for update", ids[0]);
    sqlx::raw_sql(sqlx::AssertSqlSafe(hold))
        .execute(&mut superuser)
        .await
        .unwrap();
    let done = world.cancel_jobs(&BulkFilter::default(), 1_000).await;
    assert_eq!(done.cancelled, [ids[1]], "without a wait");
    assert_eq!(world.cancellable().await, 1, "and it remains");
    sqlx::raw_sql("rollback").execute(&mut superuser).await.unwrap();
    assert_eq!(
        world.cancel_jobs(&BulkFilter::default(), 1_000).await.cancelled,
        [ids[0]]
    );
}

/// The same jobs, by several commands, beside the worker that starts and ends them: each transition happens once.
#[tokio::test]
async fn commands_that_meet_change_each_job_once() {
    let world = World::new().await;
    let ids = world.jobs(60).await;
    let all = BulkFilter::default();
    let working = async {
        for id in &ids[..20] {
            if let store::Claim::Started(job) = world.claim(*id).await {
                world.end(*job, Outcome::Released).await;
            }
        }
    };
    let cancelling = join_all((0..3).map(|_| world.cancel_jobs(&all, 1_000)));
    let ((), cancels) = tokio::join!(working, cancelling);
    let mut told: Vec<JobId> = cancels.into_iter().flat_map(|done| done.cancelled).collect();
    told.extend(world.cancel_jobs(&all, 1_000).await.cancelled);
    let count = told.len();
    told.sort_unstable();
    told.dedup();
    assert_eq!(told.len(), count, "no job was cancelled twice");
    // The rest was asked to end while it ran, and was cancelled by its finish.
    for id in &ids {
        assert_eq!(world.job(*id).await.state, JobState::Cancelled);
        assert!(world.tokens(*id).await.is_empty());
        assert_eq!(world.events(*id).await.last().unwrap(), "cancelled");
    }
    let redrives = join_all((0..3).map(|_| world.redrive_jobs(&all, 1_000))).await;
    let redriven: u64 = redrives.iter().map(|done| done.jobs).sum();
    assert_eq!(redriven + world.redrive_jobs(&all, 1_000).await.jobs, 60);
    for id in &ids {
        assert_eq!(world.tokens(*id).await, ["outbox"]);
    }
}
