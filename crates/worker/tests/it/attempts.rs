//! What a handler may come to, and what is recorded for it.

use std::time::Duration;

use domain::{JobState, NewJob};
use serde_json::json;
use worker::Registry;

use crate::handlers::{Forever, Gate, Gates, Scope, Snooze};
use crate::world::{World, job, lane, states, test_handlers};

#[tokio::test]
async fn a_job_runs_once_and_its_result_is_kept() {
    let world = World::new().await;
    let worker = world.worker(test_handlers()).await;
    let id = world
        .submit(job("test.echo", &json!({"b": 1, "a": [2]}), 1))
        .await;
    let outcomes = worker.run_once(&lane(), 10).await.unwrap();
    assert_eq!(states(&outcomes), [JobState::Succeeded]);
    let job = world.job(id).await;
    assert_eq!(job.result.unwrap().get(), r#"{"a":[2],"b":1}"#);
    assert_eq!((job.attempt, job.attempts_spent), (1, 1));
    assert!(worker.run_once(&lane(), 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_handler_is_told_about_its_attempt() {
    let world = World::new().await;
    let worker = world.worker(Registry::new().register(Scope)).await;
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let submitted = NewJob {
        traceparent: Some(traceparent.to_owned()),
        request_id: domain::RequestId::parse("req-7"),
        timeout: Duration::from_secs(100),
        ..job("test.scope", &json!(null), 3)
    };
    let id = world.submit(submitted).await;
    worker.run_once(&lane(), 1).await.unwrap();
    let mut told: serde_json::Value =
        serde_json::from_str(world.job(id).await.result.unwrap().get()).unwrap();
    let remaining_secs = told["remaining_secs"].take().as_u64().unwrap();
    assert!((90..=99).contains(&remaining_secs), "{remaining_secs}");
    let expected = json!({
        "job_id": id, "tenant_id": world.tenant_id, "kind": "test.scope", "queue": "default", "attempt": 1,
        "spent": 1, "max_attempts": 3, "traceparent": traceparent, "request_id": "req-7", "remaining_secs": null,
        "metadata": {},
    });
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_failure_is_tried_again_until_it_succeeds() {
    let world = World::new().await;
    let running = world.run(world.worker(test_handlers()).await);
    let id = world
        .submit(job("test.fail", &json!({"message": "not yet", "times": 2}), 5))
        .await;
    world.until(id, JobState::Succeeded).await;
    let failed = ("retry_scheduled".into(), "handler_error".into(), "not yet".into());
    let succeeded = ("succeeded".into(), String::new(), String::new());
    assert_eq!(world.failures(id).await, [failed.clone(), failed, succeeded]);
    running.drain().await;
}

#[tokio::test]
async fn a_job_that_always_fails_fails_with_every_attempts_error() {
    let world = World::new().await;
    let running = world.run(world.worker(test_handlers()).await);
    let id = world
        .submit(job("test.fail", &json!({"message": "never"}), 3))
        .await;
    let job = world.until(id, JobState::Failed).await;
    assert_eq!((job.attempt, job.error_message.as_deref()), (3, Some("never")));
    let failures = world.failures(id).await;
    let events: Vec<&str> = failures.iter().map(|(event, ..)| event.as_str()).collect();
    assert_eq!(events, ["retry_scheduled", "retry_scheduled", "failed"]);
    assert!(failures.iter().all(|(_, _, message)| message == "never"));
    running.drain().await;
}

/// Runs one job that may be tried once, and answers how its attempt failed.
async fn only_failure(registry: Registry, job: NewJob) -> (String, String, String) {
    let world = World::new().await;
    let worker = world.worker(registry).await;
    let id = world.submit(job).await;
    let outcomes = worker.run_once(&lane(), 1).await.unwrap();
    assert_eq!(states(&outcomes), [JobState::Failed]);
    world.failures(id).await.remove(0)
}

#[tokio::test]
async fn a_panic_is_a_failure() {
    let (_, code, message) = only_failure(
        test_handlers(),
        job("test.fail", &json!({"message": "oh", "panic": true}), 1),
    )
    .await;
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("panicked", "the handler panicked: oh")
    );
}

#[tokio::test]
async fn an_abort_ends_the_job_with_attempts_left() {
    let (event, _, message) = only_failure(
        test_handlers(),
        job("test.fail", &json!({"message": "gone", "abort": true}), 5),
    )
    .await;
    assert_eq!((event.as_str(), message.as_str()), ("failed", "gone"));
}

#[tokio::test]
async fn a_payload_that_does_not_fit_ends_the_job_and_names_the_place() {
    let (event, code, message) =
        only_failure(test_handlers(), job("test.sleep", &json!({"ms": "long"}), 5)).await;
    assert_eq!((event.as_str(), code.as_str()), ("failed", "payload_invalid"));
    assert!(message.starts_with("the payload's ms: invalid type"), "{message}");
}

#[tokio::test]
async fn a_handler_that_takes_too_long_is_told_and_dropped() {
    let gates = Gates::new();
    let job = NewJob {
        timeout: Duration::from_millis(50),
        ..job("test.gate", &json!(null), 1)
    };
    let (_, code, message) = only_failure(Registry::new().register(Gate(gates.clone())), job).await;
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("timed_out", "the handler did not end within 50 ms")
    );
    gates.until_dropped(1).await;
}

#[tokio::test]
async fn a_kind_without_handler_is_tried_again_because_another_worker_may_know_it() {
    let world = World::new().await;
    let worker = world.worker(Registry::new()).await;
    let id = world.submit(job("test.echo", &json!(null), 5)).await;
    let outcomes = worker.run_once(&lane(), 1).await.unwrap();
    assert_eq!(states(&outcomes), [JobState::Scheduled]);
    let (_, code, message) = world.failures(id).await.remove(0);
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("unknown_kind", "this worker has no handler for test.echo")
    );

    let newer = world.run(world.worker(test_handlers()).await);
    assert_eq!(world.until(id, JobState::Succeeded).await.attempt, 2);
    newer.drain().await;
}

#[tokio::test]
async fn a_snooze_does_not_spend_the_attempt() {
    let world = World::new().await;
    let running = world.run(world.worker(Registry::new().register(Snooze)).await);
    let id = world.submit(job("test.snooze", &json!(null), 1)).await;
    let job = world.until(id, JobState::Succeeded).await;
    assert_eq!((job.attempt, job.attempts_spent), (2, 1));
    running.drain().await;
}

#[tokio::test]
async fn an_outcome_that_the_database_refuses_fails_its_job_and_no_other() {
    let world = World::new().await;
    let worker = world.worker(test_handlers().register(Forever)).await;
    let mut jobs: Vec<NewJob> = (0..5).map(|number| job("test.echo", &json!(number), 1)).collect();
    jobs.push(job("test.forever", &json!(null), 5));
    let ids = world.submit_all(jobs).await;
    let outcomes = worker.run_once(&lane(), 10).await.unwrap();
    let succeeded = states(&outcomes)
        .iter()
        .filter(|state| **state == JobState::Succeeded)
        .count();
    assert_eq!((outcomes.len(), succeeded), (6, 5));
    let (event, _, message) = world.failures(ids[5]).await.remove(0);
    assert_eq!(
        (event.as_str(), message.as_str()),
        ("failed", "the outcome (snoozed) could not be stored")
    );
}

#[tokio::test]
async fn a_timeout_without_end_is_no_trouble() {
    let world = World::new().await;
    let worker = world.worker(test_handlers()).await;
    world
        .submit(NewJob {
            timeout: Duration::MAX,
            ..job("test.echo", &json!(null), 1)
        })
        .await;
    let outcomes = worker.run_once(&lane(), 10).await.unwrap();
    assert_eq!(states(&outcomes), [JobState::Succeeded]);
}
