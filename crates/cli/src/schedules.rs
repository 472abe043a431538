//! `tandem schedules …`: what makes jobs by cron.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::args::{PreviewArgs, PutArgs, SchedulesArgs, SchedulesCommand};
use crate::client::{Client, Expected};
use crate::failure::{ExitStatus, Failure};
use crate::jobs::{metadata, read_payload, unique};
use crate::output;
use crate::output::plain;

const ROUTE: &str = "/api/schedules";

pub(crate) async fn run(args: SchedulesArgs) -> Result<ExitStatus, Failure> {
    let json = args.api.json;
    let client = Client::new(&args.api)?;
    match args.command {
        SchedulesCommand::List { limit } => {
            let schedules = client.list(ROUTE, "schedules", &[], limit).await?;
            if json {
                output::json(&schedules);
            } else {
                print_table(&schedules);
            }
        }
        SchedulesCommand::Get { name } => print(client.get(&route(&name, ""), &[]).await?, json),
        SchedulesCommand::Put(args) => {
            let expected = match (args.only_new, args.if_version) {
                (true, _) => Expected::Nothing,
                (false, Some(version)) => Expected::Version(version),
                (false, None) => Expected::Anything,
            };
            let schedule = client
                .put(&route(&args.name, ""), &body(&args)?, expected)
                .await?;
            print(schedule, json);
        }
        SchedulesCommand::Delete { name } => {
            client.delete(&route(&name, ""), None).await?;
            output::note(&format!("the schedule {name} is deleted"));
        }
        SchedulesCommand::Pause { name } => print(client.post(&route(&name, "/pause")).await?, json),
        SchedulesCommand::Resume { name } => print(client.post(&route(&name, "/resume")).await?, json),
        SchedulesCommand::Fire {
            name,
            idempotency_key,
        } => {
            let key = idempotency_key.unwrap_or_else(|| runtime::random::id().to_string());
            let job = client.post_once(&route(&name, "/fire"), &key).await?;
            if json {
                output::json(&job);
            } else {
                let columns = ["id", "kind", "queue", "state"];
                output::table(&columns, vec![row(&job, &columns)]);
            }
        }
        SchedulesCommand::Preview(args) => print_preview(&preview(&client, &args).await?, json),
    }
    Ok(ExitStatus::Done)
}

/// The name goes into a path, where what is no name must not mean another route.
fn route(name: &str, verb: &str) -> String {
    let name: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    format!("{ROUTE}/{name}{verb}")
}

fn body(args: &PutArgs) -> Result<String, Failure> {
    let payload = read_payload(&args.payload)?;
    let (mut schedule, mut job) = (Map::new(), Map::new());
    schedule.insert("cron".to_owned(), args.cron.clone().into());
    job.insert("kind".to_owned(), args.kind.clone().into());
    let optional = |object: &mut Map<String, Value>, name: &str, value: Option<Value>| {
        object.extend(value.map(|value| (name.to_owned(), value)));
    };
    optional(&mut schedule, "time_zone", args.time_zone.clone().map(Into::into));
    optional(&mut schedule, "overlap", args.overlap.clone().map(Into::into));
    optional(&mut schedule, "missed", args.missed.clone().map(Into::into));
    let secs = |duration: Duration| duration.as_secs().into();
    optional(&mut schedule, "missed_after_secs", args.missed_after.map(secs));
    optional(&mut job, "queue", args.queue.clone().map(Into::into));
    optional(&mut job, "max_attempts", args.max_attempts.map(Into::into));
    let ms = |duration: Duration| json!(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
    optional(&mut job, "timeout_ms", args.timeout.map(ms));
    optional(
        &mut job,
        "tags",
        (!args.tags.is_empty()).then(|| args.tags.clone().into()),
    );
    optional(&mut job, "start_within_ms", args.start_within.map(ms));
    optional(&mut job, "metadata", metadata(&args.metadata));
    optional(
        &mut job,
        "sensitive",
        (!args.sensitive.is_empty()).then(|| args.sensitive.clone().into()),
    );
    optional(&mut job, "unique", unique(args.unique.clone()));
    // The payload goes in as text, so that its numbers and the order of its keys stay as they are.
    let (schedule, job) = (
        Value::Object(schedule).to_string(),
        Value::Object(job).to_string(),
    );
    Ok(format!(
        "{},\"job\":{},\"payload\":{}}}}}",
        &schedule[..schedule.len() - 1],
        &job[..job.len() - 1],
        payload.get()
    ))
}

async fn preview(client: &Client, args: &PreviewArgs) -> Result<Value, Failure> {
    let after = args.after.map(|time| time.to_rfc3339());
    let Some(name) = &args.name else {
        let mut body = json!({ "cron": args.cron, "count": args.count });
        if let Some(zone) = &args.time_zone {
            body["time_zone"] = zone.as_str().into();
        }
        if let Some(after) = after {
            body["after"] = after.into();
        }
        return client.post_json(&format!("{ROUTE}/preview"), &body).await;
    };
    let mut query = vec![("count", args.count.to_string())];
    query.extend(after.map(|after| ("after", after)));
    client.get(&route(name, "/preview"), &query).await
}

fn print_preview(preview: &Value, json: bool) {
    if json {
        output::json(preview);
        return;
    }
    let columns = ["at", "local"];
    let fires = preview["fires"].as_array().map_or(&[][..], Vec::as_slice);
    output::table(&columns, fires.iter().map(|fire| row(fire, &columns)).collect());
}

fn print(schedule: Value, json: bool) {
    if json {
        output::json(&schedule);
    } else {
        print_table(&[schedule]);
    }
}

fn print_table(schedules: &[Value]) {
    let columns = [
        "name",
        "cron",
        "time_zone",
        "kind",
        "next_fire_at",
        "last_fired_at",
        "paused_at",
        "last_skipped_at",
        "last_skip_reason",
        "last_error",
        "version",
    ];
    output::table(
        &columns,
        schedules.iter().map(|schedule| row(schedule, &columns)).collect(),
    );
}

fn row(object: &Value, columns: &[&str]) -> Vec<String> {
    columns.iter().map(|name| plain(&object[*name])).collect()
}
