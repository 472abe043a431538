//! Tandem's REST API for Rust programs.
//!
//! ```no_run
//! use client::{Client, SubmitJob};
//! use serde_json::json;
//!
//! # async fn run() -> Result<(), client::Error> {
//! let tandem = Client::new("https://tandem.example.com", "tdm_prod_…")?;
//! let payload = json!({ "url": "https://example.com/hook", "body": { "order": 17 } });
//! let job = tandem.submit(&SubmitJob::new("http.request", &payload)?).await?;
//! let ended = tandem.wait(job.id, std::time::Duration::from_secs(60)).await?;
//! println!("{}", ended.state);
//! # Ok(())
//! # }
//! ```
//!
//! A method gives a [`Call`], which is made when it is awaited, or [`Pages`] of a list. Each route of the api has one.
//! Answers may have more fields than this version knows, and [`Open`] values; [`Call::verbatim`] gives them as the api
//! wrote them.
//!
//! Requests are sent again while that is harmless and may help: after 429, 503 and a 409 that says that the first try is under
//! way, after the wait that the api asks for and a random bit more; and after 502, 504 and a broken connection when sending
//! twice does what sending once does. A submit has an idempotency key of its own, so it is always harmless to repeat. [`Client::watch`] tells what happens to a job as it happens.
//! [`webhook::Verifier`] checks what jobs of kind `http.request` send. What a newer api has beyond all that is reached by
//! [`Client::request`].
//!
//! # Examples
//!
//! Programs to run and to start from are in `examples/`: `submit_and_wait`, `watch`, and `receive`, which is what
//! `http.request` calls. Under `tandem dev`:
//!
//! ```text
//! source .tandem/env
//! cargo run --package client --example submit_and_wait -- test.echo '{"order": 17}'
//! ```

#![warn(missing_docs, clippy::wildcard_enum_match_arm)]

mod audit;
mod call;
mod client;
mod dead_letters;
mod endpoints;
mod error;
mod events;
mod expected;
mod jobs;
mod keys;
mod once;
mod open;
mod page;
mod platform;
mod queues;
mod request;
mod retry;
mod schedules;
mod tenants;
mod users;
pub mod webhook;

pub use audit::{AuditEntry, AuditFilter};
pub use call::Call;
pub use client::{Builder, Client};
pub use dead_letters::{
    DeadLetter, DeadLetterExample, DeadLetterFilter, DeadLetterGroup, DeadLetterSelection,
    DiscardDeadLetters, DiscardedDeadLetters, RetriedDeadLetters, RetryDeadLetters,
};
pub use domain::{FailureCode, JobId, JobState, KeyId, Scope, TenantId, UserId, WorkerId};
pub use endpoints::{Endpoint, EndpointSecret, NewSecret, PutEndpoint, RotatedSecret};
pub use error::{Error, FieldError, Problem};
pub use events::Watched;
pub use expected::Expected;
pub use jobs::{
    ActivePause, Attempt, Backoff, BulkAction, BulkChanged, BulkFilter, BulkJobs, Explanation, Job, JobError,
    JobEvent, JobFilter, OnConflict, Reason, RestingTarget, RunningAttempt, RunningLimit, SubmitBackoff,
    SubmitJob, SubmitUnique, Submitted,
};
pub use keys::{CreatedKey, Key, NewKey, RotateKey};
pub use open::Open;
pub use page::Pages;
pub use platform::{Health, HealthStatus, ProblemType};
pub use queues::{Kind, PauseQueue, PausedBy, Queue, QueueDepth, QueuePause, QueueRates};
pub use request::Request;
pub use retry::{Repeat, RetryPolicy};
pub use schedules::{
    FireTime, MissedPolicy, OverlapPolicy, PreviewRange, PreviewSchedule, PutSchedule, Schedule, ScheduleJob,
    SchedulePreview, ScheduleUnique, ScheduledJob, SkipReason,
};
pub use tenants::{ChangeTenant, CreatedTenant, NewTenant, Tenant};
pub use users::User;
