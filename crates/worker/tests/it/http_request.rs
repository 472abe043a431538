//! `http.request` against receivers of all kinds.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use chrono::TimeDelta;
use domain::{JobState, NewJob};
use http::HeaderMap;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};
use worker::Registry;
use worker::handlers::{HttpRequest, Targets};

use crate::http_receiver::{Behaviour, Receiver};
use crate::world::{World, job, lane, states};

/// The secret of every test tenant.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

async fn registry(world: &World) -> Registry {
    Registry::new().register(HttpRequest::new(world.store().await).unwrap())
}

fn push(payload: &Value, max_attempts: u32) -> NewJob {
    job("http.request", payload, max_attempts)
}

/// Runs one job that may be tried once; answers its state and its result, or its failure.
async fn only_attempt(payload: &Value) -> (JobState, Value) {
    let world = World::new().await;
    let worker = world.worker(registry(&world).await).await;
    let id = world.submit(push(payload, 1)).await;
    let state = states(&worker.run_once(&lane(), 1).await.unwrap())[0];
    let job = world.job(id).await;
    let told = match job.result {
        Some(result) => serde_json::from_str(result.get()).unwrap(),
        None => json!({"code": job.error_code, "message": job.error_message}),
    };
    (state, told)
}

/// Checks the signature of a request as a receiver does.
fn verify(request: &Request) -> HeaderMap {
    let headers: HeaderMap = request
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    Webhook::new(SECRET)
        .unwrap()
        .verify(&request.body, &headers)
        .unwrap();
    headers
}

