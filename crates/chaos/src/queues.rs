//! The queues of a run on an SQS-protocol server.

use anyhow::{Context as _, Result};
use reqwest::Client;
use serde_json::{Value, json};

use crate::mix::LANES;
use crate::strike::Role;

/// One queue per lane.
#[derive(Debug)]
pub(crate) struct Queues {
    endpoint: String,
    /// Where workers believe that SQS is.
    worker_endpoint: String,
    urls: Vec<(&'static str, String)>,
    http: Client,
}

impl Queues {
    /// Makes the queues; `prefix` begins their names.
    pub(crate) async fn create(
        http: &Client,
        endpoint: &str,
        worker_endpoint: &str,
        prefix: &str,
    ) -> Result<Self> {
        let mut queues = Self {
            endpoint: endpoint.to_owned(),
            worker_endpoint: worker_endpoint.to_owned(),
            urls: Vec::new(),
            http: http.clone(),
        };
        for lane in LANES {
            let name = format!("{prefix}-{lane}");
            let answer = queues.ask("CreateQueue", &json!({ "QueueName": name })).await?;
            let url = answer["QueueUrl"].as_str();
            let url = url.with_context(|| format!("the queue {name} was not made: {answer}"))?;
            queues.urls.push((lane, url.to_owned()));
        }
        Ok(queues)
    }

    /// What a process has to be told.
    pub(crate) fn environment(&self, role: Role) -> Vec<(String, String)> {
        let urls: Vec<String> = self
            .urls
            .iter()
            .map(|(lane, url)| format!("{lane}={url}"))
            .collect();
        let endpoint = match role {
            Role::Api => &self.endpoint,
            Role::Worker => &self.worker_endpoint,
        };
        [
            ("TANDEM_QUEUE", "sqs"),
            ("TANDEM_SQS_QUEUE_URLS", &urls.join(",")),
            ("AWS_ENDPOINT_URL", endpoint),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "us-east-1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// Deletes the queues, as far as the server is still there.
    pub(crate) async fn delete(&self) {
        for (_, url) in &self.urls {
            drop(self.ask("DeleteQueue", &json!({ "QueueUrl": url })).await);
        }
    }

    async fn ask(&self, action: &str, request: &Value) -> Result<Value> {
        let request = self
            .http
            .post(&self.endpoint)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AmazonSQS.{action}"))
            // The server routes by the credential's scope and checks no signature.
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=test/20270101/us-east-1/sqs/aws4_request",
            )
            .body(request.to_string());
        let answer = request
            .send()
            .await
            .with_context(|| format!("no SQS-protocol server answers at {}", self.endpoint))?;
        let text = answer.text().await.context("the SQS-protocol server broke off")?;
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}
