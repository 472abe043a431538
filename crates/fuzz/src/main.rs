//! `fuzz`: see the library. `cargo xtask fuzz` builds it as it ships and runs it.

use std::num::NonZero;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use fuzz::{Dose, TARGETS, Target, run};

/// Tries parsers with inputs that may be anything.
#[derive(Debug, Parser)]
struct Arguments {
    /// Inputs per target.
    #[arg(long, default_value_t = 10_000_000)]
    executions: u64,
    /// Only these targets; all of them, if absent.
    #[arg(long = "target", value_parser = named)]
    targets: Vec<Target>,
    /// The same seed and number of threads try the same inputs, but for what is signed, with the time.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// As many as there are cores, if absent.
    #[arg(long)]
    threads: Option<u64>,
}

fn named(name: &str) -> Result<Target, String> {
    let found = TARGETS.iter().find(|target| target.name == name);
    found.copied().ok_or_else(|| {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        format!("the targets are {}", names.join(", "))
    })
}

#[expect(
    clippy::print_stdout,
    reason = "telling what was found is what this program is for"
)]
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let dose = Dose {
        executions: arguments.executions,
        seed: arguments.seed,
        threads: arguments.threads.unwrap_or(u64::try_from(cores).unwrap_or(1)),
        // A receiver accepts a signature for five minutes.
        seeds_last: Duration::from_mins(4),
    };
    let targets = if arguments.targets.is_empty() {
        TARGETS
    } else {
        &arguments.targets
    };
    let mut failed = 0_u32;
    for target in targets {
        match run(target, dose) {
            Ok(ran) => println!(
                "fuzz {}: {} executions, {} accepted, {:.1} s",
                target.name,
                ran.executions,
                ran.accepted,
                ran.took.as_secs_f64()
            ),
            Err(found) => {
                failed += 1;
                println!("fuzz {}: {found}", target.name);
            }
        }
    }
    println!(
        "{} passed, {failed} failed",
        targets.len() - usize::try_from(failed).unwrap_or(usize::MAX)
    );
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
