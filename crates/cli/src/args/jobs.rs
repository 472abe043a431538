//! What several of `tandem jobs …` take.

use chrono::{DateTime, Utc};
use clap::Args;
use client::{JobFilter, JobId, JobState};

use super::many::{ManyArgs, PickArgs};
use crate::time::parse_time;

/// Which jobs are meant: those that fit everything that is given.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct JobFilterArgs {
    /// In this state
    #[arg(long)]
    state: Option<JobState>,
    #[command(flatten)]
    pick: PickArgs,
    /// Submitted at or after this time (RFC 3339)
    #[arg(long, value_parser = parse_time)]
    created_after: Option<DateTime<Utc>>,
    /// Submitted before this time (RFC 3339)
    #[arg(long, value_parser = parse_time)]
    created_before: Option<DateTime<Utc>>,
}

/// One job, or many.
#[derive(Clone, Debug, Args)]
pub(crate) struct ChangeArgs {
    /// The job's id
    pub(crate) id: Option<JobId>,
    #[command(flatten)]
    pub(crate) filter: JobFilterArgs,
    #[command(flatten)]
    pub(crate) many: ManyArgs,
}

impl From<JobFilterArgs> for JobFilter {
    fn from(args: JobFilterArgs) -> Self {
        Self {
            state: args.state,
            kind: args.pick.kind,
            queue: args.pick.queue,
            tag: args.pick.tag,
            created_after: args.created_after,
            created_before: args.created_before,
        }
    }
}
