//! The official libraries of Standard Webhooks, in Rust and in Python, verify what a worker sends: its bytes as they
//! arrived at a real receiver.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use http::HeaderMap;
use serde_json::{Map, Value, json};
use standardwebhooks::Webhook;
use testkit::eventually;
use wiremock::Request;

use crate::receiver::Receiver;
use crate::system::System;

const PATIENCE: Duration = Duration::from_secs(60);

/// Has a job sent, and gives what arrived.
async fn sent(system: &System, receiver: &Receiver, payload: &Value) -> Request {
    let job = json!({"kind": "http.request", "payload": payload, "max_attempts": 1});
    let response = system.post("/api/jobs", &job).await;
    assert_eq!(response.status(), 202);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let job = eventually("the job's end", PATIENCE, || async {
        let job = system.get(&location).await;
        (job["finished_at"] != Value::Null).then_some(job)
    })
    .await;
    assert_eq!(job["state"], "succeeded", "{job}");
    receiver.request(job["id"].as_str().unwrap()).await
}

/// Which of the secrets verify the request; both libraries must agree.
fn verifying(request: &Request, secrets: &[&str]) -> Vec<bool> {
    let in_rust: Vec<bool> = secrets.iter().map(|secret| by_rust(request, secret)).collect();
    assert_eq!(by_python(request, secrets), in_rust);
    in_rust
}

fn by_rust(request: &Request, secret: &str) -> bool {
    let headers: HeaderMap = request
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let webhook = Webhook::new(secret).unwrap();
    webhook.verify(&request.body, &headers).is_ok()
}

fn by_python(request: &Request, secrets: &[&str]) -> Vec<bool> {
    let headers = request.headers.iter();
    let headers: Map<String, Value> = headers
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()))
        .collect();
    let body = std::str::from_utf8(&request.body).unwrap();
    let mut python = Command::new(python())
        .arg(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tools/verify_webhooks.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = python.stdin.take().unwrap();
    for secret in secrets {
        let line = json!({"secret": secret, "headers": headers, "body": body});
        writeln!(input, "{line}").unwrap();
    }
    drop(input);
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    let told = String::from_utf8(output.stdout).unwrap();
    let is_valid = |line: &str| {
        assert!(
            line == "valid" || line.ends_with("No matching signature found"),
            "{line}"
        );
        line == "valid"
    };
    told.lines().map(is_valid).collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are configured by whoever runs them"
)]
fn python() -> String {
    std::env::var("TANDEM_TEST_PYTHON").expect("TANDEM_TEST_PYTHON is not set: run `cargo xtask test`")
}

async fn put_endpoint(system: &System, url: &str) -> String {
    let response = system.put("/api/endpoints/billing", &json!({ "url": url })).await;
    assert_eq!(response.status(), 201);
    secret(&response.json().await.unwrap())
}

async fn rotate(system: &System, overlap_secs: u64) -> String {
    let body = json!({ "overlap_secs": overlap_secs });
    let response = system.post("/api/endpoints/billing/rotate-secret", &body).await;
    assert_eq!(response.status(), 200);
    secret(&response.json().await.unwrap())
}

fn secret(answer: &Value) -> String {
    answer["secret"]["secret"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_libraries_verify_a_plain_url_an_endpoint_and_every_moment_of_a_rotation() {
    let (system, receiver) = (System::embedded().await, Receiver::start().await);
    let _worker = system.worker();
    let mut superuser = system.db.superuser().await;
    let of_tenant: String = sqlx::query_scalar("select webhook_secret from tenant")
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    let first = put_endpoint(&system, &receiver.url()).await;
    // More digits than a float keeps, and what JSON may write in several ways: the bytes count.
    let body = json!({"text": "ünïcode \u{1f980} \"quoted\"", "n": 12_345_678_901_234_567_u64, "e": 1.0e-7});

    let plain = json!({"url": receiver.url(), "body": body});
    let request = sent(&system, &receiver, &plain).await;
    assert_eq!(verifying(&request, &[&of_tenant, &first]), [true, false]);

    let endpoint = json!({"endpoint": "billing", "body": body});
    let request = sent(&system, &receiver, &endpoint).await;
    assert_eq!(verifying(&request, &[&of_tenant, &first]), [false, true]);

    let second = rotate(&system, 3_600).await;
    let request = sent(&system, &receiver, &endpoint).await;
    assert_eq!(verifying(&request, &[&first, &second]), [true, true]);

    let third = rotate(&system, 1).await;
    let all = [first.as_str(), &second, &third];
    let after = eventually("the old secrets' expiry", PATIENCE, || async {
        let request = sent(&system, &receiver, &endpoint).await;
        let told = verifying(&request, &all);
        assert!(told[2], "the newest always signs");
        (told != [true, true, true]).then_some(told)
    })
    .await;
    assert_eq!(after, [false, false, true]);
}
