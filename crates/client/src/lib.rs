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
//! Requests are sent again while that is harmless and may help: after 429 and 503, after the wait that the api asks for and a
//! random bit more, and after a broken connection when sending twice does what sending once does. A submit has an idempotency
//! key of its own, so it is always harmless to repeat. [`Client::watch`] tells what happens to a job as it happens.
//! [`webhook::Verifier`] checks what jobs of kind `http.request` send. What has no method is reached by [`Client::request`].

#![warn(missing_docs, clippy::wildcard_enum_match_arm)]

mod client;
mod error;
mod events;
mod jobs;
mod page;
mod people;
mod request;
mod retry;
pub mod webhook;

pub use client::{Builder, Client};
pub use error::{Error, FieldError, Problem};
pub use events::{JobEvent, Watched};
pub use jobs::{Job, JobError, JobFilter, SubmitJob, Submitted};
pub use page::Pages;
pub use people::{CreatedKey, Key, NewKey, Tenant, User};
pub use request::Request;
pub use retry::{Repeat, RetryPolicy};