#[tokio::test]
async fn a_push_is_signed_and_its_answer_kept() {
    let server = MockServer::start().await;
    let answer =
        ResponseTemplate::new(201).set_body_raw(r#"{"order": 1.00}"#, "application/json; charset=utf-8");
    Mock::given(method("POST"))
        .and(path("/hook"))
        .respond_with(answer)
        .expect(1)
        .mount(&server)
        .await;
    let world = World::new().await;
    let worker = world.worker(registry(&world).await).await;
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let payload =
        json!({"url": format!("{}/hook", server.uri()), "headers": {"X-Shop": "7"}, "body": {"a": [1, 2]}});
    let id = world
        .submit(NewJob {
            traceparent: Some(traceparent.to_owned()),
            ..push(&payload, 1)
        })
        .await;
    assert_eq!(
        states(&worker.run_once(&lane(), 1).await.unwrap()),
        [JobState::Succeeded]
    );

    let request = server.received_requests().await.unwrap().remove(0);
    let headers = verify(&request);
    assert_eq!(request.body, br#"{"a":[1,2]}"#);
    for (name, value) in [
        ("content-type", "application/json"),
        ("x-shop", "7"),
        ("webhook-id", &id.to_string()),
        ("tandem-attempt", "1"),
        ("traceparent", traceparent),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    let result: Value = serde_json::from_str(world.job(id).await.result.unwrap().get()).unwrap();
    assert_eq!(
        (&result["status"], &result["body"], &result["truncated"]),
        (&json!(201), &json!({"order": 1.0}), &json!(false))
    );
    assert_eq!(result["content_type"], "application/json; charset=utf-8");
}

#[tokio::test]
async fn every_attempt_has_the_same_id_and_its_own_number() {
    let server = MockServer::builder().start().await;
    Mock::given(method("PUT"))
        .respond_with(ResponseTemplate::new(500))
        .up_to_n_times(2)
        .mount(&server)
        .await;
    Mock::given(method("PUT"))
        .respond_with(ResponseTemplate::new(204))
        .mount(&server)
        .await;
    let world = World::new().await;
    let running = world.run(world.worker(registry(&world).await).await);
    let id = world
        .submit(push(
            &json!({"url": server.uri(), "method": "put", "body": "x"}),
            5,
        ))
        .await;
    let done = world.until(id, JobState::Succeeded).await;
    running.drain().await;

    let requests = server.received_requests().await.unwrap();
    let seen: Vec<HeaderMap> = requests.iter().map(verify).collect();
    let ids: HashSet<_> = seen.iter().map(|headers| headers["webhook-id"].clone()).collect();
    let attempts: Vec<_> = seen
        .iter()
        .map(|headers| headers["tandem-attempt"].to_str().unwrap())
        .collect();
    let failures = world.failures(id).await;
    // On a busy machine a connection may fail to open; then there was an attempt, and nobody heard of it.
    let reached = failures
        .iter()
        .zip(1..)
        .filter(|((_, code, _), _)| code != "target_unreachable");
    let reached: Vec<String> = reached.map(|(_, attempt)| attempt.to_string()).collect();
    assert_eq!(
        (ids.len(), attempts.len(), &attempts[..]),
        (1, 3, &reached.iter().map(String::as_str).collect::<Vec<_>>()[..]),
        "{failures:?}"
    );
    assert!(done.result.unwrap().get().contains(r#""body":null"#));
    let (_, code, message) = failures
        .iter()
        .find(|(_, code, _)| code != "target_unreachable")
        .unwrap();
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("target_refused", "the target answered 500 Internal Server Error")
    );
}

#[tokio::test]
async fn a_wait_that_the_target_asks_for_is_kept() {
    for (status, waits) in [(429, true), (503, true), (500, false)] {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(status)
            .insert_header("retry-after", "120")
            .set_body_string("busy");
        Mock::given(method("POST"))
            .respond_with(answer)
            .mount(&server)
            .await;
        let world = World::new().await;
        let worker = world.worker(registry(&world).await).await;
        let id = world.submit(push(&json!({"url": server.uri()}), 5)).await;
        assert_eq!(
            states(&worker.run_once(&lane(), 1).await.unwrap()),
            [JobState::Scheduled]
        );
        let wait = world.job(id).await.run_at - runtime::clock::now();
        assert_eq!(wait > TimeDelta::seconds(110), waits, "{status}: {wait}");
        assert!(world.failures(id).await[0].2.ends_with(": busy"));
    }
}

#[tokio::test]
async fn gone_ends_the_job() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(410))
        .expect(1)
        .mount(&server)
        .await;
    let world = World::new().await;
    let worker = world.worker(registry(&world).await).await;
    let id = world.submit(push(&json!({"url": server.uri()}), 5)).await;
    assert_eq!(
        states(&worker.run_once(&lane(), 1).await.unwrap()),
        [JobState::Failed]
    );
    assert_eq!(world.job(id).await.error_code.as_deref(), Some("target_refused"));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let server = MockServer::start().await;
    let answer =
        ResponseTemplate::new(307).insert_header("location", format!("{}/inner", server.uri()).as_str());
    Mock::given(path("/hook"))
        .respond_with(answer)
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path("/inner"))
        .respond_with(ResponseTemplate::new(200))
        .expect(0)
        .mount(&server)
        .await;
    let (state, told) = only_attempt(&json!({"url": format!("{}/hook", server.uri())})).await;
    assert_eq!(
        (state, &told["code"]),
        (JobState::Failed, &json!("target_refused"))
    );
    assert_eq!(
        told["message"],
        "the target answered 307 Temporary Redirect; redirects are not followed"
    );
}

#[tokio::test]
async fn a_body_without_end_is_read_up_to_its_limit() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n";
    let receiver = Receiver::start(Behaviour::Endless(head, vec![b'y'; 10_000])).await;
    let (state, told) = only_attempt(&json!({"url": receiver.url})).await;
    assert_eq!((state, &told["truncated"]), (JobState::Succeeded, &json!(true)));
    assert_eq!(told["body"].as_str().unwrap().len(), 64 * 1024);
    // What the sockets' buffers hold may have been sent, but no more.
    assert!(receiver.sent_bytes.load(Ordering::SeqCst) < 20 * 1024 * 1024);
}

