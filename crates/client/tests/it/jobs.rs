//! Submitting jobs and looking after them.

use std::time::Duration;

use client::{BulkAction, BulkFilter, BulkJobs, Error, JobFilter, JobId, JobState, SubmitJob};
use futures::TryStreamExt as _;
use serde_json::json;

use crate::world::{KIND, World};

fn job() -> SubmitJob {
    SubmitJob::new(KIND, &json!({ "order": 17 })).unwrap()
}

#[tokio::test]
async fn a_job_is_submitted_waited_for_and_read() {
    let world = World::new().await;
    let submitted = world.client.submit(&job()).await.unwrap();
    assert_eq!(submitted.state, JobState::Queued);
    let result = json!({ "total": 4 });
    let waits = world.client.wait(submitted.id, Duration::from_secs(60));
    let (ended, ()) = tokio::join!(waits, world.run(submitted.id, &result));
    let ended = ended.unwrap();
    assert_eq!(ended.state, JobState::Succeeded);
    let result: serde_json::Value = ended.result_as().unwrap().unwrap();
    assert_eq!(result, json!({ "total": 4 }));
    assert_eq!(ended.payload.unwrap().get(), r#"{"order":17}"#);
}

#[tokio::test]
async fn who_waits_long_enough_is_told_where_the_job_stands() {
    let world = World::new().await;
    let id = world.client.submit(&job()).await.unwrap().id;
    let waited = world.client.wait(id, Duration::from_millis(100)).await.unwrap();
    assert_eq!(waited.state, JobState::Queued);
}

#[tokio::test]
async fn the_same_key_is_the_same_job() {
    let world = World::new().await;
    let first = world.client.submit_once(&job(), "order-17").await.unwrap();
    let again = world.client.submit_once(&job(), "order-17").await.unwrap();
    assert_eq!(first.id, again.id);
    let other = world.client.submit(&job()).await.unwrap();
    assert_ne!(first.id, other.id);
    let another = SubmitJob::new(KIND, &json!({ "order": 18 })).unwrap();
    let refused = world.client.submit_once(&another, "order-17").await.unwrap_err();
    assert_eq!(refused.problem().unwrap().code, "idempotency_key_reused");
}

#[tokio::test]
async fn lists_are_read_page_after_page_as_far_as_they_are_needed() {
    let world = World::new().await;
    let labelled = SubmitJob {
        tags: vec!["many".to_owned()],
        ..job()
    };
    let many = vec![labelled; 150];
    let ids = world.client.submit_batch(&many).await.unwrap();
    world.client.submit(&job()).await.unwrap();
    let filter = JobFilter {
        tag: Some("many".to_owned()),
        ..JobFilter::default()
    };
    let all = world.client.jobs(&filter).all().await.unwrap();
    assert_eq!(all.len(), ids.len());
    let some: Vec<_> = world
        .client
        .jobs(&filter)
        .limit(120)
        .stream()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(some.len(), 120);
    assert!(
        world
            .client
            .jobs(&filter)
            .limit(0)
            .all()
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_job_is_cancelled_and_retried() {
    let world = World::new().await;
    let id = world.client.submit(&job()).await.unwrap().id;
    assert_eq!(world.client.cancel(id).await.unwrap().state, JobState::Cancelled);
    let again = world.client.cancel(id).await.unwrap_err();
    assert_eq!(again.problem().unwrap().code, "already_finished");
    assert_eq!(world.client.retry(id).await.unwrap().state, JobState::Queued);
    let unknown = world.client.job(JobId(uuid::Uuid::nil())).await;
    assert!(unknown.unwrap_err().is_not_found());
}

#[tokio::test]
async fn what_is_wrong_is_told_by_its_place() {
    let world = World::new().await;
    let wrong = SubmitJob {
        queue: Some("no-such-lane".to_owned()),
        max_attempts: Some(0),
        ..job()
    };
    let error = world.client.submit(&wrong).await.unwrap_err();
    let problem = error.problem().unwrap();
    assert_eq!((problem.status, &*problem.code), (422, "invalid_body"));
    let places: Vec<_> = problem
        .errors
        .iter()
        .filter_map(|error| error.pointer.as_deref())
        .collect();
    assert!(
        places.contains(&"/queue") && places.contains(&"/max_attempts"),
        "{places:?}"
    );
    assert!(error.to_string().contains("/queue must be one of"), "{error}");
}

#[tokio::test]
async fn many_jobs_are_counted_and_then_cancelled() {
    let world = World::new().await;
    let ids = world.client.submit_batch(&vec![job(); 3]).await.unwrap();
    let running = world.client.submit(&job()).await.unwrap().id;
    world.start(&[running]).await;
    let mut command = BulkJobs {
        action: BulkAction::Cancel,
        filter: BulkFilter {
            jobs: JobFilter {
                kind: Some(KIND.to_owned()),
                ..JobFilter::default()
            },
            ..BulkFilter::default()
        },
        dry_run: true,
        limit: None,
    };
    let counted = world.client.change_jobs(&command).await.unwrap();
    assert_eq!((counted.matched, counted.changed), (4, 0));
    command.dry_run = false;
    let changed = world.client.change_jobs(&command).await.unwrap();
    assert_eq!((changed.changed, changed.requested, changed.remaining), (4, 1, 0));
    let asked = world.client.job(running).await.unwrap();
    assert!(asked.cancel_requested_at.is_some() && !asked.has_ended());
    assert!(world.client.job(ids[0].id).await.unwrap().has_ended());
}

#[tokio::test]
async fn a_payload_is_kept_as_it_was_written() {
    let world = World::new().await;
    let payload = r#"{"b": 1,  "a": 1e400}"#;
    let submit = SubmitJob {
        kind: KIND.to_owned(),
        payload: Some(serde_json::from_str(payload).unwrap()),
        ..SubmitJob::default()
    };
    let id = world.client.submit(&submit).await.unwrap().id;
    let read = world.client.job(id).await.unwrap();
    assert_eq!(read.payload.unwrap().get(), payload);
    let verbatim = world.client.job(id).verbatim().await.unwrap();
    assert!(verbatim.get().contains(payload), "{verbatim}");
}

#[tokio::test]
async fn what_can_be_no_name_is_no_request() {
    let world = World::new().await;
    for name in ["", ".", ".."] {
        let error = world.client.pause_schedule(name).await.unwrap_err();
        assert!(matches!(error, Error::Configuration(_)), "{error:?}");
    }
    let stranger = world.client.schedule("../jobs?limit=1").await.unwrap_err();
    let wrong = &stranger.problem().unwrap().errors[0];
    assert_eq!(
        wrong.parameter.as_deref(),
        Some("name"),
        "it is still the name of a schedule"
    );
}

#[tokio::test]
async fn a_task_of_its_own_may_do_all_of_it() {
    let world = World::new().await;
    let client = world.client.clone();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        let id = client.submit(&job()).await?.id;
        client.wait(id, Duration::ZERO).await?;
        let listed = client.jobs(&JobFilter::default()).limit(1).all().await?;
        assert_eq!(listed[0].id, id);
        client.cancel(id).await?;
        let told: Vec<_> = client.watch(id).try_collect().await?;
        Ok::<usize, Error>(told.len())
    });
    let told = tasks.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(told, 3, "it was submitted and cancelled, and has ended");
}
