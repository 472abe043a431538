//! `tandem tenants …`

use std::str::FromStr;

use clap::{Args, Subcommand};
use client::TenantId;

use super::ApiArgs;

#[derive(Debug, Args)]
pub(crate) struct TenantsArgs {
    #[command(flatten)]
    pub(crate) api: ApiArgs,
    #[command(subcommand)]
    pub(crate) command: TenantsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TenantsCommand {
    /// Make a tenant; prints its id and its webhook signing secret
    ///
    /// At the database when it is given. By the api otherwise, with a key of a tenant that operates the others; then the
    /// tenant's first key is printed too.
    Create {
        /// Its name, unique
        name: String,
        /// Have its keys with the scope `admin` manage all tenants
        #[arg(long, requires = "database_url")]
        operator: bool,
        /// The database, as a role that may become `tandem_owner`
        #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
        database_url: Option<String>,
    },
    /// List the tenants that the key may see, newest first
    List {
        /// The most tenants
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Show a tenant
    Get {
        /// The tenant's id
        id: TenantId,
    },
    /// Rename or limit a tenant; needs a key of a tenant that operates the others
    Update {
        /// The tenant's id
        id: TenantId,
        /// Its name, unique
        #[arg(long)]
        name: Option<String>,
        /// Requests per second and key; `none` for the platform's default
        #[arg(long)]
        rate_limit_per_second: Option<Limit>,
        /// Requests at once and key; `none` for the platform's default
        #[arg(long)]
        rate_limit_burst: Option<Limit>,
        /// The most jobs that run at once; `none` for no limit
        #[arg(long)]
        max_running_jobs: Option<Limit>,
        /// The most jobs that wait; `none` for no limit
        #[arg(long)]
        max_queued_jobs: Option<Limit>,
    },
}

/// A number, or none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit(pub(crate) Option<u32>);

impl FromStr for Limit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self(None)),
            number => number
                .parse()
                .map(|number| Self(Some(number)))
                .map_err(|_| "must be a whole number, or none"),
        }
    }
}
