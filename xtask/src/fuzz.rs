//! `cargo xtask fuzz`: builds the program `fuzz` with the optimisations of a release and with the checks of a test.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::interrupt::{Interrupts, exit_code};
use crate::programs::built;

/// Runs what the arguments say.
///
/// # Errors
///
/// When the program does not build, or can't be started.
pub fn run(root: &Path, interrupts: &Interrupts, arguments: &[String]) -> Result<ExitCode> {
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(root)
        .args(["build", "--release", "--package", "fuzz"])
        // An overflow wraps in a release; here it must be found.
        .env("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true")
        .env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true")
        // Linking it all anew would take longer than the run that it makes faster.
        .env("CARGO_PROFILE_RELEASE_LTO", "off");
    let programs = built(interrupts, cargo, &["fuzz"])?;
    let status = interrupts.run(Command::new(&programs["fuzz"]).current_dir(root).args(arguments))?;
    Ok(ExitCode::from(exit_code(status)))
}
