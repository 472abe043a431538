//! `tandem keys …`

use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use client::{KeyId, Scope};
use runtime::duration;

use super::ApiArgs;
use crate::time::parse_time;

#[derive(Debug, Args)]
pub(crate) struct KeysArgs {
    #[command(flatten)]
    pub(crate) api: ApiArgs,
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// List the tenant's keys, newest first
    List {
        /// The most keys
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Show a key, without its secret
    Get {
        /// The key's id: the third part of the key
        id: KeyId,
    },
    /// Make a key; it is printed once and can't be read again
    ///
    /// By the api, with a key that has the scope `admin`. A tenant's first key is made at the database: give --tenant, and
    /// set `TANDEM_KEY_PEPPER` and `TANDEM_KEY_ENVIRONMENT` as for the api processes that should accept it.
    Create(CreateKeyArgs),
    /// Make another key in a key's place, which works for a while yet
    Rotate {
        /// The key's id: the third part of the key
        id: KeyId,
        /// How long the old key works yet
        #[arg(long, value_parser = duration::parse, default_value = "24h")]
        overlap: Duration,
        /// When the new key stops working (RFC 3339); by default it lives as long as the old one was meant to
        #[arg(long, value_parser = parse_time)]
        expires_at: Option<DateTime<Utc>>,
    },
    /// Stop a key from working, within five seconds on all processes
    Revoke {
        /// The key's id: the third part of the key
        id: KeyId,
        /// Do it at the database: for a key of any tenant, without a key of one's own
        #[arg(long)]
        at_database: bool,
        #[arg(
            long,
            env = "DATABASE_URL",
            hide_env_values = true,
            default_value = "",
            help = "The database, for --at-database"
        )]
        database_url: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CreateKeyArgs {
    /// The tenant's name: makes the key at the database, without a key of one's own
    #[arg(long, requires = "database_url")]
    pub(crate) tenant: Option<String>,
    /// What the key is for
    #[arg(long)]
    pub(crate) name: String,
    /// What it may do
    #[arg(long, value_delimiter = ',', default_value = "jobs:read,jobs:write")]
    pub(crate) scopes: Vec<Scope>,
    /// The user whose key it is
    #[arg(long, conflicts_with = "tenant", value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) user_id: Option<i64>,
    /// When it stops working, from now; never, if absent
    #[arg(long, value_parser = duration::parse)]
    pub(crate) expires_in: Option<Duration>,
    /// The database, for --tenant
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,
}
