//! Requests that are refused at first, or never answered.

use std::time::Duration;

use client::{
    Client, Error, Expected, JobFilter, NewKey, PutSchedule, RetryPolicy, RotateKey, ScheduledJob, Scope,
    SubmitJob,
};
use serde_json::json;
use testkit::{Logs, eventually, nobody_there};
use tokio::io::{AsyncReadExt as _, copy, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

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
    let refused = eventually("a refusal", Duration::from_secs(30), async || jobs().await.err()).await;
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
    let (_nobody, addr) = nobody_there();
    let quick = RetryPolicy {
        max_tries: 3,
        initial: Duration::from_millis(1),
        ..RetryPolicy::default()
    };
    let client = Client::builder(format!("http://{addr}"), "a key")
        .retry(quick)
        .build()
        .unwrap();
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

/// Passes requests on to an api, and loses the answer to the first one; answers where.
async fn losing_the_first_answer(url: &str) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let way = format!("http://{}", listener.local_addr().unwrap());
    let api = url.trim_start_matches("http://").to_owned();
    let mut connections = JoinSet::new();
    connections.spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut server = TcpStream::connect(&api).await.unwrap();
        let (mut from_client, _to_client) = client.split();
        let (mut from_server, mut to_server) = server.split();
        tokio::select! {
            _ = copy(&mut from_client, &mut to_server) => {}
            // It was done.
            answered = from_server.read_u8() => drop(answered.unwrap()),
        }
        drop((client, server));
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut server = TcpStream::connect(&api).await.unwrap();
            drop(copy_bidirectional(&mut client, &mut server).await);
        }
    });
    (way, connections)
}

#[tokio::test]
async fn a_submit_whose_answer_is_lost_is_sent_again_and_makes_one_job() {
    let world = World::new().await;
    let (url, _connections) = losing_the_first_answer(&world.url).await;
    let client = Client::new(url, world.key.expose()).unwrap();
    let job = SubmitJob::new(KIND, &json!({ "order": 17 })).unwrap();
    let submitted = client.submit(&job).await.unwrap();
    let jobs = world.client.jobs(&JobFilter::default()).all().await.unwrap();
    assert_eq!((jobs.len(), jobs[0].id), (1, submitted.id));
}

#[tokio::test]
async fn what_is_not_harmless_is_not_sent_again_when_its_answer_is_lost() {
    let world = World::new().await;
    let (url, _connections) = losing_the_first_answer(&world.url).await;
    let client = Client::new(url, world.key.expose()).unwrap();
    let id = world.key.id().parse().unwrap();
    let rotated = client.rotate_key(id, RotateKey::default()).await;
    let lost = rotated.unwrap_err();
    assert!(matches!(lost, Error::Connection(_)), "{lost:?}");
    let keys = world.client.keys().all().await.unwrap();
    assert_eq!(keys.len(), 2, "it was done, which only its caller can find out");
}

#[tokio::test]
async fn a_change_of_one_version_is_not_taken_for_somebody_elses() {
    let world = World::new().await;
    let schedule = PutSchedule {
        cron: "@daily".to_owned(),
        job: ScheduledJob::new(KIND, &json!(null)).unwrap(),
        ..PutSchedule::default()
    };
    for expected in [Expected::Nothing, Expected::Version(1)] {
        let (url, _connections) = losing_the_first_answer(&world.url).await;
        let client = Client::new(url, world.key.expose()).unwrap();
        let put = client.put_schedule("nightly", &schedule, expected).await;
        assert!(matches!(put, Err(Error::Connection(_))), "{put:?}");
    }
    let (url, _connections) = losing_the_first_answer(&world.url).await;
    let client = Client::new(url, world.key.expose()).unwrap();
    let put = client
        .put_schedule("nightly", &schedule, Expected::Anything)
        .await;
    assert!(put.unwrap().version >= 2, "whatever there was");
}

#[tokio::test]
async fn an_api_that_has_no_place_to_wait_in_is_asked_once_a_second() {
    let logs = Logs::capture();
    let world = World::without_places_to_wait().await;
    let job = SubmitJob::new(KIND, &json!(null)).unwrap();
    let id = world.client.submit(&job).await.unwrap().id;
    logs.take();
    let job = world.client.wait(id, Duration::from_millis(1_500)).await.unwrap();
    assert!(!job.has_ended());
    let asked = logs
        .take()
        .iter()
        .filter(|line| line["target"] == "api::middleware::observe")
        .count();
    // Each took as long as the machine wanted; without a pause it would be many.
    assert!((1..=3).contains(&asked), "{asked}");
}

#[tokio::test]
async fn a_user_whose_answer_is_lost_is_made_once() {
    let world = World::new().await;
    let (url, _connections) = losing_the_first_answer(&world.url).await;
    let client = Client::new(url, world.key.expose()).unwrap();
    let ann = client.create_user("Ann", "ann@example.com").await.unwrap();
    assert_eq!(world.client.users().all().await.unwrap(), [ann]);
}

#[tokio::test]
async fn a_key_whose_answer_is_lost_is_named_by_the_api() {
    let world = World::new().await;
    let (url, _connections) = losing_the_first_answer(&world.url).await;
    let client = Client::new(url, world.key.expose()).unwrap();
    let new = NewKey {
        name: "ci".to_owned(),
        scopes: vec![Scope::JobsRead],
        ..NewKey::default()
    };
    let lost = client.create_key(&new).await.unwrap_err();
    let keys = world.client.keys().all().await.unwrap();
    let [made, _own] = &keys[..] else {
        panic!("{keys:?}")
    };
    let problem = lost.problem().unwrap();
    assert_eq!(problem.status, 409);
    assert_eq!(
        problem.resource.as_deref(),
        Some(&*format!("/api/keys/{}", made.id))
    );
}
