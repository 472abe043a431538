//! Jobs that are watched, over connections that break.

use std::time::Duration;

use axum::Router;
use axum::response::Html;
use client::{Client, JobEvent, JobId, JobState, SubmitJob, Watched};
use futures::{Stream, StreamExt as _};
use serde_json::json;
use testkit::{Proxy, eventually};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::world::{KIND, World};

const SOON: Duration = Duration::from_secs(60);

async fn submitted(world: &World) -> JobId {
    let job = SubmitJob::new(KIND, &json!(null)).unwrap();
    world.client.submit(&job).await.unwrap().id
}

/// What is told next.
async fn next<E: std::fmt::Debug>(
    told: &mut (impl Stream<Item = Result<Watched, E>> + Unpin),
) -> Option<Watched> {
    let next = tokio::time::timeout(SOON, told.next()).await;
    next.expect("the stream tells something, or ends")
        .map(Result::unwrap)
}

fn event(told: Option<Watched>) -> JobEvent {
    match told {
        Some(Watched::Event(event)) => event,
        other => panic!("{other:?} is no event"),
    }
}

#[tokio::test]
async fn events_are_told_in_order_until_the_end() {
    let world = World::new().await;
    let id = submitted(&world).await;
    let mut told = Box::pin(world.client.watch(id));
    assert_eq!(event(next(&mut told).await).event, "submitted");
    world.run(id, &json!({ "total": 4 })).await;
    let (started, succeeded) = (event(next(&mut told).await), event(next(&mut told).await));
    assert_eq!(
        (started.number, &*started.event, started.attempt),
        (2, "started", Some(1))
    );
    assert_eq!((succeeded.number, &*succeeded.event), (3, "succeeded"));
    let Some(Watched::Ended(state)) = next(&mut told).await else {
        panic!("the end comes after the events")
    };
    assert_eq!(state, JobState::Succeeded);
    assert_eq!(next(&mut told).await, None, "nothing comes after the end");

    let events = world.client.events(id).await.unwrap();
    assert_eq!(events[1..], [started, succeeded], "a list says the same");
    let mut rest = Box::pin(world.client.watch_after(id, Some(2)));
    assert_eq!(event(next(&mut rest).await).number, 3);
    assert!(matches!(next(&mut rest).await, Some(Watched::Ended(_))));
}

#[tokio::test]
async fn who_was_cut_off_goes_on_where_it_was() {
    let world = World::new().await;
    let id = submitted(&world).await;
    let mut proxy = Proxy::start(&world.url).await;
    let client = Client::new(proxy.url(&world.url), world.key.expose()).unwrap();
    let mut told = Box::pin(client.watch(id));
    let mut numbers = vec![event(next(&mut told).await).number];
    let connections = proxy.accepted();

    // Cut while nothing happens: the other side of the cut is told nothing twice.
    proxy.break_network().await;
    proxy.restore_network().await;
    let started = world.start(&[id]).await;
    numbers.push(event(next(&mut told).await).number);
    assert!(
        proxy.accepted() > connections,
        "it goes on over another connection"
    );

    // Cut while something happens, which is not missed.
    proxy.break_network().await;
    world.succeed(started, &json!(null)).await;
    proxy.restore_network().await;
    numbers.push(event(next(&mut told).await).number);
    assert_eq!(numbers, [1, 2, 3], "in order, without a gap, and each one once");
    assert!(matches!(next(&mut told).await, Some(Watched::Ended(_))));
}

#[tokio::test]
async fn a_network_that_stays_broken_is_told() {
    let world = World::new().await;
    let id = submitted(&world).await;
    let mut proxy = Proxy::start(&world.url).await;
    let impatient = client::RetryPolicy {
        max_tries: 2,
        initial: Duration::from_millis(1),
        ..client::RetryPolicy::default()
    };
    let client = Client::builder(proxy.url(&world.url), world.key.expose())
        .retry(impatient)
        .build()
        .unwrap();
    let mut told = Box::pin(client.watch(id));
    event(next(&mut told).await);
    proxy.break_network().await;
    let error = tokio::time::timeout(SOON, told.next()).await.unwrap().unwrap();
    assert!(matches!(error, Err(client::Error::Connection(_))), "{error:?}");
    assert!(told.next().await.is_none(), "a stream ends with its error");
}

#[tokio::test]
async fn a_job_that_is_not_there_is_told_at_once() {
    let world = World::new().await;
    let nobody = JobId(uuid::Uuid::nil());
    let mut told = Box::pin(world.client.watch(nobody));
    assert!(told.next().await.unwrap().unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_page_of_somebody_else_is_no_stream() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let page = Router::new().fallback(|| async { Html("log in") });
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, page).await.unwrap() });
    let client = Client::new(url, "tdm_test_x_y").unwrap();
    let mut told = Box::pin(client.watch(JobId(uuid::Uuid::nil())));
    let error = tokio::time::timeout(SOON, told.next()).await.unwrap().unwrap();
    assert!(matches!(error, Err(client::Error::Stranger { .. })), "{error:?}");
}

#[tokio::test]
async fn a_wait_outlives_a_broken_network() {
    let world = World::new().await;
    let id = submitted(&world).await;
    let mut proxy = Proxy::start(&world.url).await;
    let patient = client::RetryPolicy {
        max_tries: 1_000,
        ..client::RetryPolicy::default()
    };
    let client = Client::builder(proxy.url(&world.url), world.key.expose())
        .retry(patient)
        .build()
        .unwrap();
    let cutting = async {
        eventually("the client waits", SOON, async || {
            (proxy.accepted() > 0).then_some(())
        })
        .await;
        proxy.break_network().await;
        world.run(id, &json!(7)).await;
        proxy.restore_network().await;
    };
    let (ended, ()) = tokio::join!(client.wait(id, SOON), cutting);
    assert_eq!(ended.unwrap().result_as::<u32>().unwrap(), Some(7));
}
