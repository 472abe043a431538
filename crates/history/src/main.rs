//! `history <folder>`: checks a chaos run that was kept, again.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use history::{History, check};

/// Checks the history of a chaos run. Ends with 0 when every promise was kept, with 1 when one was broken, and with 2
/// when the folder holds no history.
#[derive(Parser)]
struct Cli {
    /// The folder of the run.
    folder: PathBuf,
    /// Print the whole report as JSON.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match report(&cli) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Without a standard error there is nobody to tell.
            drop(writeln!(io::stderr(), "error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Prints the report; answers whether every promise was kept.
fn report(cli: &Cli) -> anyhow::Result<bool> {
    let report = check(&History::read(&cli.folder)?);
    let mut out = io::stdout().lock();
    if cli.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        write!(out, "{report}")?;
    }
    Ok(report.holds())
}
