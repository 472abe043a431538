//! `http.request` to endpoints: what they add to a request, what signs it, and what becomes of jobs whose endpoint is not
//! there.

use std::time::Duration;

use chrono::TimeDelta;
use domain::{EndpointName, JobState, Precondition};
use http::HeaderMap;
use serde_json::json;
use standardwebhooks::Webhook;
use store::{DeleteEndpoint, EndpointSettings, NewSecret, PutEndpoint, RotateSecret};
use testkit::actor;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};
use worker::handlers::{HttpRequest, Targets};
use worker::{Registry, Worker};

use crate::world::{World, job, lane, random, states};

/// Whatever there is.
const ANY: Precondition = Precondition {
    matches: None,
    matches_none: None,
};

const SECRETS: [&str; 3] = [
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    "whsec_zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
];

fn name() -> EndpointName {
    "billing".parse().unwrap()
}

fn at(url: &str) -> EndpointSettings {
    EndpointSettings {
        name: name(),
        url: url.to_owned(),
        headers: None,
        timeout: None,
        disabled: false,
    }
}

fn secret(text: &str) -> NewSecret {
    NewSecret {
        id: random(),
        secret: text.to_owned(),
    }
}

async fn put(world: &World, settings: &EndpointSettings) -> PutEndpoint {
    let (actor, secret) = (actor(world.tenant_id), secret(SECRETS[0]));
    let put = world.api.put_endpoint(&actor, settings, &ANY, &secret);
    put.await.unwrap()
}

async fn rotate(world: &World, new: &str, overlap: Duration) {
    let (actor, new, name) = (actor(world.tenant_id), secret(new), name());
    let rotated = world.api.rotate_endpoint_secret(&actor, &name, &new, overlap);
    let rotated = rotated.await.unwrap();
    assert!(matches!(rotated, RotateSecret::Rotated(_)), "{rotated:?}");
}

async fn receiver(status: u16) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(status))
        .mount(&server)
        .await;
    server
}

async fn worker(world: &World) -> Worker {
    let handler = HttpRequest::new(world.store().await).unwrap();
    world.worker(Registry::new().register(handler)).await
}

/// Which of the secrets verify a request.
fn verifying(request: &Request) -> Vec<usize> {
    let headers: HeaderMap = request
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let verifies = |secret: &str| {
        let webhook = Webhook::new(secret).unwrap();
        webhook.verify(&request.body, &headers).is_ok()
    };
    (0..SECRETS.len()).filter(|n| verifies(SECRETS[*n])).collect()
}

#[tokio::test]
async fn an_endpoint_adds_its_headers_and_signs_with_its_own_secret() {
    let (world, server) = (World::new().await, receiver(200).await);
    let headers = [("authorization", "Bearer sesame"), ("x-fixed", "theirs")];
    let settings = EndpointSettings {
        headers: Some(
            headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
        ),
        ..at(&format!("{}/hook?x=1", server.uri()))
    };
    put(&world, &settings).await;
    rotate(&world, SECRETS[1], Duration::ZERO).await;
    let payload =
        json!({"endpoint": "billing", "headers": {"X-Shop": "7", "X-Fixed": "mine"}, "body": {"a": 1}});
    world.submit(job("http.request", &payload, 1)).await;
    let outcomes = worker(&world).await.run_once(&lane(), 1).await.unwrap();
    assert_eq!(states(&outcomes), [JobState::Succeeded]);

    let request = server.received_requests().await.unwrap().remove(0);
    assert_eq!((request.url.path(), request.url.query()), ("/hook", Some("x=1")));
    for (name, value) in [
        ("authorization", "Bearer sesame"),
        ("x-fixed", "theirs"),
        ("x-shop", "7"),
    ] {
        assert_eq!(request.headers[name], value, "{name}");
    }
    assert_eq!(verifying(&request), [1], "neither the tenant's nor the first");
}

