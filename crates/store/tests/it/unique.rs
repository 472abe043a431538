//! One job per unique key, whoever submits when.

mod again;
mod at_once;

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
    let world = World::impatient().await;
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
    // An idempotency key of its own is not what the request waits for.
    let mut keyed = request(&world, vec![job("a", RETURN)]);
    keyed.idempotency = Some(store::Idempotency {
        key: "k".to_owned(),
        request_hash: [1; 32],
    });
    let answer = world.api.submit(&[keyed]).await.remove(0);
    assert!(matches!(answer, Err(Error::Locked(_))), "{answer:?}");
}
