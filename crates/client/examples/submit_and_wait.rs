//! Submits a job and waits for its end: `submit_and_wait KIND PAYLOAD`.
//!
//! The api is where `TANDEM_URL` says, and `TANDEM_API_KEY` is a key with the scopes `jobs:read` and `jobs:write`.

#![expect(clippy::print_stdout, reason = "a program for people")]
#![expect(
    clippy::disallowed_methods,
    reason = "a program that is configured by its environment"
)]

use std::time::Duration;

use anyhow::{Context as _, bail};
use client::{Client, JobState, SubmitJob};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(300);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let tandem = Client::new(std::env::var("TANDEM_URL")?, std::env::var("TANDEM_API_KEY")?)?;
    let mut arguments = std::env::args().skip(1);
    let kind = arguments.next().context("usage: submit_and_wait KIND PAYLOAD")?;
    let payload: Value = serde_json::from_str(&arguments.next().unwrap_or_else(|| "null".to_owned()))?;

    // Under an idempotency key, so that there is one job however often the request has to be sent.
    let job = tandem.submit(&SubmitJob::new(kind, &payload)?).await?;
    println!("{} is {}", job.id, job.state);

    let ended = tandem.wait(job.id, PATIENCE).await?;
    println!("{} is {}", ended.id, ended.state);
    if ended.state == JobState::Succeeded {
        let result: Option<Value> = ended.result_as()?;
        println!("{}", result.unwrap_or_default());
        return Ok(());
    }
    match ended.error {
        Some(error) => bail!("{}: {}", error.code, error.message),
        None => bail!("it has no result"),
    }
}
