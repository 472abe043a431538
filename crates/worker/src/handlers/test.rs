//! Handlers for trying things out: registered on request only, never in production.

use std::time::Duration;

use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::handler::{Done, Handler, JobError, JobScope, payload_schema};
use crate::registry::Registry;

/// Adds `test.echo`, `test.sleep` and `test.fail`.
#[must_use]
pub fn register(registry: Registry) -> Registry {
    registry.register(Echo).register(Sleep).register(Fail)
}

/// `test.echo`: succeeds with its payload as the result.
#[derive(Clone, Copy, Debug)]
pub struct Echo;

impl Handler for Echo {
    const KIND: &'static str = "test.echo";
    type Payload = Box<RawValue>;

    /// Whatever there is.
    fn payload_schema() -> Option<Schema> {
        Some(true.into())
    }

    async fn run(&self, payload: Box<RawValue>, _scope: JobScope) -> Result<Done, JobError> {
        Ok(Done::raw(payload))
    }
}

/// `test.sleep`: succeeds after a while; stops at once when it is told to.
#[derive(Clone, Copy, Debug)]
pub struct Sleep;

/// What `test.sleep` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SleepPayload {
    /// How long.
    ms: u64,
}

impl Handler for Sleep {
    const KIND: &'static str = "test.sleep";
    type Payload = SleepPayload;

    fn payload_schema() -> Option<Schema> {
        payload_schema::<SleepPayload>()
    }

    async fn run(&self, payload: SleepPayload, scope: JobScope) -> Result<Done, JobError> {
        let sleeping = tokio::time::sleep(Duration::from_millis(payload.ms));
        match scope.cancelled.run_until_cancelled(sleeping).await {
            Some(()) => Ok(Done::empty()),
            None => Err(JobError::retry("it was told to stop")),
        }
    }
}

/// `test.fail`: fails.
#[derive(Clone, Copy, Debug)]
pub struct Fail;

/// What `test.fail` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailPayload {
    /// The error.
    message: String,
    /// How many attempts fail before one succeeds; all of them, if absent.
    times: Option<u32>,
    /// Whether the job fails for good.
    #[serde(default)]
    abort: bool,
    /// Whether the handler panics.
    #[serde(default)]
    panic: bool,
    /// Whether a task and a thread that the handler starts panic, before it fails itself.
    #[serde(default)]
    panic_elsewhere: bool,
}

impl Handler for Fail {
    const KIND: &'static str = "test.fail";
    type Payload = FailPayload;

    fn payload_schema() -> Option<Schema> {
        payload_schema::<FailPayload>()
    }

    async fn run(&self, payload: FailPayload, scope: JobScope) -> Result<Done, JobError> {
        if payload.times.is_some_and(|times| scope.spent > times) {
            return Ok(Done::empty());
        }
        assert!(!payload.panic, "{}", payload.message);
        if payload.panic_elsewhere {
            panic_elsewhere(&payload.message).await;
        }
        Err(if payload.abort {
            JobError::abort(payload.message)
        } else {
            JobError::retry(payload.message)
        })
    }
}

/// As a handler does that does not wait for its own work in its own task.
#[expect(
    clippy::disallowed_methods,
    reason = "handlers do start tasks that nobody tracks"
)]
async fn panic_elsewhere(message: &str) {
    let (of_task, of_thread) = (message.to_owned(), message.to_owned());
    let task = tokio::spawn(async move { panic!("{of_task}") });
    let thread = tokio::task::spawn_blocking(move || panic!("{of_thread}"));
    let ended: (Result<(), _>, Result<(), _>) = tokio::join!(task, thread);
    drop(ended);
}
