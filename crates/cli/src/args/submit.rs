//! `tandem jobs submit …`

use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use runtime::duration;

use crate::time::parse_time;

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
    #[arg(long, value_parser = duration::parse)]
    pub(crate) delay: Option<Duration>,
    /// Give up when it was not started by this time (RFC 3339)
    #[arg(long, value_parser = parse_time)]
    pub(crate) start_by: Option<DateTime<Utc>>,
    /// The most attempts
    #[arg(long)]
    pub(crate) max_attempts: Option<u32>,
    /// How long one attempt may take
    #[arg(long, value_parser = duration::parse)]
    pub(crate) timeout: Option<Duration>,
    /// A label for finding it again; may be repeated
    #[arg(long = "tag")]
    pub(crate) tags: Vec<String>,
    /// Something to know about it, as `key=value`; may be repeated
    #[arg(long, value_parser = parse_pair)]
    pub(crate) metadata: Vec<(String, String)>,
    /// A JSON Pointer to what of the payload is personal, e.g. `/card/number`; may be repeated
    #[arg(long)]
    pub(crate) sensitive: Vec<String>,
    #[command(flatten)]
    pub(crate) unique: UniqueArgs,
    /// Makes repeating this command harmless for a day; random, if absent
    #[arg(long)]
    pub(crate) idempotency_key: Option<String>,
    /// Wait for its end, as `wait` does
    #[arg(long)]
    pub(crate) wait: bool,
}

/// That no other job does the same work.
#[derive(Clone, Debug, Args)]
pub(crate) struct UniqueArgs {
    /// Submit only if no job of this kind with this key lives
    #[arg(long = "unique", value_name = "KEY", conflicts_with = "unique_fields")]
    pub(crate) unique_key: Option<String>,
    /// The same, with a value of the payload as the key, by its JSON Pointer; may be repeated
    #[arg(long = "unique-field", value_name = "POINTER")]
    pub(crate) unique_fields: Vec<String>,
    /// The job keeps others away for so long, instead of until its end
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub(crate) unique_for: Option<Duration>,
    /// What to do when there is one; `return` by default
    #[arg(long)]
    pub(crate) on_conflict: Option<OnConflict>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum OnConflict {
    /// Show that job
    Return,
    /// Take its place, if it has not started
    Replace,
    /// Fail
    Reject,
}

pub(super) fn parse_pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("must be key=value")?;
    Ok((key.to_owned(), value.to_owned()))
}
