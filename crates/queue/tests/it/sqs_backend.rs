//! A pair of SQS queues per test.

use std::panic::AssertUnwindSafe;

use async_trait::async_trait;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName};
use aws_sdk_sqs::{Client, Config};
use futures::FutureExt;
use queue::Queue;
use queue::conformance::{Backend, MAX_RECEIVES};
use queue::sqs::SqsQueue;

use crate::postgres_backend::unique_name;

pub(crate) struct SqsBackend {
    pub(crate) client: Client,
    pub(crate) url: String,
    queue: SqsQueue,
    dead_letters: SqsQueue,
}

#[async_trait]
impl Backend for SqsBackend {
    fn queue(&self) -> &dyn Queue {
        &self.queue
    }

    fn dead_letters(&self) -> &dyn Queue {
        &self.dead_letters
    }

    async fn group_of_the_only_message(&self) -> String {
        let receive = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .wait_time_seconds(10);
        let receive = receive.message_system_attribute_names(MessageSystemAttributeName::MessageGroupId);
        let messages = receive.send().await.unwrap().messages.unwrap();
        let attributes = messages[0].attributes().unwrap();
        attributes[&MessageSystemAttributeName::MessageGroupId].clone()
    }
}

/// Runs a test with queues of its own, and deletes them also when the test fails.
pub(crate) async fn run(test: impl AsyncFnOnce(&SqsBackend)) {
    let client = client(&endpoint());
    let name = unique_name();
    let dead_url = create_queue(&client, &format!("{name}-dead"), None).await;
    let url = create_queue(&client, &name, Some(&dead_url)).await;
    let (queue, dead_letters) = (SqsQueue::new(&client, &url), SqsQueue::new(&client, &dead_url));
    let backend = SqsBackend {
        client: client.clone(),
        url: url.clone(),
        queue,
        dead_letters,
    };
    let outcome = AssertUnwindSafe(test(&backend)).catch_unwind().await;
    for url in [&url, &dead_url] {
        client.delete_queue().queue_url(url).send().await.unwrap();
    }
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// As the conformance suite wants it.
pub(crate) async fn conform(check: impl AsyncFnOnce(&dyn Backend)) {
    run(async |backend: &SqsBackend| check(backend).await).await;
}

pub(crate) fn client(endpoint: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(endpoint);
    Client::from_conf(config.build())
}

#[expect(
    clippy::disallowed_methods,
    reason = "where the tests' servers are is the one thing they read from outside"
)]
pub(crate) fn endpoint() -> String {
    std::env::var("TANDEM_TEST_SQS_ENDPOINT").expect(
        "TANDEM_TEST_SQS_ENDPOINT must name a server that speaks SQS: run `cargo xtask test`, \
         which starts one",
    )
}

async fn create_queue(client: &Client, name: &str, dead_letters_url: Option<&str>) -> String {
    let mut create = client.create_queue().queue_name(name);
    if let Some(url) = dead_letters_url {
        let attributes = client
            .get_queue_attributes()
            .queue_url(url)
            .attribute_names(QueueAttributeName::QueueArn);
        let arn = &attributes.send().await.unwrap().attributes.unwrap()[&QueueAttributeName::QueueArn];
        let policy = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":{MAX_RECEIVES}}}"#);
        create = create.attributes(QueueAttributeName::RedrivePolicy, policy);
    }
    create.send().await.unwrap().queue_url.unwrap()
}
