//! Dead letters on SQS: the row, its message, and everything that may happen to either.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::JobState;
use queue::{Queue, Receive};
use serde_json::{Value, json};
use testkit::eventually;
use worker::{Config, DeadLetterConfig, StepOutcome};

use crate::dead_letter_scene::{Scene, eager, with};
use crate::sqs_world::MAX_RECEIVES;
use crate::world::{PATIENCE, lane};

#[tokio::test]
async fn a_job_that_fails_for_good_is_a_row_and_a_message_without_its_payload() {
    let scene = Scene::new().await;
    let id = scene.dead_letter().await;
    scene.assert_rows(1).await;
    scene.until_dead_letter_messages(0).await;
    assert_eq!(scene.announce().await, 1);
    assert_eq!(scene.announce().await, 0, "once is enough");
    scene.until_dead_letter_messages(1).await;
    let body: Value = serde_json::from_str(&scene.take_message().await.body.unwrap()).unwrap();
    let tenant_id = scene.sqs.world.tenant_id;
    let expected = json!({"v": 1, "job_id": id, "tenant_id": tenant_id, "dead_letter": 1});
    assert_eq!(body, expected);
    scene.sqs.until_depth("0", "0").await;
    scene.sqs.delete().await;
}

#[tokio::test]
async fn a_message_that_is_moved_back_runs_its_job_again() {
    let scene = Scene::new().await;
    let id = scene.announced().await;
    scene.mend();
    scene.move_back().await;
    assert_eq!(scene.step().await, [StepOutcome::Revived]);
    assert_eq!(scene.sqs.world.job(id).await.state, JobState::Queued);
    scene.assert_rows(0).await;

    assert_eq!(scene.run().await, JobState::Succeeded);
    assert_eq!(scene.sqs.world.attempts(id).await.len(), 2);
    scene.sqs.until_depth("0", "0").await;
    scene.until_dead_letter_messages(0).await;
    assert_eq!(scene.reconcile().await, 0);
    scene.sqs.delete().await;
}

#[tokio::test]
async fn all_of_it_happens_by_itself() {
    let scene = Scene::new().await;
    let config = Config {
        announce_again: Config::default().announce_again,
        ..eager()
    };
    let running = scene.sqs.world.run(scene.another_worker(config).await);
    let id = scene.submit().await;
    scene.sqs.world.until(id, JobState::Failed).await;
    scene.until_dead_letter_messages(1).await;
    scene.mend();
    scene.move_back().await;
    eventually("the job has succeeded", PATIENCE, async || {
        (scene.sqs.world.job(id).await.state == JobState::Succeeded).then_some(())
    })
    .await;
    scene.mended.store(false, Ordering::SeqCst);
    let id = scene.submit().await;
    scene.sqs.world.until(id, JobState::Failed).await;
    scene.until_dead_letter_messages(1).await;
    scene.discard(vec![id]).await;
    scene.until_dead_letter_messages(0).await;
    scene.sqs.until_depth("0", "0").await;
    running.drain().await;
    scene.sqs.delete().await;
}

#[tokio::test]
async fn a_message_that_was_moved_back_stays_until_its_job_is_queued() {
    let scene = Scene::new().await;
    let id = scene.announced().await;
    scene.move_back().await;
    let worker = Arc::new(scene.another_worker(eager()).await);
    worker.beat().await.unwrap();
    let mut blocker = scene.sqs.world.db.superuser().await;
    let lock = "begin; lock table dead_letter in access exclusive mode";
    sqlx::raw_sql(lock).execute(&mut blocker).await.unwrap();
    let stepping = Arc::clone(&worker);
    let step = scene
        .sqs
        .world
        .spawn(async move { stepping.run_once(&lane(), 1).await });
    // The statement waits, and then is cut off.
    eventually("the statement waits", PATIENCE, async || {
        let cut = "select count(pg_terminate_backend(pid)) from pg_stat_activity
                   where datname = current_database() and wait_event_type = 'Lock'";
        (scene.sqs.world.count(cut).await == 1).then_some(())
    })
    .await;
    assert_eq!(step.await.unwrap().unwrap(), [StepOutcome::NotStarted]);

    sqlx::raw_sql("rollback").execute(&mut blocker).await.unwrap();
    scene.assert_rows(1).await;
    let outcomes = eventually("the message comes again", PATIENCE, async || {
        let outcomes = worker.run_once(&lane(), 1).await.unwrap();
        (!outcomes.is_empty()).then_some(outcomes)
    })
    .await;
    assert_eq!(outcomes, [StepOutcome::Revived]);
    assert_eq!(scene.sqs.world.job(id).await.state, JobState::Queued);
    scene.sqs.until_depth("0", "0").await;
    scene.sqs.delete().await;
}

