//! `tandem jobs watch`: what happens to a job, line by line, until its end.

use std::pin::pin;

use client::{Client, JobEvent, JobId, JobState, Watched};
use futures::TryStreamExt as _;

use crate::failure::{ExitStatus, Failure};
use crate::output;

pub(crate) async fn run(client: &Client, id: JobId, json: bool) -> Result<ExitStatus, Failure> {
    let mut told = pin!(client.watch(id));
    while let Some(watched) = told.try_next().await? {
        match watched {
            Watched::Event(event) => print(&event, json),
            Watched::Ended(state) if state == JobState::Succeeded => return Ok(ExitStatus::Done),
            Watched::Ended(_) => return Ok(ExitStatus::JobNotSucceeded),
        }
    }
    Err(Failure::new("the api has not told how the job ended"))
}

fn print(event: &JobEvent, json: bool) {
    if json {
        output::json(event);
        return;
    }
    let mut line = format!("{:>3}  {}  {}", event.number, output::time(event.at), event.event);
    if let Some(attempt) = event.attempt {
        line = format!("{line}, attempt {attempt}");
    }
    output::line(&line);
}
