//! A lane on SQS with a dead-letter queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_sqs::types;
use domain::{JobId, JobState};
use queue::Queue;
use serde_json::{Value, json};
use store::DeadLetterFilter;
use testkit::eventually;
use worker::{
    Config, DeadLetterConfig, Dispatched, Done, Handler, JobError, JobScope, MaintenanceConfig, Registry,
    StepOutcome, Worker,
};

use crate::sqs_world::SqsWorld;
use crate::world::{PATIENCE, config, job, lane, states};

/// `test.mend`: fails for good until somebody has mended it.
#[derive(Debug)]
struct Mend(Arc<AtomicBool>);

impl Handler for Mend {
    const KIND: &'static str = "test.mend";
    type Payload = Value;

    async fn run(&self, _payload: Value, _scope: JobScope) -> Result<Done, JobError> {
        if self.0.load(Ordering::SeqCst) {
            Ok(Done::empty())
        } else {
            Err(JobError::abort("it is broken"))
        }
    }
}

/// Settings under which nothing waits for the clock.
pub(crate) fn eager() -> Config {
    with(DeadLetterConfig {
        announce: Duration::from_millis(100),
        reconcile: Duration::from_secs(1),
        settled: Duration::ZERO,
        ..DeadLetterConfig::default()
    })
}

pub(crate) fn with(dead_letters: DeadLetterConfig) -> Config {
    Config {
        announce_again: Duration::from_millis(1),
        maintenance: MaintenanceConfig {
            dead_letters,
            ..config().maintenance
        },
        ..config()
    }
}

/// A lane with a dead-letter queue, and a worker that does nothing by itself.
pub(crate) struct Scene {
    pub(crate) sqs: SqsWorld,
    pub(crate) mended: Arc<AtomicBool>,
    pub(crate) worker: Worker,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let (sqs, mended) = (SqsWorld::with_dead_letters().await, Arc::<AtomicBool>::default());
        let registry = Registry::new().register(Mend(Arc::clone(&mended)));
        Self {
            worker: sqs.worker(registry, eager()).await,
            sqs,
            mended,
        }
    }

    pub(crate) async fn another_worker(&self, config: Config) -> Worker {
        let registry = Registry::new().register(Mend(Arc::clone(&self.mended)));
        self.sqs.worker(registry, config).await
    }

    pub(crate) fn mend(&self) {
        self.mended.store(true, Ordering::SeqCst);
    }

    pub(crate) async fn submit(&self) -> JobId {
        self.sqs
            .world
            .submit(job("test.mend", &json!({"a": "secret"}), 1))
            .await
    }

    /// Announces one job and runs it.
    pub(crate) async fn run(&self) -> JobState {
        let dispatched = self.worker.dispatch_once(&lane(), 10).await.unwrap();
        assert_eq!(dispatched, Dispatched { sent: 1, failed: 0 });
        states(&self.step().await)[0]
    }

    pub(crate) async fn step(&self) -> Vec<StepOutcome> {
        self.worker.run_once(&lane(), 1).await.unwrap()
    }

    pub(crate) async fn dead_letter(&self) -> JobId {
        let id = self.submit().await;
        assert_eq!(self.run().await, JobState::Failed);
        id
    }

    /// A dead letter whose message lies in the dead-letter queue.
    pub(crate) async fn announced(&self) -> JobId {
        let id = self.dead_letter().await;
        assert_eq!(self.announce().await, 1);
        id
    }

    pub(crate) async fn announce(&self) -> u64 {
        self.pass("announce_dead_letters").await
    }

    pub(crate) async fn reconcile(&self) -> u64 {
        self.pass("reconcile_dead_letters").await
    }

    /// Does a pass and answers what it changed.
    pub(crate) async fn pass(&self, name: &str) -> u64 {
        self.worker
            .maintain_once(name, 100)
            .await
            .unwrap()
            .unwrap()
            .changed
    }

    pub(crate) fn url(&self) -> &str {
        self.sqs.dead_letters.as_ref().unwrap()
    }

    pub(crate) async fn until_dead_letter_messages(&self, expected: u64) {
        let queue = self.sqs.dead_letter_queue();
        eventually(&format!("{expected} messages"), PATIENCE, async || {
            (queue.depth().await.unwrap() == expected).then_some(())
        })
        .await;
    }

    /// Receives the next message of the dead-letter queue as it is.
    pub(crate) async fn take_message(&self) -> types::Message {
        let (client, url) = (&self.sqs.client, self.url());
        eventually("a message in the dead-letter queue", PATIENCE, async || {
            let answer = client
                .receive_message()
                .queue_url(url)
                .wait_time_seconds(1)
                .send()
                .await;
            answer.unwrap().messages?.pop()
        })
        .await
    }

    pub(crate) async fn send_to(&self, url: &str, body: &str) {
        let request = self.sqs.client.send_message().queue_url(url).message_body(body);
        request.send().await.unwrap();
    }

    /// What `StartMessageMoveTask` does with one message; answers its body.
    pub(crate) async fn move_back(&self) -> String {
        let message = self.take_message().await;
        let body = message.body.unwrap();
        self.send_to(&self.sqs.url, &body).await;
        let request = self.sqs.client.delete_message().queue_url(self.url());
        let receipt = message.receipt_handle.unwrap();
        request.receipt_handle(receipt).send().await.unwrap();
        body
    }

    pub(crate) async fn purge(&self) {
        self.sqs
            .client
            .purge_queue()
            .queue_url(self.url())
            .send()
            .await
            .unwrap();
        self.until_dead_letter_messages(0).await;
    }

    pub(crate) async fn assert_rows(&self, expected: i64) {
        let rows = self.sqs.world.count("select count(*) from dead_letter").await;
        assert_eq!(rows, expected);
    }

    pub(crate) async fn discard(&self, ids: Vec<JobId>) {
        let filter = DeadLetterFilter {
            job_ids: Some(ids),
            ..DeadLetterFilter::default()
        };
        let world = &self.sqs.world;
        let discarded = world
            .api
            .discard_dead_letters(&testkit::actor(world.tenant_id), &filter, 10)
            .await;
        assert_eq!(discarded.unwrap(), 1);
    }

    pub(crate) async fn retry(&self, id: JobId) {
        self.sqs
            .world
            .api
            .redrive(&testkit::actor(self.sqs.world.tenant_id), id)
            .await
            .unwrap();
    }
}
