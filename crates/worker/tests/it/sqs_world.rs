//! An SQS queue per test.

use std::sync::Arc;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{BehaviorVersion, Config as SqsConfig, Credentials, Region};
use aws_sdk_sqs::types::QueueAttributeName;
use domain::JobId;
use queue::sqs::SqsQueue;
use queue::{Envelope, Message, Queue};
use testkit::eventually;
use worker::{Config, Lane, Registry, Worker};

use crate::world::{PATIENCE, World, lane, random};

/// A world whose doorbells ring on SQS.
pub(crate) struct SqsWorld {
    pub(crate) world: World,
    pub(crate) client: Client,
    pub(crate) url: String,
}

impl SqsWorld {
    pub(crate) async fn new() -> Self {
        let config = SqsConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(endpoint());
        let client = Client::from_conf(config.build());
        let name = format!("tandem-worker-test-{}", random().simple());
        let queue = client.create_queue().queue_name(name).send().await.unwrap();
        Self {
            world: World::new().await,
            client,
            url: queue.queue_url.unwrap(),
        }
    }

    pub(crate) fn queue(&self) -> SqsQueue {
        SqsQueue::new(&self.client, &self.url)
    }

    pub(crate) async fn worker(&self, registry: Registry, config: Config) -> Worker {
        let store = self.world.store().await;
        let lane = Lane {
            name: lane(),
            queue: Arc::new(self.queue()),
            receivers: 2,
        };
        self.world.worker_with(&store, registry, config, |_| lane)
    }

    /// Messages that are visible, and messages that are hidden.
    pub(crate) async fn depth(&self) -> (String, String) {
        let (visible, hidden) = (
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        );
        let request = self.client.get_queue_attributes().queue_url(&self.url);
        let request = request
            .attribute_names(visible.clone())
            .attribute_names(hidden.clone());
        let mut attributes = request.send().await.unwrap().attributes.unwrap();
        (
            attributes.remove(&visible).unwrap(),
            attributes.remove(&hidden).unwrap(),
        )
    }

    pub(crate) async fn until_depth(&self, visible: &str, hidden: &str) {
        eventually(
            &format!("{visible} visible and {hidden} hidden messages"),
            PATIENCE,
            async || {
                let (now_visible, now_hidden) = self.depth().await;
                (now_visible == visible && now_hidden == hidden).then_some(())
            },
        )
        .await;
    }

    /// Sends a message for a job, whether the job is queued or not.
    pub(crate) async fn send(&self, job_id: JobId) {
        let message = Message {
            job_id,
            tenant_id: self.world.tenant_id,
            traceparent: None,
        };
        let envelope = Envelope {
            message,
            delay: std::time::Duration::ZERO,
        };
        assert!(self.queue().send(&[envelope]).await.unwrap().is_empty());
    }

    pub(crate) async fn delete(self) {
        self.client
            .delete_queue()
            .queue_url(&self.url)
            .send()
            .await
            .unwrap();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "where the tests' servers are is the one thing they read from outside"
)]
fn endpoint() -> String {
    std::env::var("TANDEM_TEST_SQS_ENDPOINT").expect(
        "TANDEM_TEST_SQS_ENDPOINT must name a server that speaks SQS: run `cargo xtask test`, which starts one",
    )
}
