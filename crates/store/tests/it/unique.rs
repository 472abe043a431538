//! One job per unique key, whoever submits when.

use std::collections::HashSet;
use std::time::Duration;

use domain::unique::Window;
use domain::{Failure, FailureCode, JobId, JobState, NewJob, OnConflict, Outcome, Unique, UniqueKey};
use futures::future::join_all;
use store::{Cancel, DeadLetterFilter, Error, Idempotency, Redrive, Submission, Submitted, SubmittedJob};
use testkit::{actor, new_job};

use crate::world::World;

const RETURN: OnConflict = OnConflict::Return;

fn job(key: &str, on_conflict: OnConflict) -> NewJob {
    within(key, on_conflict, Window::Live)
}

fn within(key: &str, on_conflict: OnConflict, window: Window) -> NewJob {
    let job = new_job();
    let unique = Unique {
        key: UniqueKey::of_text(&job.kind, key),
        window,
        on_conflict,
    };
    NewJob {
        unique: Some(unique),
        ..job
    }
}

fn request(world: &World, jobs: Vec<NewJob>) -> Submission {
    Submission {
        tenant_id: world.tenant_id,
        idempotency: None,
        jobs,
    }
}

async fn submit(world: &World, job: NewJob) -> Submitted {
    world
        .api
        .submit(&[request(world, vec![job])])
        .await
        .remove(0)
        .unwrap()
}