#[tokio::test]
async fn a_body_that_drips_is_read_while_there_is_time() {
    let receiver = Receiver::start(Behaviour::Drip("HTTP/1.1 200 OK\r\n\r\n")).await;
    let mut late = Vec::new();
    // On a busy machine an attempt may miss its time; one that reads for too long misses it every time.
    while late.len() < 10 {
        let (state, told) = only_attempt(&json!({"url": receiver.url, "timeout_ms": 600})).await;
        if state == JobState::Succeeded && told["duration_ms"].as_u64().unwrap() < 600 {
            assert_eq!(told["truncated"], true);
            return;
        }
        late.push((state, told));
    }
    panic!("none ended in time: {late:?}");
}

#[tokio::test]
async fn a_head_that_drips_or_never_comes_is_no_answer() {
    for behaviour in [Behaviour::Drip("HTTP/1.1 200 OK\r\nx: "), Behaviour::Silent] {
        let receiver = Receiver::start(behaviour).await;
        let (state, told) = only_attempt(&json!({"url": receiver.url, "timeout_ms": 300})).await;
        assert_eq!(
            (state, &told["code"]),
            (JobState::Failed, &json!("target_unreachable"))
        );
        assert_eq!(told["message"], "the target did not answer within 300 ms");
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_are_made_storable() {
    let body = b"a\0b\xff\xfe\x1b[31m\xed\xa0\x80c";
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(body);
    let receiver = Receiver::start(Behaviour::Say(answer.clone())).await;
    let (state, told) = only_attempt(&json!({"url": receiver.url})).await;
    assert_eq!((state, &told["truncated"]), (JobState::Succeeded, &json!(false)));
    let text = told["body"].as_str().unwrap();
    assert!(
        text.starts_with('a') && text.ends_with('c') && !text.contains(['\0', '\u{1b}']),
        "{text:?}"
    );

    let refusal = [b"HTTP/1.1 400 Bad\r\n\r\n", &body[..]].concat();
    let receiver = Receiver::start(Behaviour::Say(refusal)).await;
    let (state, told) = only_attempt(&json!({"url": receiver.url})).await;
    assert_eq!(state, JobState::Failed);
    assert!(
        told["message"]
            .as_str()
            .unwrap()
            .starts_with("the target answered 400 Bad Request: a\u{fffd}b"),
        "{told}"
    );
}

#[tokio::test]
async fn what_is_not_http_is_no_answer() {
    let receiver = Receiver::start(Behaviour::Say(b"SSH-2.0-nonsense\r\n".to_vec())).await;
    let (_, told) = only_attempt(&json!({"url": receiver.url})).await;
    assert_eq!(told["code"], "target_unreachable");
}

#[tokio::test]
async fn a_refused_connection_is_told_without_the_url() {
    let (_nobody, address) = testkit::nobody_there();
    let url = format!("http://{address}/?token=secret");
    let (state, told) = only_attempt(&json!({"url": url})).await;
    assert_eq!(
        (state, &told["code"]),
        (JobState::Failed, &json!("target_unreachable"))
    );
    let message = told["message"].as_str().unwrap();
    assert!(
        message.contains("Connection refused") && !message.contains("secret"),
        "{message}"
    );
}

#[tokio::test]
async fn where_only_public_targets_are_allowed_private_ones_are_not_called() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(200))
        .expect(0)
        .mount(&server)
        .await;
    let world = World::new().await;
    let handler = HttpRequest::with_targets(world.store().await, Targets::Public).unwrap();
    let worker = world.worker(Registry::new().register(handler)).await;
    let port = server.address().port();
    let by_address = world.submit(push(&json!({"url": server.uri()}), 5)).await;
    let by_name = world
        .submit(push(&json!({"url": format!("http://localhost:{port}")}), 1))
        .await;
    let outcomes = worker.run_once(&lane(), 10).await.unwrap();
    assert_eq!(states(&outcomes), [JobState::Failed, JobState::Failed]);
    assert_eq!(
        world.failures(by_address).await[0].2,
        "127.0.0.1 is not a public address"
    );
    assert!(
        world.failures(by_name).await[0]
            .2
            .ends_with("the name has no public address")
    );
}
