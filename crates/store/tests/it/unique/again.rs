//! Jobs that are retried, while another may hold their key.

use super::*;

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
