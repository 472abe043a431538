//! `cargo xtask image`: images as files, built and scanned where there are no credentials, and pushed unchanged.

mod build;
mod push;
mod sboms;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand, ValueEnum};

use crate::interrupt::Interrupts;

/// What our images have in them.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Program {
    /// Takes jobs.
    Api,
    /// Runs jobs.
    Worker,
}

impl Program {
    /// As it is in names of files and repositories.
    pub fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Worker => "worker",
        }
    }
}

/// What is done with images.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Builds an image into a file.
    Build(build::Build),
    /// Compares what an image's binaries are built from with known vulnerabilities.
    Audit(build::Audit),
    /// Pushes an image from a file, unless its tree has one that has passed; tells digest and sign as key=value.
    Push(push::Push),
    /// Fails when two files have not the same image in them.
    Same(Same),
    /// Fetches what was signed to be in the images that an environment runs.
    Sboms(sboms::Sboms),
}

/// Two images.
#[derive(Args, Debug)]
pub struct Same {
    first: PathBuf,
    second: PathBuf,
}

/// Does it.
///
/// # Errors
///
/// When a tool is missing or fails.
pub fn run(root: &Path, interrupts: &Interrupts, action: &Action) -> Result<ExitCode> {
    match action {
        Action::Build(build) => build.run(root, interrupts),
        Action::Audit(audit) => audit.run(root, interrupts),
        Action::Push(push) => push.run(interrupts),
        Action::Same(same) => same.run(),
        Action::Sboms(sboms) => sboms.run(root),
    }
}

impl Same {
    fn run(&self) -> Result<ExitCode> {
        let [first, second] = [digest_in(&self.first)?, digest_in(&self.second)?];
        let (is_same, told) = compared([(&self.first, &first), (&self.second, &second)]);
        println!("{told}");
        Ok(if is_same {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

/// Whether two files hold the same image, and what is told about it.
fn compared(images: [(&Path, &str); 2]) -> (bool, String) {
    let [(_, first), (_, second)] = images;
    if first == second {
        return (true, format!("both are {first}"));
    }
    let told = images.map(|(file, digest)| format!("{} is {digest}", file.display()));
    (false, told.join("\n"))
}

/// The digest of the image in a file.
fn digest_in(file: &Path) -> Result<String> {
    let place = format!("oci-archive:{}", file.display());
    said(Command::new("skopeo").args(["inspect", "--format", "{{.Digest}}", &place]))
}

/// What a tool prints, if it does what it should.
fn said(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("could not run {name}"))?;
    ensure!(
        output.status.success(),
        "{name} failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_the_same_by_their_digests() {
        let [first, second] = [Path::new("first.tar"), Path::new("second.tar")];
        assert_eq!(
            compared([(first, "sha256:1"), (second, "sha256:1")]),
            (true, "both are sha256:1".to_owned())
        );
        assert_eq!(
            compared([(first, "sha256:1"), (second, "sha256:2")]),
            (false, "first.tar is sha256:1\nsecond.tar is sha256:2".to_owned())
        );
    }
}
