//! Tells what has happened to a job, and what happens to it until its end: `watch JOB_ID`.
//!
//! The api is where `TANDEM_URL` says, and `TANDEM_API_KEY` is a key with the scope `jobs:read`. When the connection breaks
//! off, the stream goes on where it was.

#![expect(clippy::print_stdout, reason = "a program for people")]
#![expect(
    clippy::disallowed_methods,
    reason = "a program that is configured by its environment"
)]

use std::pin::pin;

use anyhow::Context as _;
use client::{Client, JobId, Watched};
use futures::TryStreamExt as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let tandem = Client::new(std::env::var("TANDEM_URL")?, std::env::var("TANDEM_API_KEY")?)?;
    let id = std::env::args().nth(1).context("usage: watch JOB_ID")?;
    let id: JobId = id.parse()?;

    let mut events = pin!(tandem.watch(id));
    while let Some(watched) = events.try_next().await? {
        match watched {
            Watched::Event(event) => println!("{:>3}  {}  {}", event.number, event.at, event.event),
            Watched::Ended(state) => println!("it has ended: {state}"),
        }
    }
    Ok(())
}