#[track_caller]
fn jobs(answer: Submitted) -> Vec<SubmittedJob> {
    match answer {
        Submitted::Accepted(jobs) | Submitted::Replayed(jobs) => jobs,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn one(answer: Submitted) -> (JobId, bool) {
    let job = jobs(answer).remove(0);
    (job.id, job.existed)
}

#[track_caller]
fn holder(answer: &Submitted) -> (usize, JobId) {
    match answer {
        Submitted::UniqueConflict { index, holder } => (*index, *holder),
        other => panic!("{other:?}"),
    }
}

fn no_luck() -> Outcome {
    Outcome::Aborted(Failure::new(FailureCode::HandlerError, "no luck"))
}

async fn stored(world: &World) -> usize {
    let filter = store::JobFilter::default();
    world
        .api
        .list_jobs(world.tenant_id, &filter, 100)
        .await
        .unwrap()
        .len()
}

#[tokio::test]
async fn a_key_has_one_job_that_lives() {
    let world = World::new().await;
    let (first, existed) = one(submit(&world, job("a", RETURN)).await);
    assert!(!existed);
    let (other, _) = one(submit(&world, job("b", RETURN)).await);
    assert_ne!(first, other);
    let answer = jobs(submit(&world, job("a", RETURN)).await).remove(0);
    assert_eq!(
        (answer.id, answer.existed, answer.state),
        (first, true, JobState::Queued)
    );
    let started = world.start(first).await;
    let answer = jobs(submit(&world, job("a", RETURN)).await).remove(0);
    assert_eq!((answer.id, answer.state), (first, JobState::Running));
    world.end(started, Outcome::Succeeded(None)).await;
    let (second, existed) = one(submit(&world, job("a", RETURN)).await);
    assert!(second != first && !existed, "an ended job keeps nobody away");
    assert_eq!(stored(&world).await, 3);

    let theirs = world.db.tenant().await;
    let theirs = Submission {
        tenant_id: theirs,
        ..request(&world, vec![job("a", RETURN)])
    };
    assert!(
        !one(world.api.submit(&[theirs]).await.remove(0).unwrap()).1,
        "tenants share no keys"
    );
}

#[tokio::test]
async fn a_submit_may_refuse_to_stand_beside_another_or_take_its_place() {
    let world = World::new().await;
    let (first, _) = one(submit(&world, job("a", RETURN)).await);
    assert_eq!(
        holder(&submit(&world, job("a", OnConflict::Reject)).await),
        (0, first)
    );
    assert_eq!(stored(&world).await, 1);

    let (second, existed) = one(submit(&world, job("a", OnConflict::Replace)).await);
    assert!(!existed);
    assert_eq!(world.job(first).await.state, JobState::Cancelled);
    assert_eq!(world.events(first).await, ["submitted", "cancelled"]);
    assert!(world.tokens(first).await.is_empty());
    assert_eq!(one(submit(&world, job("a", RETURN)).await), (second, true));

    world.start(second).await;
    let refused = submit(&world, job("a", OnConflict::Replace)).await;
    assert_eq!(holder(&refused), (0, second), "what runs is not replaced");
    assert_eq!(stored(&world).await, 2);
}

#[tokio::test]
async fn within_its_period_a_job_keeps_others_away_unless_it_came_to_nothing() {
    let world = World::new().await;
    let day = Window::Period(Duration::from_hours(24));
    let (first, _) = one(submit(&world, within("a", RETURN, day)).await);
    let started = world.start(first).await;
    world.end(started, Outcome::Succeeded(None)).await;
    assert_eq!(one(submit(&world, within("a", RETURN, day)).await), (first, true));
    let refused = submit(&world, within("a", OnConflict::Replace, day)).await;
    assert_eq!(holder(&refused), (0, first), "what has run is not replaced");
    world.sql("update unique_job set expires_at = now()").await;
    let (second, existed) = one(submit(&world, within("a", RETURN, day)).await);
    assert!(!existed && second != first);

    let started = world.start(second).await;
    world.end(started, no_luck()).await;
    let (third, existed) = one(submit(&world, within("a", RETURN, day)).await);
    assert!(!existed, "one that failed keeps nobody away");
    // Its period is over, so it keeps nobody away though it lives.
    world.sql("update unique_job set expires_at = now()").await;
    let (fourth, _) = one(submit(&world, within("a", RETURN, day)).await);
    assert_ne!(third, fourth);
}

#[tokio::test]
async fn a_batch_is_decided_in_order_and_as_a_whole() {
    let world = World::new().await;
    let batch = vec![
        job("a", RETURN),
        job("b", RETURN),
        job("a", RETURN),
        job("a", OnConflict::Replace),
        new_job(),
    ];
    let ids: Vec<JobId> = batch.iter().map(|job| job.id).collect();
    let answer = world
        .api
        .submit(&[request(&world, batch)])
        .await
        .remove(0)
        .unwrap();
    let told: Vec<(JobId, bool)> = jobs(answer).iter().map(|job| (job.id, job.existed)).collect();
    assert_eq!(
        told,
        [
            (ids[0], false),
            (ids[1], false),
            (ids[0], true),
            (ids[3], false),
            (ids[4], false)
        ]
    );
    assert_eq!(world.job(ids[0]).await.state, JobState::Cancelled);
    assert_eq!(one(submit(&world, job("a", RETURN)).await), (ids[3], true));

    // The one that is refused takes the others with it, and what they would have replaced stays.
    let batch = vec![
        job("c", RETURN),
        job("a", OnConflict::Replace),
        job("b", OnConflict::Reject),
    ];
    let refused = world
        .api
        .submit(&[request(&world, batch)])
        .await
        .remove(0)
        .unwrap();
    assert_eq!(holder(&refused), (2, ids[1]));
    assert_eq!(world.job(ids[3]).await.state, JobState::Queued);
    assert!(
        !one(submit(&world, job("c", RETURN)).await).1,
        "its keys are free"
    );
    assert_eq!(stored(&world).await, 5);
}

#[tokio::test]
async fn requests_of_one_group_see_each_other() {
    let world = World::new().await;
    let group = [
        request(&world, vec![job("a", RETURN)]),
        request(&world, vec![job("b", RETURN), job("a", OnConflict::Reject)]),
        request(&world, vec![job("b", RETURN)]),
        request(&world, vec![job("a", RETURN)]),
    ];
    let first = group[0].jobs[0].id;
    let answers: Vec<Submitted> = world
        .api
        .submit(&group)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(holder(&answers[1]), (1, first));
    let mut answers = answers.into_iter();
    assert_eq!(one(answers.next().unwrap()), (first, false));
    assert_eq!(one(answers.nth(1).unwrap()), (group[2].jobs[0].id, false));
    assert_eq!(one(answers.next().unwrap()), (first, true));
}

#[tokio::test]
async fn an_idempotency_key_comes_first() {
    let world = World::new().await;
    let keyed = |key: &str, jobs| Submission {
        idempotency: Some(Idempotency {
            key: key.to_owned(),
            request_hash: [1; 32],
        }),
        ..request(&world, jobs)
    };
    let submit = async |submission| world.api.submit(&[submission]).await.remove(0).unwrap();
    let first = one(submit(keyed("k", vec![job("a", OnConflict::Reject)])).await).0;
    let replay = submit(keyed("k", vec![job("a", OnConflict::Reject)])).await;
    assert!(
        matches!(&replay, Submitted::Replayed(_)),
        "a replay is no conflict: {replay:?}"
    );
    assert_eq!(one(replay), (first, false));

    // What was answered by another job is replayed so.
    let existing = submit(keyed("l", vec![job("a", RETURN), new_job()])).await;
    let told = jobs(existing);
    let replay = submit(keyed("l", vec![job("a", RETURN), new_job()])).await;
    assert_eq!(jobs(replay), told);
    assert_eq!(
        (told[0].id, told[0].existed, told[1].existed),
        (first, true, false)
    );
    let wish = keyed("l", vec![]).idempotency.unwrap();
    let found = world.api.replay(world.tenant_id, &wish).await.unwrap().unwrap();
    assert_eq!(jobs(found), told);

    // What was refused has not used up its key, for both of a group.
    let group = [0, 1].map(|_| keyed("m", vec![job("a", OnConflict::Reject)]));
    for answer in world.api.submit(&group).await {
        assert_eq!(holder(&answer.unwrap()), (0, first));
    }
    let started = world.start(first).await;
    world.end(started, Outcome::Succeeded(None)).await;
    let second = submit(keyed("m", vec![job("a", OnConflict::Reject)])).await;
    assert!(matches!(second, Submitted::Accepted(_)), "{second:?}");
}

/// Rounds of submits at once, each round with a key of its own; answers how many made no job or more than one.
async fn rounds(world: &World, rounds: usize, submission: impl Fn(usize) -> Submission) -> usize {
    let mut wrong = 0;
    for round in 0..rounds {
        let submits = (0..50).map(|_| async { world.api.submit(&[submission(round)]).await.remove(0) });
        let answers = join_all(submits).await;
        let told: Vec<SubmittedJob> = answers
            .into_iter()
            .flat_map(|answer| jobs(answer.unwrap()))
            .collect();
        let ids: HashSet<JobId> = told.iter().map(|job| job.id).collect();
        wrong += usize::from(told.len() != 50 || ids.len() != 1);
    }
    let mut superuser = world.db.superuser().await;
    let stored: i64 = sqlx::query_scalar("select count(*) from job")
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    assert_eq!(stored, i64::try_from(rounds).unwrap());
    wrong
}

async fn one_job_per_unique_key(count: usize) {
    let world = World::new().await;
    let by_key = |round: usize| request(&world, vec![job(&format!("key {round}"), RETURN)]);
    assert_eq!(rounds(&world, count, by_key).await, 0);
}

async fn one_job_per_idempotency_key(count: usize) {
    let world = World::new().await;
    let by_key = |round: usize| Submission {
        idempotency: Some(Idempotency {
            key: format!("key {round}"),
            request_hash: [1; 32],
        }),
        ..request(&world, vec![new_job()])
    };
    assert_eq!(rounds(&world, count, by_key).await, 0);
}

#[tokio::test]
async fn fifty_submits_at_once_make_one_job_per_unique_key() {
    one_job_per_unique_key(100).await;
}

#[tokio::test]
async fn fifty_submits_at_once_make_one_job_per_idempotency_key() {
    one_job_per_idempotency_key(100).await;
}

#[tokio::test]
#[ignore = "takes minutes: 100,000 submits each; run it by hand when the way submits are stored changes"]
async fn two_thousand_rounds_make_one_job_each() {
    one_job_per_unique_key(2_000).await;
    one_job_per_idempotency_key(2_000).await;
}

#[tokio::test]
async fn batches_with_the_same_keys_in_any_order_do_not_wait_in_a_circle() {
    let world = World::new().await;
    let batch = |shift: usize| {
        let key = |at: usize| format!("key {}", (at * 7 + shift) % 20);
        let conflict = [OnConflict::Return, OnConflict::Replace][shift % 2];
        request(&world, (0..20).map(|at| job(&key(at), conflict)).collect())
    };
    let submits = (0..100).map(|shift| {
        let submission = batch(shift);
        async { world.api.submit(&[submission]).await.remove(0) }
    });
    let answers = join_all(submits);
    for answer in answers.await {
        assert_eq!(jobs(answer.unwrap()).len(), 20);
    }
    let mut superuser = world.db.superuser().await;
    let live: i64 = sqlx::query_scalar("select count(*) from job where state = 'queued'")
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    assert_eq!(live, 20, "one for each key");
}

#[tokio::test]
async fn a_job_lives_again_only_while_nobody_holds_its_key() {
    let world = World::new().await;
    let (first, _) = one(submit(&world, job("a", RETURN)).await);
    let started = world.start(first).await;
    world.end(started, no_luck()).await;
    let (second, existed) = one(submit(&world, job("a", RETURN)).await);
    assert!(!existed);
    let redrive = async |id| world.api.redrive(&actor(world.tenant_id), id).await.unwrap();
    assert_eq!(redrive(first).await, Redrive::KeyTaken { holder: second });
    assert!(!world.worker.revive(first, 1).await.unwrap());
    let everything = DeadLetterFilter::default();
    let by = actor(world.tenant_id);
    let all = async || {
        let redriven = world
            .api
            .redrive_dead_letters(&by, &everything, 10, Duration::ZERO);
        redriven.await.unwrap().jobs
    };
    assert_eq!(all().await, 0);
    assert_eq!(world.tokens(first).await, ["dead_letter"]);

    assert_eq!(
        world.api.cancel(&actor(world.tenant_id), second).await.unwrap(),
        Cancel::Cancelled
    );
    assert_eq!(all().await, 1);
    assert_eq!(redrive(second).await, Redrive::KeyTaken { holder: first });
    assert_eq!(
        one(submit(&world, job("a", RETURN)).await),
        (first, true),
        "it has its key back"
    );
    let started = world.start(first).await;
    world.end(started, no_luck()).await;
    assert!(world.worker.revive(first, 2).await.unwrap());
    assert_eq!(one(submit(&world, job("a", RETURN)).await), (first, true));
}

#[tokio::test]
async fn of_several_dead_letters_with_one_key_one_is_retried() {
    let world = World::new().await;
    let mut failed = Vec::new();
    for _ in 0..3 {
        let (id, existed) = one(submit(&world, job("a", RETURN)).await);
        assert!(!existed);
        let started = world.start(id).await;
        world.end(started, no_luck()).await;
        failed.push(id);
    }
    let everything = DeadLetterFilter::default();
    let redriven = world
        .api
        .redrive_dead_letters(&actor(world.tenant_id), &everything, 10, Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(redriven.jobs, 1);
    assert_eq!(world.tokens(failed[0]).await, ["outbox"]);
    assert_eq!(one(submit(&world, job("a", RETURN)).await), (failed[0], true));
}

#[tokio::test]
async fn keys_that_nobody_holds_are_purged_and_others_are_not() {
    let world = World::new().await;
    let day = Window::Period(Duration::from_hours(24));
    let held = [job("live", RETURN), within("ended", RETURN, day)];
    let stale = [job("done", RETURN), within("failed", RETURN, day)];
    let submitted = [&held[..], &stale[..]].concat();
    for job in submitted {
        submit(&world, job).await;
    }
    for (id, outcome) in [
        (held[1].id, Outcome::Succeeded(None)),
        (stale[0].id, Outcome::Succeeded(None)),
        (stale[1].id, no_luck()),
    ] {
        let started = world.start(id).await;
        world.end(started, outcome).await;
    }
    let (mut purged, mut after) = (0, None);
    loop {
        let page = world.worker.purge_unique(after.as_ref(), 1).await.unwrap();
        purged += page.purged;
        if page.last_read.is_none() {
            break;
        }
        after = page.last_read;
    }
    assert_eq!(purged, 2);
    assert_eq!(one(submit(&world, job("live", RETURN)).await), (held[0].id, true));
    assert_eq!(
        one(submit(&world, within("ended", RETURN, day)).await),
        (held[1].id, true)
    );
    assert!(!one(submit(&world, job("done", RETURN)).await).1);
}

#[tokio::test]
async fn a_key_that_somebody_holds_on_to_is_waited_for_and_told() {
    let world = World::new().await;
    let wanted = job("a", RETURN);
    let mut other = world.db.superuser().await;
    sqlx::raw_sql("begin").execute(&mut other).await.unwrap();
    sqlx::query("insert into unique_job values ($1, $2, $3, null)")
        .bind(world.tenant_id.0)
        .bind(&wanted.unique.as_ref().unwrap().key.as_bytes()[..])
        .bind(wanted.id.0)
        .execute(&mut other)
        .await
        .unwrap();
    let answers = world
        .api
        .submit(&[request(&world, vec![wanted]), request(&world, vec![new_job()])])
        .await;
    assert!(matches!(answers[0], Err(Error::Locked(_))), "{answers:?}");
    assert!(
        matches!(answers[1], Ok(Submitted::Accepted(_))),
        "the others do not wait for it"
    );
}

#[tokio::test]
async fn a_bulk_retry_leaves_jobs_whose_key_another_holds() {
    let world = World::new().await;
    let by = actor(world.tenant_id);
    let mut cancelled = Vec::new();
    for key in ["a", "a", "b"] {
        let (id, existed) = one(submit(&world, job(key, RETURN)).await);
        assert!(!existed);
        assert_eq!(world.api.cancel(&by, id).await.unwrap(), Cancel::Cancelled);
        cancelled.push(id);
    }
    let (holder, _) = one(submit(&world, job("b", RETURN)).await);
    let redriven = world
        .api
        .redrive_jobs(&by, &store::BulkFilter::default(), 10)
        .await
        .unwrap();
    assert_eq!(
        redriven.jobs, 1,
        "of two with one key one, and none whose key is taken"
    );
    assert_eq!(world.tokens(cancelled[0]).await, ["outbox"]);
    assert_eq!(one(submit(&world, job("a", RETURN)).await), (cancelled[0], true));
    assert_eq!(one(submit(&world, job("b", RETURN)).await), (holder, true));
}
