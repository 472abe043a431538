//! Every transition, through the statements that make it.

use std::time::Duration;

use domain::{Failure, FailureCode, JobId, JobState, NewJob, Outcome, RetryPolicy};
use serde_json::value::to_raw_value;
use store::{Cancel, Claim, Finished, Heartbeat, Redrive};
use testkit::new_job;

use crate::world::{LEASE, World, random, register};

fn failed() -> Outcome {
    Outcome::Failed {
        failure: Failure::new(FailureCode::HandlerError, "it broke"),
        retry_after: None,
    }
}

fn with_attempts(max_attempts: u32) -> NewJob {
    NewJob {
        policy: RetryPolicy {
            max_attempts,
            ..RetryPolicy::default()
        },
        ..new_job()
    }
}

#[tokio::test]
async fn a_job_is_submitted_started_and_succeeds() {
    let world = World::new().await;
    let submitted = world.submit(new_job()).await;
    assert_eq!(submitted.state, JobState::Queued);
    assert_eq!(world.tokens(submitted.id).await, ["outbox"]);

    let started = world.start(submitted.id).await;
    assert_eq!((started.lease.attempt, started.spent), (1, 1));
    assert_eq!(started.payload.get(), r#"{"hello":"world"}"#);
    assert_eq!(world.tokens(submitted.id).await, ["claim"]);
    let attempts = world
        .api
        .attempts(world.tenant_id, submitted.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(attempts.len(), 1);
    assert!(attempts[0].finished_at.is_none());

    let result = to_raw_value(&42).unwrap();
    let finished = world.end(started, Outcome::Succeeded(Some(result))).await;
    assert_eq!(finished, Finished::Recorded(JobState::Succeeded));
    let job = world.job(submitted.id).await;
    assert_eq!(job.result.unwrap().get(), "42");
    assert!(job.finished_at.is_some());
    assert!(world.tokens(submitted.id).await.is_empty());
    assert_eq!(
        world.events(submitted.id).await,
        ["submitted", "started", "succeeded"]
    );
    assert!(matches!(
        world.claim(submitted.id).await,
        Claim::Finished(JobState::Succeeded)
    ));
}

#[tokio::test]
async fn failures_are_retried_until_the_attempts_are_used_up_and_each_error_is_kept() {
    let world = World::new().await;
    let id = world.submit(with_attempts(2)).await.id;
    assert_eq!(
        world.end(world.start(id).await, failed()).await,
        Finished::Recorded(JobState::Scheduled)
    );
    assert_eq!(world.tokens(id).await, ["due"]);
    assert!(matches!(world.claim(id).await, Claim::NotDue { .. }));
    assert_eq!(world.worker.promote_due(10).await.unwrap(), ["default"]);

    assert_eq!(
        world.end(world.start(id).await, failed()).await,
        Finished::Recorded(JobState::Failed)
    );
    assert_eq!(world.tokens(id).await, ["dead_letter"]);
    let attempts = world.api.attempts(world.tenant_id, id).await.unwrap().unwrap();
    let told: Vec<_> = attempts
        .iter()
        .map(|a| (a.attempt, a.event.as_deref().unwrap()))
        .collect();
    assert_eq!(told, [(1, "retry_scheduled"), (2, "failed")]);
    assert!(
        attempts
            .iter()
            .all(|attempt| attempt.error_message.as_deref() == Some("it broke"))
    );
}

#[tokio::test]
async fn snooze_and_release_do_not_spend_the_attempt_but_advance_the_fencing_token() {
    let world = World::new().await;
    let id = world.submit(with_attempts(1)).await.id;
    let started = world.start(id).await;
    world.end(started, Outcome::Snoozed(Duration::ZERO)).await;
    world.worker.promote_due(10).await.unwrap();
    let started = world.start(id).await;
    assert_eq!((started.lease.attempt, started.spent), (2, 1));
    assert_eq!(
        world.end(started, Outcome::Released).await,
        Finished::Recorded(JobState::Queued)
    );
    let started = world.start(id).await;
    assert_eq!((started.lease.attempt, started.spent), (3, 1));
    assert_eq!(
        world.end(started, Outcome::Succeeded(None)).await,
        Finished::Recorded(JobState::Succeeded)
    );
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_finishes_nothing() {
    let world = World::new().await;
    let id = world.submit(new_job()).await.id;
    let zombie = world.start(id).await;
    assert!(world.worker.expired_leases(10).await.unwrap().is_empty());
    assert!(matches!(world.claim(id).await, Claim::Held { .. }));

    world
        .sql("update worker set lease_expires_at = now() - interval '1 second'")
        .await;
    assert_eq!(
        world.worker.heartbeat(world.worker_id, LEASE).await.unwrap(),
        Heartbeat::Lost
    );
    let expired = world.worker.expired_leases(10).await.unwrap().remove(0);
    let finish = domain::Finish::decide(Outcome::LeaseExpired, &expired.policy, expired.spent, 0.5);
    let ending = store::Ending {
        lease: expired.lease,
        finish,
    };
    assert_eq!(
        world.worker.finish(&[ending]).await.unwrap(),
        [Finished::Recorded(JobState::Queued)]
    );

    // The worker whose lease has run out starts nothing either.
    assert!(matches!(world.claim(id).await, Claim::NotStarted));
    let heir = register(&world.worker).await;
    let Claim::Started(again) = world.worker.claim(heir, &[id]).await.unwrap().remove(0) else {
        panic!()
    };
    assert_eq!(again.lease.attempt, 2);

    assert_eq!(
        world.end(zombie, Outcome::Succeeded(None)).await,
        Finished::LeaseLost
    );
    assert_eq!(world.job(id).await.state, JobState::Running);
    assert_eq!(
        world.end(*again, Outcome::Succeeded(None)).await,
        Finished::Recorded(JobState::Succeeded)
    );
    assert_eq!(
        world.events(id).await,
        ["submitted", "started", "lease_expired", "started", "succeeded"]
    );
}

#[tokio::test]
async fn a_lost_attempt_that_can_not_be_read_keeps_no_other_from_being_found() {
    let world = World::new().await;
    for _ in 0..2 {
        world.start(world.submit(new_job()).await.id).await;
    }
    world
        .sql(
            "alter table job drop constraint job_max_attempts_positive, drop constraint job_attempts_bounded;
             update job set max_attempts = -1 where id = (select min(id::text)::uuid from job);
             update worker set lease_expires_at = now() - interval '1 second'",
        )
        .await;
    let expired = world.worker.expired_leases(10).await.unwrap();
    let mut states: Vec<JobState> = expired
        .into_iter()
        .map(|expired| {
            domain::Finish::decide(Outcome::LeaseExpired, &expired.policy, expired.spent, 0.5).state
        })
        .collect();
    states.sort_by_key(JobState::to_string);
    assert_eq!(states, [JobState::Failed, JobState::Queued]);
}

#[tokio::test]
async fn an_outcome_that_is_recorded_is_told_from_one_that_recovery_recorded() {
    let world = World::new().await;
    let id = world.submit(with_attempts(2)).await.id;
    let lease = |attempt| domain::Lease {
        job_id: id,
        attempt,
        worker_id: world.worker_id,
    };
    world.end(world.start(id).await, Outcome::LeaseExpired).await;
    world.end(world.start(id).await, failed()).await;
    let recorded = world.worker.recorded(&[&lease(1), &lease(2)]).await.unwrap();
    assert_eq!(
        recorded.into_iter().collect::<Vec<_>>(),
        [((id, 2), JobState::Failed)]
    );
}

#[tokio::test]
async fn a_repeated_finish_changes_nothing() {
    let world = World::new().await;
    let id = world.submit(new_job()).await.id;
    let started = world.start(id).await;
    let (attempt, worker_id) = (started.lease.attempt, started.lease.worker_id);
    world.end(started, failed()).await;
    let finish = domain::Finish::decide(Outcome::Succeeded(None), &RetryPolicy::default(), 1, 0.0);
    let again = store::Ending {
        lease: domain::Lease {
            job_id: id,
            attempt,
            worker_id,
        },
        finish,
    };
    assert_eq!(
        world.worker.finish(&[again]).await.unwrap(),
        [Finished::LeaseLost]
    );
    assert_eq!(world.job(id).await.state, JobState::Scheduled);
}

#[tokio::test]
async fn cancelling_ends_a_waiting_job_at_once_and_a_running_one_through_its_worker() {
    let world = World::new().await;
    let waiting = world.submit(new_job()).await.id;
    assert_eq!(
        world
            .api
            .cancel(&testkit::actor(world.tenant_id), waiting)
            .await
            .unwrap(),
        Cancel::Cancelled
    );
    assert!(world.tokens(waiting).await.is_empty());
    let again = world
        .api
        .cancel(&testkit::actor(world.tenant_id), waiting)
        .await
        .unwrap();
    assert_eq!(again, Cancel::AlreadyFinished(JobState::Cancelled));

    let id = world.submit(new_job()).await.id;
    let running = world.start(id).await;
    assert_eq!(
        world
            .api
            .cancel(&testkit::actor(world.tenant_id), id)
            .await
            .unwrap(),
        Cancel::Requested
    );
    let Heartbeat::Renewed(held) = world.worker.heartbeat(world.worker_id, LEASE).await.unwrap() else {
        panic!()
    };
    assert!(
        held.iter()
            .any(|attempt| attempt.job_id == id && attempt.cancel_requested)
    );
    // Its failure would have led to another attempt.
    assert_eq!(
        world.end(running, failed()).await,
        Finished::Recorded(JobState::Cancelled)
    );
    assert_eq!(world.events(id).await, ["submitted", "started", "cancelled"]);

    let missing = world
        .api
        .cancel(&testkit::actor(world.tenant_id), JobId(random()))
        .await
        .unwrap();
    assert_eq!(missing, Cancel::NotFound);
}

#[tokio::test]
async fn a_retried_job_has_all_its_attempts_again_and_keeps_its_history() {
    let world = World::new().await;
    let id = world.submit(with_attempts(1)).await.id;
    world.end(world.start(id).await, failed()).await;
    let redriven = world
        .api
        .redrive(&testkit::actor(world.tenant_id), id)
        .await
        .unwrap();
    assert_eq!(
        redriven,
        Redrive::Redriven {
            queue: "default".to_owned()
        }
    );
    assert_eq!(world.tokens(id).await, ["outbox"]);
    let started = world.start(id).await;
    assert_eq!((started.lease.attempt, started.spent), (2, 1));
    world.end(started, Outcome::Succeeded(None)).await;
    let again = world
        .api
        .redrive(&testkit::actor(world.tenant_id), id)
        .await
        .unwrap();
    assert_eq!(again, Redrive::NotRetryable(JobState::Succeeded));
    assert_eq!(
        world
            .api
            .attempts(world.tenant_id, id)
            .await
            .unwrap()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn racing_claims_start_one_attempt() {
    let world = World::new().await;
    let ids: Vec<JobId> = {
        let mut ids = Vec::new();
        for _ in 0..20 {
            ids.push(world.submit(new_job()).await.id);
        }
        ids
    };
    let mut workers = Vec::new();
    for _ in 0..4 {
        workers.push(register(&world.worker).await);
    }
    let (a, b, c, d) = tokio::join!(
        world.worker.claim(workers[0], &ids),
        world.worker.claim(workers[1], &ids),
        world.worker.claim(workers[2], &ids),
        world.worker.claim(workers[3], &ids),
    );
    let started = [a, b, c, d]
        .into_iter()
        .flat_map(Result::unwrap)
        .filter(|claim| matches!(claim, Claim::Started(_)))
        .count();
    assert_eq!(started, ids.len());
}

#[tokio::test]
async fn an_unknown_job_is_told_apart() {
    let world = World::new().await;
    assert!(matches!(world.claim(JobId(random())).await, Claim::Unknown));
}
