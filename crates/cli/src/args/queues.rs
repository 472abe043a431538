//! `tandem queues …`

use clap::{Args, Subcommand};

use super::ApiArgs;

#[derive(Debug, Args)]
pub(crate) struct QueuesArgs {
    #[command(flatten)]
    pub(crate) api: ApiArgs,
    #[command(subcommand)]
    pub(crate) command: QueuesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QueuesCommand {
    /// List the lanes: what waits in them, how fast it goes, and which are paused
    List,
    /// Start no more jobs of a lane; those that run go on. Needs a key with the scope `ops`
    Pause {
        /// The lane
        name: String,
        /// Why, for whoever looks
        #[arg(long)]
        reason: Option<String>,
        /// For all tenants: operators only
        #[arg(long)]
        everyone: bool,
    },
    /// Let jobs of a lane start again. Needs a key with the scope `ops`
    Resume {
        /// The lane
        name: String,
        /// End the pause for all tenants: operators only
        #[arg(long)]
        everyone: bool,
    },
}
