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
    /// The dead-letter queue of the lane.
    pub(crate) dead_letters: Option<String>,
}

/// How often SQS delivers a message of a lane that has a dead-letter queue, before it moves it there.
pub(crate) const MAX_RECEIVES: u32 = 2;

impl SqsWorld {
    pub(crate) async fn new() -> Self {
        let config = SqsConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(endpoint());
        let client = Client::from_conf(config.build());
        let queue = client.create_queue().queue_name(name()).send().await.unwrap();
        Self {
            world: World::new().await,
            client,
            url: queue.queue_url.unwrap(),
            dead_letters: None,
        }
    }

    /// As [`Self::new`], with a dead-letter queue.
    pub(crate) async fn with_dead_letters() -> Self {
        let sqs = Self::new().await;
        let queue = sqs.client.create_queue().queue_name(name()).send().await.unwrap();
        let url = queue.queue_url.unwrap();
        let arn = QueueAttributeName::QueueArn;
        let request = sqs.client.get_queue_attributes().queue_url(&url);
        let answer = request.attribute_names(arn.clone()).send().await.unwrap();
        let arn = &answer.attributes.unwrap()[&arn];
        let policy = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":{MAX_RECEIVES}}}"#);
        let request = sqs.client.set_queue_attributes().queue_url(&sqs.url);
        let request = request.attributes(QueueAttributeName::RedrivePolicy, policy);
        request.send().await.unwrap();
        Self {
            dead_letters: Some(url),
            ..sqs
        }
    }

    pub(crate) fn queue(&self) -> SqsQueue {
        SqsQueue::new(&self.client, &self.url)
    }

    pub(crate) fn dead_letter_queue(&self) -> SqsQueue {
        SqsQueue::new(&self.client, self.dead_letters.as_ref().unwrap())
    }

    pub(crate) async fn worker(&self, registry: Registry, config: Config) -> Worker {
        self.worker_of(registry, config, vec![self.lane()]).await
    }

    pub(crate) async fn worker_of(&self, registry: Registry, config: Config, lanes: Vec<Lane>) -> Worker {
        let store = self.world.store().await;
        self.world.worker_of(&store, registry, config, |_| lanes)
    }

    pub(crate) fn lane(&self) -> Lane {
        Lane {
            name: lane(),
            queue: Arc::new(self.queue()),
            dead_letters: self
                .dead_letters
                .is_some()
                .then(|| Arc::new(self.dead_letter_queue()) as Arc<dyn Queue>),
            receivers: 2,
        }
    }

    /// A lane beside the default one, with a dead-letter queue.
    pub(crate) async fn another_lane(&self, name: &str) -> Lane {
        let queue = async || {
            let made = self.client.create_queue().queue_name(self::name()).send().await;
            Arc::new(SqsQueue::new(&self.client, made.unwrap().queue_url.unwrap())) as Arc<dyn Queue>
        };
        Lane {
            name: name.parse().unwrap(),
            queue: queue().await,
            dead_letters: Some(queue().await),
            receivers: 2,
        }
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
            dead_letter: None,
        };
        let envelope = Envelope {
            message,
            delay: std::time::Duration::ZERO,
        };
        assert!(self.queue().send(&[envelope]).await.unwrap().is_empty());
    }

    pub(crate) async fn delete(self) {
        for url in [Some(self.url), self.dead_letters].into_iter().flatten() {
            self.client.delete_queue().queue_url(url).send().await.unwrap();
        }
    }
}

fn name() -> String {
    format!("tandem-worker-test-{}", random().simple())
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
