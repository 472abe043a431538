//! Many submits at once.

use super::*;

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
