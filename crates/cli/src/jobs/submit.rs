//! `tandem jobs submit`.

use std::io::Read as _;
use std::time::Duration;

use client::{Client, SubmitJob, SubmitUnique};
use serde_json::value::RawValue;

use super::print_line;
use crate::args::{OnConflict, SubmitArgs, UniqueArgs};
use crate::failure::{ExitStatus, Failure};
use crate::{access, wait};

pub(super) async fn run(client: &Client, args: SubmitArgs, json: bool) -> Result<ExitStatus, Failure> {
    let (key, waits) = (args.idempotency_key.clone(), args.wait);
    let job = job(args)?;
    let submit = match key {
        Some(key) => client.submit_once(&job, &key),
        None => client.submit(&job),
    };
    if waits {
        return wait::run(client, submit.await?.id, None, json).await;
    }
    access::show(submit, json, |job| print_line(&job.id, &job.state)).await?;
    Ok(ExitStatus::Done)
}

fn job(args: SubmitArgs) -> Result<SubmitJob, Failure> {
    Ok(SubmitJob {
        payload: Some(read_payload(&args.payload)?),
        kind: args.kind,
        queue: args.queue,
        run_at: args.run_at,
        delay_ms: args.delay.map(ms),
        start_by: args.start_by,
        max_attempts: args.max_attempts,
        timeout_ms: args.timeout.map(ms),
        tags: args.tags,
        metadata: args.metadata.into_iter().collect(),
        sensitive: args.sensitive,
        unique: unique(args.unique),
        ..SubmitJob::default()
    })
}

/// How a job is unique, if it is.
pub(crate) fn unique(args: UniqueArgs) -> Option<SubmitUnique> {
    if args.unique_key.is_none() && args.unique_fields.is_empty() {
        return None;
    }
    Some(SubmitUnique {
        key: args.unique_key,
        fields: args.unique_fields,
        period_ms: args.unique_for.map(ms),
        on_conflict: args.on_conflict.map(|on_conflict| match on_conflict {
            OnConflict::Return => client::OnConflict::Return,
            OnConflict::Replace => client::OnConflict::Replace,
            OnConflict::Reject => client::OnConflict::Reject,
        }),
    })
}

/// As the api counts it.
pub(crate) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Reads what the handler gets, byte for byte: the argument itself, a file, or standard input.
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

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command, JobsArgs, JobsCommand};

    fn body(arguments: &[&str]) -> String {
        let cli = Cli::try_parse_from([&["tandem", "jobs", "submit"], arguments].concat()).unwrap();
        let Command::Jobs(JobsArgs {
            command: JobsCommand::Submit(submit),
            ..
        }) = cli.command
        else {
            panic!()
        };
        let job = job(*submit).map_err(|failure| failure.to_string()).unwrap();
        serde_json::to_string(&job).unwrap()
    }

    #[test]
    fn the_body_holds_what_was_given_and_the_payload_as_it_was_written() {
        let arguments = [
            "a.b",
            "-p",
            r#"{"z":1e400, "a":2}"#,
            "--delay",
            "5s",
            "--tag",
            "x",
            "--tag",
            "y",
        ];
        assert_eq!(
            body(&arguments),
            r#"{"kind":"a.b","payload":{"z":1e400, "a":2},"delay_ms":5000,"tags":["x","y"]}"#
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
            r#"{"kind":"a.b","payload":null,"metadata":{"note":"a=b"},"sensitive":["/card"],"unique":{"fields":["/id"],"period_ms":60000,"on_conflict":"replace"}}"#
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
