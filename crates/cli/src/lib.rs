//! `tandem`: everything on one machine (`dev`), the operator's commands at the database (`migrate`, `found-operator`, and the first of
//! `tenants` and `keys`) and the client's (all others).
//!
//! Standard output has what was asked for, as a table or with `--json` as JSON, so it can be piped; everything else goes
//! to standard error. The exit codes are in [`failure::ExitStatus`].

mod access;
mod admin;
mod args;
mod audit;
mod bulk;
mod consent;
mod dead_letters;
mod dev;
mod endpoints;
mod explain;
mod failure;
mod held_key;
mod jobs;
mod keys;
mod kinds;
mod operator;
mod output;
mod progress;
mod queues;
mod receive;
mod schedules;
mod setup;
mod tenants;
mod time;
mod users;
mod wait;
mod watch;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::args::{Cli, Command};
use crate::failure::Failure;

/// Runs the command line of this process.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::from(error).report(),
    };
    match runtime.block_on(execute(cli)) {
        Ok(status) => status.into(),
        Err(failure) => failure.report(),
    }
}

async fn execute(cli: Cli) -> Result<failure::ExitStatus, Failure> {
    match cli.command {
        Command::Dev(args) => dev::run(args).await,
        Command::Migrate(args) => setup::migrate(&args).await,
        Command::FoundOperator(args) => operator::found(&args).await,
        Command::Tenants(args) => tenants::run(args).await,
        Command::Keys(args) => keys::run(args).await,
        Command::Jobs(args) => jobs::run(args).await,
        Command::Kinds(args) => kinds::run(args).await,
        Command::DeadLetters(args) => dead_letters::run(args).await,
        Command::Endpoints(args) => endpoints::run(args).await,
        Command::Schedules(args) => schedules::run(args).await,
        Command::Queues(args) => queues::run(args).await,
        Command::Users(args) => users::run(args).await,
        Command::Audit(args) => audit::run(args).await,
        Command::Receive(args) => receive::run(args).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "tandem", &mut script);
            output::raw(&script);
            Ok(failure::ExitStatus::Done)
        }
    }
}
