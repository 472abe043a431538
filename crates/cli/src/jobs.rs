//! `tandem jobs …`: what a client does.

use std::io::Read as _;
use std::time::Duration;

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::args::{ChangeArgs, JobsArgs, JobsCommand, ListArgs, OnConflict, SubmitArgs, UniqueArgs};
use crate::bulk::{self, Action};
use crate::client::Client;
use crate::failure::{ExitStatus, Failure};
use crate::output::plain;
use crate::{explain, output, wait, watch};

pub(crate) async fn run(args: JobsArgs) -> Result<ExitStatus, Failure> {
    let client = Client::new(&args.api)?;
    let json = args.api.json;
    match args.command {
        JobsCommand::Submit(submit) => return submit_job(&client, *submit, json).await,
        JobsCommand::Wait { id, timeout } => return wait::run(&client, &id, timeout, json).await,
        JobsCommand::List(list) => print_list(&list_jobs(&client, &list).await?, json),
        JobsCommand::Get { id } => show(&client, &id, json).await?,
        JobsCommand::Cancel(args) => change(&client, Action::Cancel, args, json).await?,
        JobsCommand::Retry(args) => change(&client, Action::Retry, args, json).await?,
        JobsCommand::Explain { id } => return explain::run(&client, &id, json).await,
        JobsCommand::Watch { id } => return watch::run(&client, &id, json).await,
    }
    Ok(ExitStatus::Done)
}

/// One job at once, many after a count.
async fn change(client: &Client, action: Action, args: ChangeArgs, json: bool) -> Result<(), Failure> {
    let Some(id) = &args.id else {
        return bulk::run(client, action, args, json).await;
    };
    bulk::refuse_with_an_id(&args)?;
    let job = client
        .post(&format!("/api/jobs/{id}/{}", action.as_str()))
        .await?;
    print_job(&job, json);
    Ok(())
}

async fn submit_job(client: &Client, args: SubmitArgs, json: bool) -> Result<ExitStatus, Failure> {
    let key = args
        .idempotency_key
        .clone()
        .unwrap_or_else(|| runtime::random::id().to_string());
    let wait = args.wait;
    let job = client.submit(&submit_body(args)?, &key).await?;
    if wait {
        let id = job["id"].as_str().unwrap_or_default();
        return wait::run(client, id, None, json).await;
    }
    print_job(&job, json);
    Ok(ExitStatus::Done)
}

fn submit_body(args: SubmitArgs) -> Result<String, Failure> {
    let payload = read_payload(&args.payload)?;
    let mut body = Map::new();
    body.insert("kind".to_owned(), args.kind.into());
    let mut optional = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    };
    optional("queue", args.queue.map(Into::into));
    optional("run_at", args.run_at.map(|time| time.to_rfc3339().into()));
    optional("delay_ms", args.delay.map(ms));
    optional("start_by", args.start_by.map(|time| time.to_rfc3339().into()));
    optional("max_attempts", args.max_attempts.map(Into::into));
    optional("timeout_ms", args.timeout.map(ms));
    optional("tags", (!args.tags.is_empty()).then(|| args.tags.into()));
    optional("metadata", metadata(&args.metadata));
    optional(
        "sensitive",
        (!args.sensitive.is_empty()).then(|| args.sensitive.into()),
    );
    optional("unique", unique(args.unique));
    // The payload goes in as text, so that its numbers and the order of its keys stay as they are.
    let envelope = Value::Object(body).to_string();
    Ok(format!(
        "{},\"payload\":{}}}",
        &envelope[..envelope.len() - 1],
        payload.get()
    ))
}

/// What is known about a job, if anything is.
pub(crate) fn metadata(pairs: &[(String, String)]) -> Option<Value> {
    let metadata: Map<String, Value> = pairs
        .iter()
        .map(|(key, value)| (key.clone(), value.clone().into()))
        .collect();
    (!metadata.is_empty()).then(|| metadata.into())
}

/// How a job is unique, if it is.
pub(crate) fn unique(args: UniqueArgs) -> Option<Value> {
    let mut unique = match (args.unique_key, args.unique_fields) {
        (None, fields) if fields.is_empty() => return None,
        (None, fields) => json!({ "fields": fields }),
        (Some(key), _) => json!({ "key": key }),
    };
    if let Some(period) = args.unique_for {
        unique["period_ms"] = ms(period);
    }
    if let Some(on_conflict) = args.on_conflict {
        unique["on_conflict"] = match on_conflict {
            OnConflict::Return => "return",
            OnConflict::Replace => "replace",
            OnConflict::Reject => "reject",
        }
        .into();
    }
    Some(unique)
}