#[tokio::test]
async fn a_message_goes_when_its_job_was_retried() {
    let scene = Scene::new().await;
    let (id, other) = (scene.announced().await, scene.announced().await);
    scene.retry(id).await;
    assert_eq!(scene.reconcile().await, 1);
    scene.until_dead_letter_messages(1).await;
    let body = scene.take_message().await.body.unwrap();
    assert!(body.contains(&other.to_string()), "{body}");
    scene.mend();
    assert_eq!(scene.run().await, JobState::Succeeded);
    scene.sqs.delete().await;
}

#[tokio::test]
async fn a_message_goes_when_its_job_was_discarded() {
    let scene = Scene::new().await;
    let id = scene.announced().await;
    scene.discard(vec![id]).await;
    assert_eq!(scene.reconcile().await, 1);
    scene.until_dead_letter_messages(0).await;
    assert_eq!(scene.sqs.world.job(id).await.state, JobState::Failed);
    scene.sqs.delete().await;
}

#[tokio::test]
async fn messages_that_are_gone_are_sent_again() {
    let scene = Scene::new().await;
    scene.announced().await;
    scene.announced().await;
    scene.purge().await;
    // Messages that were sent a moment ago may only be on their way.
    let patient = scene.another_worker(with(DeadLetterConfig::default())).await;
    let counts = patient.maintain_once("reconcile_dead_letters", 100).await;
    assert_eq!(counts.unwrap().unwrap().changed, 0);
    assert_eq!(scene.announce().await, 0);

    assert_eq!(scene.reconcile().await, 2);
    assert_eq!(scene.announce().await, 2);
    scene.until_dead_letter_messages(2).await;
    assert_eq!(scene.reconcile().await, 0);
    scene.sqs.delete().await;
}

#[tokio::test]
async fn a_message_that_was_taken_and_never_sent_is_sent_in_the_end() {
    let scene = Scene::new().await;
    scene.dead_letter().await;
    // As a process does that dies between the two.
    let store = scene.sqs.world.store().await;
    assert_eq!(store.take_owed_dead_letters(&lane(), 10).await.unwrap().len(), 1);
    assert_eq!(scene.announce().await, 0);
    assert_eq!(scene.reconcile().await, 1);
    assert_eq!(scene.announce().await, 1);
    scene.until_dead_letter_messages(1).await;
    scene.sqs.delete().await;
}

#[tokio::test]
async fn a_doorbell_that_sqs_moved_away_is_deleted_and_its_job_announced_again() {
    let scene = Scene::new().await;
    scene.mend();
    let id = scene.submit().await;
    scene.worker.dispatch_once(&lane(), 10).await.unwrap();
    // Somebody receives it and dies, as often as is allowed.
    let receive = Receive {
        max: 1,
        wait: Duration::from_secs(2),
        visibility: Duration::ZERO,
    };
    for _ in 0..MAX_RECEIVES {
        assert_eq!(scene.sqs.queue().receive(receive).await.unwrap().len(), 1);
    }
    assert!(scene.sqs.queue().receive(receive).await.unwrap().is_empty());
    scene.until_dead_letter_messages(1).await;

    assert_eq!(scene.reconcile().await, 1);
    scene.until_dead_letter_messages(0).await;
    assert_eq!(scene.sqs.world.job(id).await.state, JobState::Queued);
    assert_eq!(scene.run().await, JobState::Succeeded);
    assert_eq!(scene.sqs.world.job(id).await.attempt, 1);
    scene.sqs.delete().await;
}

#[tokio::test]
async fn of_two_messages_of_a_dead_letter_one_stays() {
    let scene = Scene::new().await;
    let id = scene.announced().await;
    let message = scene.take_message().await;
    scene.send_to(scene.url(), &message.body.unwrap()).await;
    let request = scene
        .sqs
        .client
        .change_message_visibility()
        .queue_url(scene.url());
    let request = request
        .receipt_handle(message.receipt_handle.unwrap())
        .visibility_timeout(0);
    request.send().await.unwrap();
    scene.until_dead_letter_messages(2).await;

    assert_eq!(scene.reconcile().await, 1);
    scene.until_dead_letter_messages(1).await;
    let body = scene.move_back().await;
    assert!(body.contains(&id.to_string()), "{body}");
    assert_eq!(scene.step().await, [StepOutcome::Revived]);
    scene.sqs.delete().await;
}

