//! What the machine has to bring along, and installing it where that is ours to do.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use nix::unistd::Uid;

use crate::interrupt::Interrupts;

/// Makes sure that the server programs of Postgres are there, and says where.
///
/// # Errors
///
/// When they are missing and cannot be installed; the message says how to install them by hand.
pub fn ensure_postgres(interrupts: &Interrupts) -> Result<PathBuf> {
    match local_postgres::find_binaries() {
        Ok(bin_dir) => Ok(bin_dir),
        Err(not_found) => {
            if !install(interrupts, &["postgresql"])? {
                return Err(not_found.into());
            }
            local_postgres::find_binaries().context("the package postgresql was installed, but")
        }
    }
}

/// Installs system packages if this process may do so; answers false when it may not.
///
/// # Errors
///
/// When the installation was tried and failed.
pub fn install(interrupts: &Interrupts, packages: &[&str]) -> Result<bool> {
    if !Uid::effective().is_root() || !answers("apt-get", "--version") {
        return Ok(false);
    }
    println!("Installing {} with apt-get.", packages.join(", "));
    for arguments in [
        &["update"][..],
        &[&["install", "--yes", "--no-install-recommends"], packages].concat(),
    ] {
        let mut apt = Command::new("apt-get");
        apt.args(["--quiet", "-o=Acquire::Retries=3", "-o=DPkg::Lock::Timeout=120"])
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        let status = interrupts.run(&mut apt)?;
        if !status.success() {
            bail!("apt-get {} ended with {status}", arguments.join(" "));
        }
    }
    Ok(true)
}

/// Whether a program is there and works.
pub fn answers(program: &str, argument: &str) -> bool {
    Command::new(program)
        .arg(argument)
        .output()
        .is_ok_and(|output| output.status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_that_exist_answer() {
        assert!(answers("true", "--version"));
        assert!(!answers("false", ""));
        assert!(!answers("no-such-program-anywhere", "--version"));
    }
}
