//! `tandem schedules …`: what makes jobs by cron.

use client::{
    Client, Expected, PreviewRange, PreviewSchedule, PutSchedule, Schedule, SchedulePreview, ScheduledJob,
};

use crate::access;
use crate::args::{PreviewArgs, PutArgs, SchedulesArgs, SchedulesCommand};
use crate::failure::{ExitStatus, Failure};
use crate::jobs::{ms, read_payload, unique};
use crate::output::{self, optional, optional_time};

pub(crate) async fn run(args: SchedulesArgs) -> Result<ExitStatus, Failure> {
    let json = args.api.json;
    let client = access::connect(&args.api)?;
    match args.command {
        SchedulesCommand::List { limit } => {
            access::show_list(client.schedules().limit(limit), json, print_table).await?;
        }
        SchedulesCommand::Get { name } => access::show(client.schedule(&name), json, print).await?,
        SchedulesCommand::Put(args) => {
            let expected = match (args.only_new, args.if_version) {
                (true, _) => Expected::Nothing,
                (false, Some(version)) => Expected::Version(version),
                (false, None) => Expected::Anything,
            };
            let name = args.name.clone();
            let put = client.put_schedule(&name, &schedule(*args)?, expected);
            access::show(put, json, print).await?;
        }
        SchedulesCommand::Delete { name } => {
            client.delete_schedule(&name, None).await?;
            output::note(&format!("the schedule {name} is deleted"));
        }
        SchedulesCommand::Pause { name } => access::show(client.pause_schedule(&name), json, print).await?,
        SchedulesCommand::Resume { name } => access::show(client.resume_schedule(&name), json, print).await?,
        SchedulesCommand::Fire {
            name,
            idempotency_key,
        } => {
            let fire = match idempotency_key {
                Some(key) => client.fire_schedule_once(&name, &key),
                None => client.fire_schedule(&name),
            };
            access::show(fire, json, |job| {
                let row = [job.id.to_string(), job.kind, job.queue, job.state.to_string()];
                output::table(["id", "kind", "queue", "state"], [row]);
            })
            .await?;
        }
        SchedulesCommand::Preview(args) => preview(&client, args, json).await?,
    }
    Ok(ExitStatus::Done)
}

fn schedule(args: PutArgs) -> Result<PutSchedule, Failure> {
    Ok(PutSchedule {
        cron: args.cron,
        time_zone: args.time_zone,
        overlap: args.overlap.map(Into::into),
        missed: args.missed.map(Into::into),
        missed_after_secs: args.missed_after.map(|duration| duration.as_secs()),
        job: ScheduledJob {
            kind: args.kind,
            payload: Some(read_payload(&args.payload)?),
            queue: args.queue,
            max_attempts: args.max_attempts,
            timeout_ms: args.timeout.map(ms),
            tags: args.tags,
            start_within_ms: args.start_within.map(ms),
            metadata: args.metadata.into_iter().collect(),
            sensitive: args.sensitive,
            unique: unique(args.unique),
            ..ScheduledJob::default()
        },
    })
}

async fn preview(client: &Client, args: PreviewArgs, json: bool) -> Result<(), Failure> {
    let range = PreviewRange {
        count: Some(args.count),
        after: args.after,
    };
    let preview = match args.name {
        Some(name) => client.preview_schedule(&name, range),
        None => client.preview_expression(&PreviewSchedule {
            cron: args.cron.unwrap_or_default(),
            time_zone: args.time_zone,
            range,
        }),
    };
    access::show(preview, json, print_preview).await
}

fn print_preview(preview: SchedulePreview) {
    let fires = preview.fires.into_iter();
    output::table(
        ["at", "local"],
        fires.map(|fire| [output::time(fire.at), output::time(fire.local)]),
    );
}

fn print(schedule: Schedule) {
    print_table(vec![schedule]);
}

fn print_table(schedules: Vec<Schedule>) {
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
    let rows = schedules.into_iter().map(|schedule| {
        [
            schedule.name,
            schedule.cron,
            schedule.time_zone,
            schedule.kind,
            optional_time(schedule.next_fire_at),
            optional_time(schedule.last_fired_at),
            optional_time(schedule.paused_at),
            optional_time(schedule.last_skipped_at),
            optional(schedule.last_skip_reason),
            optional(schedule.last_error),
            schedule.version.to_string(),
        ]
    });
    output::table(columns, rows);
}
