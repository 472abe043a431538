//! Accepting jobs: together, once per key, and not at the cost of others.

use chrono::{TimeDelta, Utc};
use domain::{JobState, NewJob};
use store::{Error, Idempotency, Submission, Submitted};
use testkit::new_job;

use crate::world::{World, random};

fn keyed(world: &World, key: &str, body: u8) -> Submission {
    let idempotency = Idempotency {
        key: key.to_owned(),
        request_hash: [body; 32],
    };
    Submission {
        tenant_id: world.tenant_id,
        idempotency: Some(idempotency),
        jobs: vec![new_job()],
    }
}

fn jobs(answer: Result<Submitted, Error>) -> Vec<store::SubmittedJob> {
    match answer.unwrap() {
        Submitted::Accepted(jobs) | Submitted::Replayed(jobs) => jobs,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn requests_of_several_tenants_share_a_transaction_and_keep_their_order() {
    let world = World::new().await;
    let other = world.db.tenant().await;
    let submissions: Vec<Submission> = (0..30)
        .map(|n| {
            let tenant_id = if n % 3 == 0 { other } else { world.tenant_id };
            Submission {
                tenant_id,
                idempotency: None,
                jobs: vec![new_job(), new_job()],
            }
        })
        .collect();
    let answers = world.api.submit(&submissions).await;
    for (submission, answer) in submissions.iter().zip(answers) {
        let ids: Vec<_> = jobs(answer).iter().map(|job| job.id).collect();
        assert_eq!(ids, submission.jobs.iter().map(|job| job.id).collect::<Vec<_>>());
        assert!(
            world
                .api
                .job(submission.tenant_id, ids[0])
                .await
                .unwrap()
                .is_some()
        );
    }
}

#[tokio::test]
async fn a_key_makes_one_job_also_within_one_group_and_replays_equal_answers() {
    let world = World::new().await;
    let group = [
        keyed(&world, "a", 1),
        keyed(&world, "a", 1),
        keyed(&world, "a", 2),
    ];
    let mut answers = world.api.submit(&group).await;
    assert!(matches!(answers.remove(2), Ok(Submitted::KeyReused)));
    let second = jobs(answers.remove(1));
    let first = jobs(answers.remove(0));
    assert_eq!(first, second);
    let later = world.api.submit(&[keyed(&world, "a", 1)]).await.remove(0);
    assert!(matches!(&later, Ok(Submitted::Replayed(_))));
    assert_eq!(jobs(later), first);
    assert!(matches!(
        world.api.submit(&[keyed(&world, "a", 9)]).await.remove(0),
        Ok(Submitted::KeyReused)
    ));
}

#[tokio::test]
async fn fifty_concurrent_submits_with_one_key_make_one_job() {
    let world = World::new().await;
    let submits = (0..50).map(|_| async { world.api.submit(&[keyed(&world, "same", 1)]).await.remove(0) });
    let answers = futures::future::join_all(submits).await;
    let accepted = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(Submitted::Accepted(_))))
        .count();
    let mut told: Vec<_> = answers
        .into_iter()
        .map(|answer| jobs(answer).remove(0).id)
        .collect();
    told.dedup();
    assert_eq!((accepted, told.len()), (1, 1));
    let stored = world
        .api
        .list_jobs(world.tenant_id, &store::JobFilter::default(), 100)
        .await
        .unwrap();
    assert_eq!(stored.len(), 1);
}

#[tokio::test]
async fn another_tenants_key_is_another_key() {
    let world = World::new().await;
    let other = world.db.tenant().await;
    let mine = jobs(world.api.submit(&[keyed(&world, "k", 1)]).await.remove(0));
    let theirs = Submission {
        tenant_id: other,
        ..keyed(&world, "k", 2)
    };
    let theirs = jobs(world.api.submit(&[theirs]).await.remove(0));
    assert_ne!(mine[0].id, theirs[0].id);
}

