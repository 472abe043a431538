//! `tandem users …`

use clap::{Args, Subcommand};

use super::ApiArgs;

#[derive(Debug, Args)]
pub(crate) struct UsersArgs {
    #[command(flatten)]
    pub(crate) api: ApiArgs,
    #[command(subcommand)]
    pub(crate) command: UsersCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UsersCommand {
    /// List users, newest first
    List {
        /// The most users
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Make a user
    Create {
        /// What they are called
        #[arg(long)]
        name: String,
        /// Their e-mail address, unique within the tenant
        #[arg(long)]
        email: String,
    },
    /// Show a user
    Get {
        /// The user's id
        #[arg(value_parser = clap::value_parser!(i64).range(1..))]
        id: i64,
    },
}
