//! The command line.

mod audit;
mod dead_letters;
mod endpoints;
mod jobs;
mod keys;
mod schedules;
mod tenants;
mod users;

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::time::{parse_duration, parse_time};

pub(crate) use audit::{AuditArgs, AuditCommand, AuditListArgs, KnownHead};
pub(crate) use dead_letters::{DeadLettersArgs, DeadLettersCommand, FilterArgs, SelectionArgs};
pub(crate) use endpoints::{EndpointsArgs, EndpointsCommand, PutEndpointArgs};
pub(crate) use jobs::{ChangeArgs, JobFilterArgs};
pub(crate) use keys::{CreateKeyArgs, KeysArgs, KeysCommand};
pub(crate) use schedules::{PreviewArgs, PutArgs, SchedulesArgs, SchedulesCommand};
pub(crate) use tenants::{TenantsArgs, TenantsCommand};
pub(crate) use users::{UsersArgs, UsersCommand};

/// Tandem: a job platform that a team runs in its own AWS account.
///
/// Exit codes: 0 done; 1 the command failed; 2 the command line makes no sense; 3 `wait`, `watch`: the job ended, but did
/// not succeed; 4 `wait`: the time was up.
#[derive(Debug, Parser)]
#[command(name = "tandem", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything on this machine: a private Postgres, the api and a worker, with a tenant and a key
    Dev(DevArgs),
    /// Bring a database's schema up to date
    Migrate(DatabaseArgs),
    /// Make tenants, look them up and limit them
    Tenants(TenantsArgs),
    /// Make, rotate and revoke API keys
    Keys(KeysArgs),
    /// Submit jobs and look after them
    Jobs(JobsArgs),
    /// Look at jobs that failed for good, and retry or discard many at a time
    DeadLetters(DeadLettersArgs),
    /// Keep HTTP targets by name, and rotate their signing secrets; changes need a key with the scope `ops`
    Endpoints(EndpointsArgs),
    /// Make jobs by cron
    Schedules(SchedulesArgs),
    /// Make users of the tenant and look them up; needs a key with the scope `admin`
    Users(UsersArgs),
    /// Read the log of who did what, and check that it is whole; needs a key with the scope `admin`
    Audit(AuditArgs),
    /// Receive what jobs of kind `http.request` send, and show it: for trying things out
    Receive(ReceiveArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    /// The port of the api; the next free one, if it is taken
    #[arg(long, default_value_t = 8080)]
    pub(crate) port: u16,
    /// Where the database's files and the credentials are kept between runs
    #[arg(long, default_value = ".tandem")]
    pub(crate) folder: PathBuf,
    /// How many jobs run at a time
    #[arg(long, default_value_t = 50)]
    pub(crate) concurrency: usize,
}

#[derive(Debug, Args)]
pub(crate) struct ReceiveArgs {
    /// The port
    #[arg(long, default_value_t = 9000)]
    pub(crate) port: u16,
    /// The status to answer with
    #[arg(long, default_value_t = 200)]
    pub(crate) status: u16,
    /// The signing secret of the tenant or of an endpoint, to check signatures with; may be repeated, or hold several with
    /// commas between them, as during a rotation
    #[arg(
        long,
        env = "TANDEM_WEBHOOK_SECRET",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub(crate) webhook_secret: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DatabaseArgs {
    /// The database, as a role that may become `tandem_owner` (for `migrate`: that may create roles)
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: String,
}

/// How to reach the api, and what to print.
#[derive(Debug, Args)]
pub(crate) struct ApiArgs {
    /// Where the api is
    #[arg(
        long,
        env = "TANDEM_URL",
        default_value = "http://127.0.0.1:8080",
        global = true
    )]
    pub(crate) url: String,
    /// The API key
    #[arg(
        long,
        env = "TANDEM_API_KEY",
        hide_env_values = true,
        default_value = "",
        global = true
    )]
    pub(crate) api_key: String,
    /// Print JSON instead of a table
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct JobsArgs {
    #[command(flatten)]
    pub(crate) api: ApiArgs,
    #[command(subcommand)]
    pub(crate) command: JobsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// Submit a job
    Submit(Box<SubmitArgs>),
    /// Show a job with its attempts
    Get {
        /// The job's id
        id: String,
    },
    /// List jobs, newest first
    List(ListArgs),
    /// Cancel a job, also a running one; or many, by filter
    Cancel(ChangeArgs),
    /// Queue a failed, cancelled or expired job again; or many, by filter
    Retry(ChangeArgs),
    /// Wait for a job's end, showing what happens to it
    Wait {
        /// The job's id
        id: String,
        /// Give up after this, with exit code 4
        #[arg(long, value_parser = parse_duration)]
        timeout: Option<Duration>,
    },
    /// Print what has happened to a job and what happens to it, until its end
    Watch {
        /// The job's id
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SubmitArgs {
    /// Names the handler, e.g. `http.request`
    pub(crate) kind: String,
    /// What the handler gets: JSON, `@file`, or `-` for standard input
    #[arg(long, short, default_value = "null")]
    pub(crate) payload: String,
    /// The lane
    #[arg(long)]
    pub(crate) queue: Option<String>,
    /// Start no earlier than this time (RFC 3339)
    #[arg(long, value_parser = parse_time, conflicts_with = "delay")]
    pub(crate) run_at: Option<DateTime<Utc>>,
    /// Start no earlier than this from now
    #[arg(long, value_parser = parse_duration)]
    pub(crate) delay: Option<Duration>,
    /// Give up when it was not started by this time (RFC 3339)
    #[arg(long, value_parser = parse_time)]
    pub(crate) start_by: Option<DateTime<Utc>>,
    /// The most attempts
    #[arg(long)]
    pub(crate) max_attempts: Option<u32>,
    /// How long one attempt may take
    #[arg(long, value_parser = parse_duration)]
    pub(crate) timeout: Option<Duration>,
    /// A label for finding it again; may be repeated
    #[arg(long = "tag")]
    pub(crate) tags: Vec<String>,
    /// Makes repeating this command harmless for a day; random, if absent
    #[arg(long)]
    pub(crate) idempotency_key: Option<String>,
    /// Wait for its end, as `wait` does
    #[arg(long)]
    pub(crate) wait: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) filter: JobFilterArgs,
    /// The most jobs
    #[arg(long, default_value_t = 20)]
    pub(crate) limit: usize,
}
