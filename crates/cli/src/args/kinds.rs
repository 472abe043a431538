//! `tandem kinds …`

use clap::{Args, Subcommand};

use super::ApiArgs;

#[derive(Debug, Args)]
pub(crate) struct KindsArgs {
    #[command(flatten)]
    pub(crate) api: ApiArgs,
    #[command(subcommand)]
    pub(crate) command: KindsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KindsCommand {
    /// List the kinds that workers have declared; with --json also what their payloads look like
    List,
}
