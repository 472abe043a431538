//! What several of `tandem jobs …` take.

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;
use domain::JobState;

use crate::time::parse_time;

/// Which jobs are meant: those that fit everything that is given.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct JobFilterArgs {
    /// In this state
    #[arg(long)]
    pub(crate) state: Option<JobState>,
    /// Of this kind
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// In this lane
    #[arg(long)]
    pub(crate) queue: Option<String>,
    /// With this label
    #[arg(long)]
    pub(crate) tag: Option<String>,
    /// Submitted at or after this time (RFC 3339)
    #[arg(long, value_parser = parse_time)]
    pub(crate) created_after: Option<DateTime<Utc>>,
    /// Submitted before this time (RFC 3339)
    #[arg(long, value_parser = parse_time)]
    pub(crate) created_before: Option<DateTime<Utc>>,
}

/// One job, or many.
#[derive(Clone, Debug, Args)]
pub(crate) struct ChangeArgs {
    /// The job's id
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) filter: JobFilterArgs,
    /// All jobs that it can be done to
    #[arg(long)]
    pub(crate) all: bool,
    /// Only tell how many jobs are meant
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask; needed for many jobs without a terminal
    #[arg(long, short)]
    pub(crate) yes: bool,
}

impl JobFilterArgs {
    /// The filter's fields by their names in queries and bodies.
    pub(crate) fn fields(&self) -> [(&'static str, Option<String>); 6] {
        let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        [
            ("state", self.state.map(|state| state.to_string())),
            ("kind", self.kind.clone()),
            ("queue", self.queue.clone()),
            ("tag", self.tag.clone()),
            ("created_after", self.created_after.map(time)),
            ("created_before", self.created_before.map(time)),
        ]
    }
}
