//! What commands about jobs and about dead letters take alike.

use clap::Args;

/// What jobs are picked by, whether they are dead letters or not.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PickArgs {
    /// Of this kind
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// In this lane
    #[arg(long)]
    pub(crate) queue: Option<String>,
    /// With this label
    #[arg(long)]
    pub(crate) tag: Option<String>,
}

/// How a command about many is meant.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct ManyArgs {
    /// All that it can be done to
    #[arg(long)]
    pub(crate) all: bool,
    /// Only tell how many are meant
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask; needed for many without a terminal
    #[arg(long, short)]
    pub(crate) yes: bool,
}
