//! Requests that are refused at first, or never answered.

use std::time::Duration;

use client::{Client, Error, JobFilter, RetryPolicy, SubmitJob};
use serde_json::json;

use crate::world::{KIND, World};

#[tokio::test]
async fn a_client_that_is_too_quick_waits_as_long_as_it_is_told() {
    let world = World::limited(2, 1).await;
    let job = SubmitJob::new(KIND, &json!(null)).unwrap();
    for _ in 0..5 {
        world.client.submit(&job).await.unwrap();
    }
    let jobs = world.client.jobs(&JobFilter::default()).all().await.unwrap();
    assert_eq!(jobs.len(), 5, "each submit made one job");
}

#[tokio::test]
async fn a_client_without_patience_is_told_why() {
    let world = World::limited(1, 1).await;
    let impatient = RetryPolicy {
        max_tries: 1,
        ..RetryPolicy::default()
    };
    let client = Client::builder(&world.url, world.key.expose())
        .retry(impatient)
        .build()
        .unwrap();
    let jobs = async || client.jobs(&JobFilter::default()).all().await;
    let mut refused = None;
    for _ in 0..3 {
        refused = refused.or(jobs().await.err());
    }
    let refused = refused.unwrap();
    let problem = refused.problem().unwrap();
    assert_eq!(problem.code, "rate_limited");
    assert!(
        problem
            .retry_after
            .is_some_and(|wait| wait >= Duration::from_secs(1))
    );
}

#[tokio::test]
async fn nobody_there_is_told_after_all_tries() {
    // A port that was free a moment ago.
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let quick = RetryPolicy {
        max_tries: 3,
        initial: Duration::from_millis(1),
        ..RetryPolicy::default()
    };
    let client = Client::builder(url, "a key").retry(quick).build().unwrap();
    let error = client.jobs(&JobFilter::default()).all().await.unwrap_err();
    assert!(matches!(error, Error::Connection(_)), "{error:?}");
}

#[tokio::test]
async fn what_can_be_no_api_is_told_at_once() {
    for (url, key) in [
        ("not a url", "key"),
        ("ftp://example.com", "key"),
        ("http://example.com", ""),
        ("http://example.com", "line\nbreak"),
    ] {
        let error = Client::new(url, key).unwrap_err();
        assert!(matches!(error, Error::Configuration(_)), "{url} {key}: {error:?}");
        assert!(!error.to_string().contains("line"), "a key is not told");
    }
}

#[tokio::test]
async fn the_key_is_shown_to_nobody() {
    let world = World::new().await;
    assert!(!format!("{:?}", world.client).contains(world.key.expose()));
    let wrong = Client::new(&world.url, "tdm_test_x_y").unwrap();
    let error = wrong.jobs(&JobFilter::default()).all().await.unwrap_err();
    assert_eq!(error.problem().unwrap().code, "unauthenticated");
}
