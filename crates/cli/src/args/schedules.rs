//! `tandem schedules …`

use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand, ValueEnum};
use client::{MissedPolicy, OverlapPolicy};
use runtime::duration;

use super::ApiArgs;
use super::submit::{UniqueArgs, parse_pair};
use crate::time::parse_time;

#[derive(Debug, Args)]
pub(crate) struct SchedulesArgs {
    #[command(flatten)]
    pub(crate) api: ApiArgs,
    #[command(subcommand)]
    pub(crate) command: SchedulesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SchedulesCommand {
    /// List schedules, newest first
    List {
        /// The most schedules
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Show a schedule
    Get {
        /// Its name
        name: String,
    },
    /// Make a schedule, or replace the one of this name: what is left out has its default
    Put(Box<PutArgs>),
    /// Delete a schedule; the jobs that it made go on
    Delete {
        /// Its name
        name: String,
    },
    /// Stop a schedule from firing until it is resumed
    Pause {
        /// Its name
        name: String,
    },
    /// Have a paused schedule fire again
    Resume {
        /// Its name
        name: String,
    },
    /// Make one of its jobs now
    Fire {
        /// Its name
        name: String,
        /// Makes repeating this command harmless for a day; random, if absent
        #[arg(long)]
        idempotency_key: Option<String>,
    },
    /// Show when a schedule fires next, or when one with an expression would
    Preview(PreviewArgs),
}

#[derive(Debug, Args)]
pub(crate) struct PutArgs {
    /// Its name
    pub(crate) name: String,
    /// Names the handler of its jobs, e.g. `http.request`
    pub(crate) kind: String,
    /// When it fires: minute, hour, day of month, month and day of week, or `@hourly`, `@daily`, …
    #[arg(long)]
    pub(crate) cron: String,
    /// The zone whose clocks `--cron` is about, e.g. `Europe/Berlin`; UTC, if absent
    #[arg(long)]
    pub(crate) time_zone: Option<String>,
    /// What it does while its previous job has not ended; `skip` by default
    #[arg(long)]
    pub(crate) overlap: Option<Overlap>,
    /// What it does about fire times that no worker was there for; `latest` by default
    #[arg(long)]
    pub(crate) missed: Option<Missed>,
    /// How old a fire time may be before it counts as missed
    #[arg(long, value_parser = duration::parse)]
    pub(crate) missed_after: Option<Duration>,
    /// What the handler gets: JSON, `@file`, or `-` for standard input
    #[arg(long, short, default_value = "null")]
    pub(crate) payload: String,
    /// The lane of its jobs
    #[arg(long)]
    pub(crate) queue: Option<String>,
    /// The most attempts of its jobs
    #[arg(long)]
    pub(crate) max_attempts: Option<u32>,
    /// How long one attempt may take
    #[arg(long, value_parser = duration::parse)]
    pub(crate) timeout: Option<Duration>,
    /// A label of its jobs; may be repeated
    #[arg(long = "tag")]
    pub(crate) tags: Vec<String>,
    /// Give a job up that was not started so long after it was made
    #[arg(long, value_parser = duration::parse)]
    pub(crate) start_within: Option<Duration>,
    /// Something to know about its jobs, as `key=value`; may be repeated
    #[arg(long, value_parser = parse_pair)]
    pub(crate) metadata: Vec<(String, String)>,
    /// A JSON Pointer to what of the payload is personal, e.g. `/card/number`; may be repeated
    #[arg(long)]
    pub(crate) sensitive: Vec<String>,
    #[command(flatten)]
    pub(crate) unique: UniqueArgs,
    /// Only make it: fail if there is one of this name
    #[arg(long, conflicts_with = "if_version")]
    pub(crate) only_new: bool,
    /// Only replace this version of it
    #[arg(long)]
    pub(crate) if_version: Option<u32>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Overlap {
    /// Make another job beside it
    Allow,
    /// Make none
    Skip,
    /// Cancel it, and make another one
    CancelPrevious,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Missed {
    /// Nothing
    Skip,
    /// Make one job, for the newest of them
    Latest,
    /// Make a job for each of them, for the newest 100 at most
    All,
}

impl From<Overlap> for OverlapPolicy {
    fn from(overlap: Overlap) -> Self {
        match overlap {
            Overlap::Allow => Self::Allow,
            Overlap::Skip => Self::Skip,
            Overlap::CancelPrevious => Self::CancelPrevious,
        }
    }
}

impl From<Missed> for MissedPolicy {
    fn from(missed: Missed) -> Self {
        match missed {
            Missed::Skip => Self::Skip,
            Missed::Latest => Self::Latest,
            Missed::All => Self::All,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct PreviewArgs {
    /// The schedule's name
    #[arg(required_unless_present = "cron", conflicts_with_all = ["cron", "time_zone"])]
    pub(crate) name: Option<String>,
    /// An expression, in place of a schedule
    #[arg(long)]
    pub(crate) cron: Option<String>,
    /// The zone of the expression; UTC, if absent
    #[arg(long, requires = "cron")]
    pub(crate) time_zone: Option<String>,
    /// How many fire times
    #[arg(long, default_value_t = 10)]
    pub(crate) count: u32,
    /// Those after this time (RFC 3339); now, if absent
    #[arg(long, value_parser = parse_time)]
    pub(crate) after: Option<DateTime<Utc>>,
}
