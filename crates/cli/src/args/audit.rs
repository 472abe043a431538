//! `tandem audit …`

use std::str::FromStr;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use domain::AuditHash;

use super::ApiArgs;
use crate::time::parse_time;

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    pub(crate) api: ApiArgs,
    #[command(subcommand)]
    pub(crate) command: AuditCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// List what was done, newest first
    List(AuditListArgs),
    /// Check that nobody has changed, dropped or inserted an entry
    Verify {
        /// A head that an earlier check has printed: also check that the log goes on from there
        #[arg(long, value_name = "NUMBER:HASH")]
        since: Option<KnownHead>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct AuditListArgs {
    /// Of this action, e.g. `key.create`
    #[arg(long)]
    pub(crate) action: Option<String>,
    /// About this: an id or a name
    #[arg(long)]
    pub(crate) target: Option<String>,
    /// By this key: the third part of the key
    #[arg(long)]
    pub(crate) key_id: Option<String>,
    /// Done at or after this time (RFC 3339)
    #[arg(long, value_parser = parse_time)]
    pub(crate) after: Option<DateTime<Utc>>,
    /// Done before this time (RFC 3339)
    #[arg(long, value_parser = parse_time)]
    pub(crate) before: Option<DateTime<Utc>>,
    /// The most entries
    #[arg(long, default_value_t = 20)]
    pub(crate) limit: usize,
}

/// The newest entry of a log at some time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownHead {
    pub(crate) number: i64,
    pub(crate) hash: AuditHash,
}

impl FromStr for KnownHead {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (number, hash) = text.split_once(':')?;
            Some(Self {
                number: number.parse().ok()?,
                hash: AuditHash::parse(hash)?,
            })
        };
        read().ok_or("must be a number, a colon and 64 hexadecimal digits, as `verify` prints them")
    }
}
