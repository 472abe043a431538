//! The release on GitHub: a tag, and what the changelog says.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use semver::Version;

use super::{CHANGELOG, Publish, changelog, text};

/// Makes the release. One that is there already, from a run before that broke off after it, is left as it is.
pub(super) fn publish(root: &Path, version: &Version, publish: &Publish) -> Result<ExitCode> {
    ensure!(
        publish.version == *version,
        "--version is {}, and {version} is checked out",
        publish.version
    );
    let changelog = text(root, CHANGELOG)?;
    let notes = changelog::entry(&changelog, version)
        .with_context(|| format!("{CHANGELOG} says nothing about {version}"))?;
    let tag = format!("v{version}");
    let there = gh(root, &["release", "view", &tag])
        .output()
        .context("could not run gh")?;
    if there.status.success() {
        println!("the release {tag} is there already");
        return Ok(ExitCode::SUCCESS);
    }
    let status = gh(
        root,
        &[
            "release",
            "create",
            &tag,
            "--target",
            &publish.commit,
            "--title",
            &tag,
            "--notes",
            notes,
        ],
    )
    .status()
    .context("could not run gh")?;
    ensure!(status.success(), "gh could not make the release {tag} ({status})");
    Ok(ExitCode::SUCCESS)
}

fn gh(root: &Path, arguments: &[&str]) -> Command {
    let mut gh = Command::new("gh");
    gh.current_dir(root).args(arguments);
    gh
}
