//! `tandem-deploy`: brings a release into an environment, and takes it back.
//!
//! Workflows and runbooks only call it. What an environment consists of it reads from the SSM parameter `/<name>/deploy`,
//! which Terraform writes; what to release it is told by digest. Each command looks first ([`look`]), decides what has to be
//! done without asking anybody ([`plan`]), and does it ([`release`], [`rollback`]). So a command that was killed is run again,
//! and goes on from whatever it finds.
//!
//! The order, and what the parameters mean at each moment, are in `docs/adr/0024-deploy-is-a-program.md`. Standard output has
//! what was asked for, standard error a line for each change that was waited for. The exit codes are in [`failure::Exit`].

mod alarms;
mod args;
mod aws;
mod digest;
mod environment;
mod failure;
mod hold;
mod images;
mod look;
mod migrate;
mod output;
mod plan;
mod promote;
mod record;
mod release;
mod revert;
mod rollback;
mod rolling;
mod session;
mod shift;
mod status;
mod verify;
mod wait;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Command};
use crate::failure::{Exit, Failure};

/// Runs the command line of this process.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::failed(format!("the runtime can't be started: {error}")).report(),
    };
    match runtime.block_on(execute(cli.command)) {
        Ok(exit) => exit.into(),
        Err(failure) => failure.report(),
    }
}

async fn execute(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Migrate(args) => migrate::run(&args).await,
        Command::Release(args) => release::run(&args).await,
        Command::Verify(args) => verify::run(&args).await,
        Command::Rollback(args) => rollback::run(&args).await,
        Command::Promote(args) => promote::run(&args).await,
        Command::Status(args) => status::run(&args).await,
    }
}
