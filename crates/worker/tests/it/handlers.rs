//! Handlers that tests look into.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use worker::{Done, Handler, JobError, JobScope};

/// What a test sees of [`Gate`], and how it opens it.
#[derive(Clone, Debug)]
pub(crate) struct Gates {
    /// Handlers that have begun.
    pub(crate) begun: Arc<AtomicU32>,
    /// Handlers that were dropped before they had ended.
    pub(crate) dropped: Arc<AtomicU32>,
    /// Whether a handler was told to stop.
    pub(crate) told: Arc<AtomicBool>,
    /// A permit lets one handler pass.
    pub(crate) open: Arc<Semaphore>,
}

impl Gates {
    pub(crate) fn new() -> Self {
        Self {
            begun: Arc::default(),
            dropped: Arc::default(),
            told: Arc::default(),
            open: Arc::new(Semaphore::new(0)),
        }
    }

    pub(crate) async fn until_begun(&self, handlers: u32) {
        testkit::eventually("handlers have begun", crate::world::PATIENCE, async || {
            (self.begun.load(Ordering::SeqCst) >= handlers).then_some(())
        })
        .await;
    }

    pub(crate) async fn until_dropped(&self, handlers: u32) {
        testkit::eventually("handlers are dropped", crate::world::PATIENCE, async || {
            (self.dropped.load(Ordering::SeqCst) >= handlers).then_some(())
        })
        .await;
    }
}

/// `test.gate`: waits until the test lets it pass, whatever it is told.
#[derive(Debug)]
pub(crate) struct Gate(pub(crate) Gates);

impl Handler for Gate {
    const KIND: &'static str = "test.gate";
    type Payload = serde_json::Value;

    async fn run(&self, _payload: serde_json::Value, scope: JobScope) -> Result<Done, JobError> {
        let mut dropped = CountDrop(Some(Arc::clone(&self.0.dropped)));
        self.0.begun.fetch_add(1, Ordering::SeqCst);
        tokio::select! {
            permit = self.0.open.acquire() => permit.unwrap().forget(),
            never = notice(&scope, &self.0.told) => match never {},
        }
        dropped.0 = None;
        Ok(Done::empty())
    }
}

async fn notice(scope: &JobScope, told: &AtomicBool) -> std::convert::Infallible {
    scope.cancelled.cancelled().await;
    told.store(true, Ordering::SeqCst);
    std::future::pending().await
}

struct CountDrop(Option<Arc<AtomicU32>>);

impl Drop for CountDrop {
    fn drop(&mut self) {
        if let Some(count) = &self.0 {
            count.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// `test.snooze`: snoozes on the first start, succeeds on the second.
#[derive(Debug)]
pub(crate) struct Snooze;

impl Handler for Snooze {
    const KIND: &'static str = "test.snooze";
    type Payload = serde_json::Value;

    async fn run(&self, _payload: serde_json::Value, scope: JobScope) -> Result<Done, JobError> {
        if scope.attempt == 1 {
            return Err(JobError::Snooze(Duration::from_millis(1)));
        }
        Ok(Done::empty())
    }
}

/// `test.forever`: snoozes until a time that no database can write down.
#[derive(Debug)]
pub(crate) struct Forever;

impl Handler for Forever {
    const KIND: &'static str = "test.forever";
    type Payload = serde_json::Value;

    async fn run(&self, _payload: serde_json::Value, _scope: JobScope) -> Result<Done, JobError> {
        Err(JobError::Snooze(Duration::MAX))
    }
}

/// `test.polite`: runs until it is told to stop, and then ends with success.
#[derive(Debug)]
pub(crate) struct Polite(pub(crate) Arc<Notify>);

impl Handler for Polite {
    const KIND: &'static str = "test.polite";
    type Payload = serde_json::Value;

    async fn run(&self, _payload: serde_json::Value, scope: JobScope) -> Result<Done, JobError> {
        self.0.notify_one();
        scope.cancelled.cancelled().await;
        Ok(Done::json("tidied up")?)
    }
}

/// `test.scope`: tells what it was told.
#[derive(Debug)]
pub(crate) struct Scope;

impl Handler for Scope {
    const KIND: &'static str = "test.scope";
    type Payload = serde_json::Value;

    async fn run(&self, _payload: serde_json::Value, scope: JobScope) -> Result<Done, JobError> {
        let told = serde_json::json!({
            "job_id": scope.job_id, "tenant_id": scope.tenant_id, "kind": scope.kind, "queue": scope.queue,
            "attempt": scope.attempt, "spent": scope.spent, "max_attempts": scope.max_attempts,
            "traceparent": scope.traceparent, "request_id": scope.request_id,
            "remaining_secs": scope.remaining().as_secs(), "metadata": scope.metadata,
        });
        Ok(Done::json(&told)?)
    }
}
