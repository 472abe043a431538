//! A queue of one's own on the SQS-protocol server.

use crate::process::uuid;

#[expect(
    clippy::disallowed_methods,
    reason = "tests are configured by whoever runs them"
)]
pub(crate) fn endpoint() -> String {
    std::env::var("TANDEM_TEST_SQS_ENDPOINT")
        .expect("TANDEM_TEST_SQS_ENDPOINT is not set: run `cargo xtask test`")
}

/// Makes a queue and gives its URL.
pub(crate) async fn create_queue() -> String {
    let answer: serde_json::Value = reqwest::Client::new()
        .post(endpoint())
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "AmazonSQS.CreateQueue")
        // The server routes by the credential's scope and checks no signature.
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=test/20270101/us-east-1/sqs/aws4_request",
        )
        .body(serde_json::json!({ "QueueName": format!("system-{}", uuid()) }).to_string())
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    answer["QueueUrl"]
        .as_str()
        .unwrap_or_else(|| panic!("no queue: {answer}"))
        .to_owned()
}