#[tokio::test]
async fn a_message_that_is_moved_back_twice_or_late_starts_nothing() {
    let scene = Scene::new().await;
    let id = scene.announced().await;
    let body = scene.move_back().await;
    assert_eq!(scene.step().await, [StepOutcome::Revived]);
    scene.send_to(&scene.sqs.url, &body).await;
    assert_eq!(scene.step().await, [StepOutcome::Stale], "it is queued");
    assert_eq!(scene.run().await, JobState::Failed);
    scene.send_to(&scene.sqs.url, &body).await;
    assert_eq!(
        scene.step().await,
        [StepOutcome::Stale],
        "it has failed once more since"
    );
    scene.assert_rows(1).await;
    // The same in the dead-letter queue: only the message of the last failure stays.
    assert_eq!(scene.announce().await, 1);
    scene.send_to(scene.url(), &body).await;
    scene.until_dead_letter_messages(2).await;
    assert_eq!(scene.reconcile().await, 1);
    scene.until_dead_letter_messages(1).await;

    scene.mend();
    assert_ne!(scene.move_back().await, body);
    assert_eq!(scene.step().await, [StepOutcome::Revived]);
    assert_eq!(scene.run().await, JobState::Succeeded);
    scene.send_to(&scene.sqs.url, &body).await;
    assert_eq!(scene.step().await, [StepOutcome::Stale], "it has succeeded");
    assert_eq!(scene.sqs.world.attempts(id).await.len(), 3);
    assert_eq!(scene.sqs.world.job(id).await.state, JobState::Succeeded);
    scene.sqs.until_depth("0", "0").await;
    scene.sqs.delete().await;
}

#[tokio::test]
async fn what_nobody_can_read_is_deleted() {
    let scene = Scene::new().await;
    scene.announced().await;
    for body in ["<hello/>", r#"{"v":1,"job_id":"1"}"#] {
        scene.send_to(scene.url(), body).await;
    }
    assert_eq!(scene.reconcile().await, 2);
    scene.until_dead_letter_messages(1).await;
    scene.sqs.delete().await;
}

#[tokio::test]
async fn a_depth_that_is_right_by_chance_is_found_out_later() {
    let scene = Scene::new().await;
    let (retried, _) = (scene.announced().await, scene.announced().await);
    assert_eq!(scene.reconcile().await, 0);
    // A message too many, and one too few.
    scene.retry(retried).await;
    let request = scene.sqs.client.delete_message().queue_url(scene.url());
    let mut messages = [scene.take_message().await, scene.take_message().await];
    messages.sort_by_key(|message| message.body.as_ref().unwrap().contains(&retried.to_string()));
    let [gone, stays] = messages.map(|message| message.receipt_handle.unwrap());
    request.receipt_handle(gone).send().await.unwrap();
    let request = scene
        .sqs
        .client
        .change_message_visibility()
        .queue_url(scene.url());
    let request = request.receipt_handle(stays).visibility_timeout(0);
    request.send().await.unwrap();
    scene.until_dead_letter_messages(1).await;
    assert_eq!(scene.reconcile().await, 0, "it was read a moment ago");

    // Another leader has not read it.
    let other = scene.another_worker(eager()).await;
    let counts = other.maintain_once("reconcile_dead_letters", 100).await;
    assert_eq!(counts.unwrap().unwrap().changed, 2);
    assert_eq!(scene.announce().await, 1);
    scene.until_dead_letter_messages(1).await;
    scene.sqs.delete().await;
}

#[tokio::test]
async fn a_queue_that_is_not_read_to_its_end_is_left_as_it_is() {
    let scene = Scene::new().await;
    for _ in 0..12 {
        scene.announced().await;
    }
    scene.dead_letter().await;
    let store = scene.sqs.world.store().await;
    assert_eq!(store.take_owed_dead_letters(&lane(), 10).await.unwrap().len(), 1);
    let hasty = scene
        .another_worker(with(DeadLetterConfig {
            most_messages: 10,
            settled: Duration::ZERO,
            ..DeadLetterConfig::default()
        }))
        .await;
    let counts = hasty.maintain_once("reconcile_dead_letters", 100).await;
    assert_eq!(
        counts.unwrap().unwrap().changed,
        0,
        "who knows what else there is"
    );
    // What was read is there to be moved, sooner than its visibility would have ended.
    for _ in 0..12 {
        scene.take_message().await;
    }
    scene.sqs.delete().await;
}

#[tokio::test]
async fn a_dead_letter_that_could_not_be_announced_is_owed_still() {
    let scene = Scene::new().await;
    scene.dead_letter().await;
    scene
        .sqs
        .client
        .delete_queue()
        .queue_url(scene.url())
        .send()
        .await
        .unwrap();
    assert!(
        scene
            .worker
            .maintain_once("announce_dead_letters", 10)
            .await
            .is_err()
    );
    let owed = "select count(*) from dead_letter where announced_at is null";
    assert_eq!(scene.sqs.world.count(owed).await, 1);
}
