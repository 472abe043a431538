//! The AWS services that the tests' server speaks for, asked in their JSON protocol.

use serde_json::{Value, json};

use crate::process::uuid;

#[expect(
    clippy::disallowed_methods,
    reason = "tests are configured by whoever runs them"
)]
pub(crate) fn endpoint() -> String {
    std::env::var("TANDEM_TEST_SQS_ENDPOINT")
        .expect("TANDEM_TEST_SQS_ENDPOINT is not set: run `cargo xtask test`")
}

/// The server as `host:port`.
pub(crate) fn addr() -> String {
    endpoint()
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .to_owned()
}

/// Makes a queue and gives its URL.
pub(crate) async fn create_queue() -> String {
    let answer = sqs(
        "CreateQueue",
        &json!({ "QueueName": format!("system-{}", uuid()) }),
    )
    .await;
    answer["QueueUrl"].as_str().unwrap().to_owned()
}

/// How many messages of a queue can be received, and how many are hidden.
pub(crate) async fn depth(queue_url: &str) -> (i64, i64) {
    let wanted = json!({ "QueueUrl": queue_url, "AttributeNames": ["All"] });
    let answer = sqs("GetQueueAttributes", &wanted).await;
    let number = |name: &str| answer["Attributes"][name].as_str().unwrap().parse().unwrap();
    (
        number("ApproximateNumberOfMessages"),
        number("ApproximateNumberOfMessagesNotVisible"),
    )
}

pub(crate) async fn purge(queue_url: &str) {
    sqs("PurgeQueue", &json!({ "QueueUrl": queue_url })).await;
}

/// Makes a secret and gives its ARN.
pub(crate) async fn create_secret(secret: &Value) -> String {
    let wanted = json!({ "Name": format!("system-{}", uuid()), "SecretString": secret.to_string() });
    let answer = call("secretsmanager", "secretsmanager.CreateSecret", &wanted).await;
    answer["ARN"].as_str().unwrap().to_owned()
}

/// Makes another version of a secret the current one.
pub(crate) async fn put_secret(arn: &str, secret: &Value) {
    let wanted = json!({ "SecretId": arn, "SecretString": secret.to_string() });
    call("secretsmanager", "secretsmanager.PutSecretValue", &wanted).await;
}

async fn sqs(action: &str, body: &Value) -> Value {
    call("sqs", &format!("AmazonSQS.{action}"), body).await
}

async fn call(service: &str, target: &str, body: &Value) -> Value {
    // The server routes by the credential's scope and checks no signature.
    let credential = format!("AWS4-HMAC-SHA256 Credential=test/20270101/us-east-1/{service}/aws4_request");
    let request = reqwest::Client::new()
        .post(endpoint())
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", target)
        .header("authorization", credential);
    let response = request.body(body.to_string()).send().await.unwrap();
    let (status, text) = (response.status(), response.text().await.unwrap());
    assert!(status.is_success(), "{target}: {status} {text}");
    serde_json::from_str(&text).unwrap_or_default()
}