#[tokio::test]
async fn during_a_rotation_the_old_and_the_new_secret_verify_and_after_it_only_the_new_one() {
    let (world, server) = (World::new().await, receiver(200).await);
    put(&world, &at(&server.uri())).await;
    let worker = worker(&world).await;
    let send = async || {
        let payload = json!({"endpoint": "billing", "body": {"a": 1}});
        world.submit(job("http.request", &payload, 1)).await;
        let outcomes = worker.run_once(&lane(), 1).await.unwrap();
        assert_eq!(states(&outcomes), [JobState::Succeeded]);
        server.received_requests().await.unwrap().pop().unwrap()
    };
    assert_eq!(verifying(&send().await), [0]);
    rotate(&world, SECRETS[1], Duration::from_hours(1)).await;
    let request = send().await;
    assert_eq!(verifying(&request), [0, 1]);
    let signatures = request.headers["webhook-signature"].to_str().unwrap();
    assert_eq!(signatures.split(' ').count(), 2, "{signatures}");
    world
        .sql("update endpoint_secret set expires_at = now() where expires_at is not null")
        .await;
    assert_eq!(verifying(&send().await), [1]);
}

#[tokio::test]
async fn a_job_whose_endpoint_is_not_there_fails_for_good() {
    let (world, server) = (World::new().await, receiver(200).await);
    let worker = worker(&world).await;
    put(&world, &at(&server.uri())).await;
    let (actor, name) = (actor(world.tenant_id), name());
    let deletion = world.api.delete_endpoint(&actor, &name, &ANY);
    assert_eq!(deletion.await.unwrap(), DeleteEndpoint::Deleted);
    let id = world
        .submit(job("http.request", &json!({"endpoint": "billing"}), 5))
        .await;
    let outcomes = worker.run_once(&lane(), 1).await.unwrap();
    assert_eq!(states(&outcomes), [JobState::Failed]);
    let failed = world.job(id).await;
    assert_eq!(
        (failed.error_code.as_deref(), failed.error_message.as_deref()),
        (Some("payload_invalid"), Some("there is no endpoint billing"))
    );
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_jobs_of_a_disabled_endpoint_wait_without_spending_an_attempt() {
    let (world, server) = (World::new().await, receiver(200).await);
    let worker = worker(&world).await;
    let disabled = EndpointSettings {
        disabled: true,
        ..at(&server.uri())
    };
    put(&world, &disabled).await;
    let id = world
        .submit(job("http.request", &json!({"endpoint": "billing"}), 1))
        .await;
    let outcomes = worker.run_once(&lane(), 1).await.unwrap();
    assert_eq!(states(&outcomes), [JobState::Scheduled]);
    let waiting = world.job(id).await;
    assert_eq!(waiting.attempts_spent, 0);
    assert!(waiting.run_at - runtime::clock::now() > TimeDelta::seconds(20));
    assert!(server.received_requests().await.unwrap().is_empty());

    put(&world, &at(&server.uri())).await;
    world.sql("update due set run_at = now()").await;
    worker.maintain_once("promote", 10).await.unwrap();
    let outcomes = worker.run_once(&lane(), 1).await.unwrap();
    assert_eq!(states(&outcomes), [JobState::Succeeded]);
}

#[tokio::test]
async fn an_endpoint_leads_into_no_private_network_either() {
    let (world, server) = (World::new().await, receiver(200).await);
    put(&world, &at(&server.uri())).await;
    let handler = HttpRequest::with_targets(world.store().await, Targets::Public).unwrap();
    let worker = world.worker(Registry::new().register(handler)).await;
    let id = world
        .submit(job("http.request", &json!({"endpoint": "billing"}), 5))
        .await;
    let outcomes = worker.run_once(&lane(), 1).await.unwrap();
    assert_eq!(states(&outcomes), [JobState::Failed]);
    assert_eq!(world.failures(id).await[0].2, "127.0.0.1 is not a public address");
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_endpoints_timeout_holds_where_the_job_does_not_say() {
    let world = World::new().await;
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(200).set_delay(Duration::from_secs(60)))
        .mount(&server)
        .await;
    let settings = EndpointSettings {
        timeout: Some(Duration::from_millis(200)),
        ..at(&server.uri())
    };
    put(&world, &settings).await;
    let id = world
        .submit(job("http.request", &json!({"endpoint": "billing"}), 1))
        .await;
    let outcomes = worker(&world).await.run_once(&lane(), 1).await.unwrap();
    assert_eq!(states(&outcomes), [JobState::Failed]);
    assert_eq!(
        world.failures(id).await[0].2,
        "the target did not answer within 200 ms"
    );
}
