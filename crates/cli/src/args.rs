//! The command line.

mod audit;
mod dead_letters;
mod endpoints;
mod jobs;
mod keys;
mod kinds;
mod many;
mod queues;
mod schedules;
mod setup;
mod submit;
mod tenants;
mod users;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use client::JobId;
use runtime::duration;

pub(crate) use audit::{AuditArgs, AuditCommand, AuditListArgs, KnownHead};
pub(crate) use dead_letters::{DeadLettersArgs, DeadLettersCommand, SelectionArgs};
pub(crate) use endpoints::{EndpointsArgs, EndpointsCommand, PutEndpointArgs};
pub(crate) use jobs::{ChangeArgs, JobFilterArgs};
pub(crate) use keys::{CreateKeyArgs, KeysArgs, KeysCommand};
pub(crate) use kinds::{KindsArgs, KindsCommand};
pub(crate) use many::ManyArgs;
pub(crate) use queues::{QueuesArgs, QueuesCommand};
pub(crate) use schedules::{PreviewArgs, PutArgs, SchedulesArgs, SchedulesCommand};
pub(crate) use setup::{FoundOperatorArgs, MigrateArgs};
pub(crate) use submit::{OnConflict, SubmitArgs, UniqueArgs};
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
    /// Bring a database's schema up to date; with secrets, also make the logins of the programs, and the pepper
    Migrate(MigrateArgs),
    /// Make the tenant that operates the others, and put its first key, with the scope `admin`, into a secret
    FoundOperator(FoundOperatorArgs),
    /// Make tenants, look them up and limit them
    Tenants(TenantsArgs),
    /// Make, rotate and revoke API keys
    Keys(KeysArgs),
    /// Submit jobs and look after them
    Jobs(JobsArgs),
    /// Look at what jobs can be
    Kinds(KindsArgs),
    /// Look at jobs that failed for good, and retry or discard many at a time
    DeadLetters(DeadLettersArgs),
    /// Keep HTTP targets by name, and rotate their signing secrets; changes need a key with the scope `ops`
    Endpoints(EndpointsArgs),
    /// Make jobs by cron
    Schedules(SchedulesArgs),
    /// See what waits in the lanes, and pause and resume them
    Queues(QueuesArgs),
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
        id: JobId,
    },
    /// List jobs, newest first
    List(ListArgs),
    /// Cancel a job, also a running one; or many, by filter
    Cancel(ChangeArgs),
    /// Queue a failed, cancelled or expired job again; or many, by filter
    Retry(ChangeArgs),
    /// Say why a job is not running, and when it is expected to
    Explain {
        /// The job's id
        id: JobId,
    },
    /// Wait for a job's end, showing what happens to it
    Wait {
        /// The job's id
        id: JobId,
        /// Give up after this, with exit code 4
        #[arg(long, value_parser = duration::parse)]
        timeout: Option<Duration>,
    },
    /// Print what has happened to a job and what happens to it, until its end
    Watch {
        /// The job's id
        id: JobId,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) filter: JobFilterArgs,
    /// The most jobs
    #[arg(long, default_value_t = 20)]
    pub(crate) limit: usize,
}
