//! `tandem dead-letters …`

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use client::{DeadLetterFilter, JobId};

use super::ApiArgs;
use super::many::{ManyArgs, PickArgs};
use crate::time::parse_time;

/// The rates that the api takes.
const RATES: std::ops::RangeInclusive<f64> = 0.001..=1_000.0;

#[derive(Debug, Args)]
pub(crate) struct DeadLettersArgs {
    #[command(flatten)]
    pub(crate) api: ApiArgs,
    #[command(subcommand)]
    pub(crate) command: DeadLettersCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLettersCommand {
    /// List dead letters, the job that was submitted last first
    List {
        #[command(flatten)]
        filter: DeadLetterFilterArgs,
        /// The most dead letters
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Group dead letters by cause, the largest group first
    Groups {
        #[command(flatten)]
        filter: DeadLetterFilterArgs,
        /// The most groups
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u8).range(1..=100))]
        limit: u8,
    },
    /// Queue jobs again, each with all its attempts
    Retry {
        #[command(flatten)]
        selection: SelectionArgs,
        /// How many of the jobs become due per second; all at once, if absent
        #[arg(long, value_parser = parse_rate)]
        rate: Option<f64>,
    },
    /// Decide that jobs need no retry: they stay failed, and are deleted after their retention
    Discard(SelectionArgs),
}

/// Which dead letters are meant: those that fit everything that is given.
#[derive(Clone, Debug, Args)]
pub(crate) struct DeadLetterFilterArgs {
    #[command(flatten)]
    pick: PickArgs,
    /// With a failure of this class, e.g. `timed_out`
    #[arg(long)]
    error_code: Option<String>,
    /// With this cause, as `groups` shows it
    #[arg(long)]
    fingerprint: Option<String>,
    /// Failed at or after this time (RFC 3339)
    #[arg(long, value_parser = parse_time)]
    failed_after: Option<DateTime<Utc>>,
    /// Failed before this time (RFC 3339)
    #[arg(long, value_parser = parse_time)]
    failed_before: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct SelectionArgs {
    /// These jobs
    pub(crate) job_ids: Vec<JobId>,
    #[command(flatten)]
    pub(crate) filter: DeadLetterFilterArgs,
    #[command(flatten)]
    pub(crate) many: ManyArgs,
}

impl From<DeadLetterFilterArgs> for DeadLetterFilter {
    fn from(args: DeadLetterFilterArgs) -> Self {
        Self {
            kind: args.pick.kind,
            queue: args.pick.queue,
            tag: args.pick.tag,
            error_code: args.error_code,
            fingerprint: args.fingerprint,
            failed_after: args.failed_after,
            failed_before: args.failed_before,
        }
    }
}

/// Reads a number of jobs per second.
fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| RATES.contains(rate));
    rate.ok_or_else(|| format!("must be a number from {} to {}", RATES.start(), RATES.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_that_the_api_takes() {
        assert_eq!(parse_rate("0.5"), Ok(0.5));
        for wrong in ["", "0", "-1", "NaN", "inf", "1001", "ten"] {
            assert!(parse_rate(wrong).is_err(), "{wrong}");
        }
    }
}