#[tokio::test]
async fn an_expired_key_is_free_again() {
    let world = World::new().await;
    let first = jobs(world.api.submit(&[keyed(&world, "k", 1)]).await.remove(0));
    world.sql("update idempotency set expires_at = now()").await;
    let second = jobs(world.api.submit(&[keyed(&world, "k", 2)]).await.remove(0));
    assert_ne!(first[0].id, second[0].id);
    world.sql("update idempotency set expires_at = now()").await;
    assert_eq!(world.worker.purge_idempotency(10).await.unwrap(), 1);
}

#[tokio::test]
async fn one_bad_request_does_not_take_the_others_with_it() {
    let world = World::new().await;
    let good = || Submission {
        tenant_id: world.tenant_id,
        idempotency: None,
        jobs: vec![new_job()],
    };
    // A job id that exists: the constraint refuses it, and with it the whole transaction of the group.
    let taken = world.submit(new_job()).await.id;
    let bad = Submission {
        tenant_id: world.tenant_id,
        idempotency: None,
        jobs: vec![
            new_job(),
            NewJob {
                id: taken,
                ..new_job()
            },
        ],
    };
    let answers = world.api.submit(&[good(), bad, good()]).await;
    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert!(matches!(&answers[1], Err(Error::Conflict { constraint }) if constraint.contains("pkey")));
    // All or nothing: the bad request's good job is not there either.
    let stored = world
        .api
        .list_jobs(world.tenant_id, &store::JobFilter::default(), 100)
        .await
        .unwrap();
    assert_eq!(stored.len(), 3);
}

#[tokio::test]
async fn a_key_whose_first_request_has_not_ended_is_in_progress() {
    let world = World::impatient().await;
    let mut first = world.db.superuser().await;
    sqlx::raw_sql("begin").execute(&mut first).await.unwrap();
    sqlx::query("insert into idempotency values ($1, 'slow', $2, '{}', now() + interval '1 hour')")
        .bind(world.tenant_id.0)
        .bind(vec![1_u8; 32])
        .execute(&mut first)
        .await
        .unwrap();
    let keyless = Submission {
        tenant_id: world.tenant_id,
        idempotency: None,
        jobs: vec![new_job()],
    };
    let answers = world.api.submit(&[keyed(&world, "slow", 1), keyless]).await;
    assert!(matches!(answers[0], Ok(Submitted::InProgress)), "{answers:?}");
    assert!(matches!(answers[1], Ok(Submitted::Accepted(_))));
}

#[tokio::test]
async fn a_later_run_at_schedules_and_hostile_payloads_survive() {
    let world = World::new().await;
    let run_at = Utc::now_for_tests() + TimeDelta::hours(1);
    let text = r#"{"nul":"\u0000","big":123456789012345678901234567890,"b":1,"a":2,"lone":"\ud800"}"#;
    let payload = serde_json::value::RawValue::from_string(text.to_owned()).unwrap();
    let tags = vec!["one".parse().unwrap(), "zwei, \"drei\" {4}".parse().unwrap()];
    let submitted = world
        .submit(NewJob {
            run_at: Some(run_at),
            payload,
            tags,
            ..new_job()
        })
        .await;
    assert_eq!(submitted.state, JobState::Scheduled);
    let job = world.job(submitted.id).await;
    assert_eq!(job.payload.unwrap().get(), text);
    assert_eq!(job.tags, ["one", "zwei, \"drei\" {4}"]);
    assert_eq!(world.tokens(submitted.id).await, ["due"]);
    let _ = random();
}

/// The one place where these tests ask a clock.
trait Clock {
    fn now_for_tests() -> chrono::DateTime<Utc>;
}

impl Clock for Utc {
    #[expect(clippy::disallowed_methods, reason = "a far future is far from any clock")]
    fn now_for_tests() -> chrono::DateTime<Utc> {
        Utc::now()
    }
}