fn ms(duration: Duration) -> Value {
    json!(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// Reads what the handler gets: the argument itself, a file, or standard input.
pub(crate) fn read_payload(argument: &str) -> Result<Box<RawValue>, Failure> {
    let text = match argument.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| Failure::new(format!("the payload file {path} can't be read: {error}")))?,
        None if argument == "-" => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            text
        }
        None => argument.to_owned(),
    };
    serde_json::from_str(&text).map_err(|error| Failure::new(format!("the payload is no JSON: {error}")))
}

async fn list_jobs(client: &Client, args: &ListArgs) -> Result<Vec<Value>, Failure> {
    let fields = args.filter.fields().into_iter();
    let filter: Vec<_> = fields.filter_map(|(name, value)| Some((name, value?))).collect();
    client.list("/api/jobs", "jobs", &filter, args.limit).await
}

async fn show(client: &Client, id: &str, json: bool) -> Result<(), Failure> {
    let job = client.get(&format!("/api/jobs/{id}"), &[]).await?;
    if json {
        output::json(&job);
        return Ok(());
    }
    let attempts = client.get(&format!("/api/jobs/{id}/attempts"), &[]).await?;
    for (name, value) in job
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_null())
    {
        output::line(&format!("{name:<20}{}", plain(value)));
    }
    let attempts = attempts["attempts"].as_array().cloned().unwrap_or_default();
    if !attempts.is_empty() {
        output::line("");
        let columns = ["attempt", "started_at", "finished_at", "event", "error"];
        let row = |attempt: &Value| {
            let mut row: Vec<String> = columns[..4].iter().map(|name| plain(&attempt[*name])).collect();
            row.push(plain(&attempt["error"]["message"]));
            row
        };
        output::table(&columns, attempts.iter().map(row).collect());
    }
    Ok(())
}

fn print_list(jobs: &[Value], json: bool) {
    if json {
        output::json(&jobs);
        return;
    }
    let columns = ["id", "kind", "queue", "state", "attempt", "created_at"];
    let row = |job: &Value| columns.iter().map(|name| plain(&job[*name])).collect();
    output::table(&columns, jobs.iter().map(row).collect());
}

/// A job on one line: its id and its state, or all of it as JSON.
pub(crate) fn print_job(job: &Value, json: bool) {
    if json {
        output::json(job);
    } else {
        output::line(&format!("{}  {}", plain(&job["id"]), plain(&job["state"])));
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command};

    fn body(arguments: &[&str]) -> String {
        let cli = Cli::try_parse_from([&["tandem", "jobs", "submit"], arguments].concat()).unwrap();
        let Command::Jobs(JobsArgs {
            command: JobsCommand::Submit(submit),
            ..
        }) = cli.command
        else {
            panic!()
        };
        submit_body(*submit)
            .map_err(|failure| failure.to_string())
            .unwrap()
    }

    #[test]
    fn the_body_holds_what_was_given_and_the_payload_as_it_was_written() {
        let arguments = [
            "a.b",
            "-p",
            r#"{"z":1e400,"a":2}"#,
            "--delay",
            "5s",
            "--tag",
            "x",
            "--tag",
            "y",
        ];
        assert_eq!(
            body(&arguments),
            r#"{"delay_ms":5000,"kind":"a.b","tags":["x","y"],"payload":{"z":1e400,"a":2}}"#
        );
        assert_eq!(body(&["a.b"]), r#"{"kind":"a.b","payload":null}"#);
        let arguments = [
            "a.b",
            "--metadata",
            "note=a=b",
            "--sensitive",
            "/card",
            "--unique-field",
            "/id",
            "--unique-for",
            "1m",
            "--on-conflict",
            "replace",
        ];
        assert_eq!(
            body(&arguments),
            r#"{"kind":"a.b","metadata":{"note":"a=b"},"sensitive":["/card"],"unique":{"fields":["/id"],"on_conflict":"replace","period_ms":60000},"payload":null}"#
        );
    }

    #[test]
    fn a_payload_that_is_no_json_is_refused_here() {
        let Err(failure) = read_payload("{oops") else {
            panic!()
        };
        assert!(failure.to_string().contains("no JSON"));
    }
}
