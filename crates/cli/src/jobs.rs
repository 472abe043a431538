//! `tandem jobs …`: what a client does.

mod submit;

use std::collections::BTreeMap;

use client::{BulkAction, Client, Job, JobId};
use serde_json::value::RawValue;

use crate::args::{ChangeArgs, JobsArgs, JobsCommand};
use crate::failure::{ExitStatus, Failure};
use crate::output::{self, optional, optional_time, plain};
use crate::{access, bulk, explain, wait, watch};

pub(crate) use submit::{ms, read_payload, unique};

pub(crate) async fn run(args: JobsArgs) -> Result<ExitStatus, Failure> {
    let client = access::connect(&args.api)?;
    let json = args.api.json;
    match args.command {
        JobsCommand::Submit(args) => return submit::run(&client, *args, json).await,
        JobsCommand::Wait { id, timeout } => return wait::run(&client, id, timeout, json).await,
        JobsCommand::List(args) => {
            let jobs = client.jobs(&args.filter.into()).limit(args.limit);
            access::show_list(jobs, json, print_list).await?;
        }
        JobsCommand::Get { id } => show(&client, id, json).await?,
        JobsCommand::Cancel(args) => change(&client, BulkAction::Cancel, args, json).await?,
        JobsCommand::Retry(args) => change(&client, BulkAction::Retry, args, json).await?,
        JobsCommand::Explain { id } => return explain::run(&client, id, json).await,
        JobsCommand::Watch { id } => return watch::run(&client, id, json).await,
    }
    Ok(ExitStatus::Done)
}

/// One job at once, many after a count.
async fn change(client: &Client, action: BulkAction, args: ChangeArgs, json: bool) -> Result<(), Failure> {
    let Some(id) = args.id else {
        return bulk::run(client, action, args, json).await;
    };
    bulk::refuse_with_an_id(&args)?;
    let changed = match action {
        BulkAction::Cancel => client.cancel(id),
        BulkAction::Retry => client.retry(id),
    };
    access::show(changed, json, |job| print_line(&job.id, &job.state)).await
}

/// All that the api tells of a job, also what this version of the command does not know.
async fn show(client: &Client, id: JobId, json: bool) -> Result<(), Failure> {
    let job = client.job(id).verbatim().await?;
    if json {
        output::json(&job);
        return Ok(());
    }
    let attempts = client.attempts(id).await?;
    let fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(job.get())?;
    for (name, value) in fields {
        if let Some(value) = plain(&value) {
            output::line(&format!("{name:<20}{value}"));
        }
    }
    if !attempts.is_empty() {
        output::line("");
        let rows = attempts.into_iter().map(|attempt| {
            [
                attempt.attempt.to_string(),
                output::time(attempt.started_at),
                optional_time(attempt.finished_at),
                optional(attempt.event),
                optional(attempt.error.map(|error| error.message)),
            ]
        });
        output::table(["attempt", "started_at", "finished_at", "event", "error"], rows);
    }
    Ok(())
}

fn print_list(jobs: Vec<Job>) {
    let rows = jobs.into_iter().map(|job| {
        [
            job.id.to_string(),
            job.kind,
            job.queue,
            job.state.to_string(),
            job.attempt.to_string(),
            output::time(job.created_at),
        ]
    });
    output::table(["id", "kind", "queue", "state", "attempt", "created_at"], rows);
}

/// A job on one line: its id and its state.
pub(crate) fn print_line(id: &JobId, state: &client::Open<client::JobState>) {
    output::line(&format!("{id}  {state}"));
}
