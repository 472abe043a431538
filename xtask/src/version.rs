//! `cargo xtask version`: which version this is, whether it may be released, and what a release of it is called.

mod changelog;
mod release;

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use semver::Version;

use crate::git;

/// Where the version stands.
const MANIFEST: &str = "Cargo.toml";
/// What is new in it.
const CHANGELOG: &str = "CHANGELOG.md";

/// What is asked about the version.
#[derive(Debug, Subcommand)]
pub enum Question {
    /// Fails when the version is not newer than the last release, or the changelog does not know it.
    Check,
    /// Tells version, commit, tree and the tags of a candidate's images, as key=value lines.
    Facts(Facts),
    /// Makes a release on GitHub out of the changelog, unless it is there.
    Publish(Publish),
}

/// Where facts go.
#[derive(Args, Debug)]
pub struct Facts {
    /// The run that builds the candidate, and its attempt, such as 7-1: each may build other bytes.
    #[arg(long, value_parser = numbers_of_run)]
    run: String,
    /// The file that they are added to, such as `$GITHUB_OUTPUT`; they are printed in any case.
    #[arg(long)]
    output: Option<PathBuf>,
}

/// What is released.
#[derive(Args, Debug)]
pub struct Publish {
    /// The version, which must be the one that is checked out.
    #[arg(long)]
    version: Version,
    /// The commit that gets the tag.
    #[arg(long)]
    commit: String,
}

/// Answers a question.
///
/// # Errors
///
/// When git or GitHub do not answer, or something can't be read or written.
pub fn run(root: &Path, question: &Question) -> Result<ExitCode> {
    let version = workspace_version(&text(root, MANIFEST)?)?;
    match question {
        Question::Check => check(root, &version),
        Question::Facts(facts) => {
            let lines = facts_of(&version, &facts.run, &git::commit(root)?, &git::tree(root)?);
            tell(&lines, facts.output.as_deref())
        }
        Question::Publish(publish) => release::publish(root, &version, publish),
    }
}

fn check(root: &Path, version: &Version) -> Result<ExitCode> {
    let tags = git::ask(root, &["tag", "--list", "v*"])?;
    let complaints = complaints(version, &tags, &text(root, CHANGELOG)?);
    for complaint in &complaints {
        println!("{complaint}");
    }
    if complaints.is_empty() {
        println!("{version} may be released");
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}

/// Why this version can't be released.
fn complaints(version: &Version, tags: &str, changelog: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let released = tags
        .lines()
        .filter_map(|tag| Version::parse(tag.strip_prefix('v')?).ok());
    if let Some(last) = released.max()
        && *version <= last
    {
        complaints.push(format!(
            "{MANIFEST}: the version is {version}, and {last} is released already; give it a higher one"
        ));
    }
    if changelog::entry(changelog, version).is_none() {
        complaints.push(format!(
            "{CHANGELOG}: there is no text below a heading \"## [{version}]\"; say what callers and operators get"
        ));
    }
    complaints
}

/// What later steps want to know.
fn facts_of(version: &Version, run: &str, commit: &str, tree: &str) -> String {
    format!("version={version}\ncommit={commit}\ntree={tree}\ntags=rc-{version}-{run}\n")
}

fn numbers_of_run(text: &str) -> Result<String, String> {
    let is_number = |it: &str| it.parse::<u64>().is_ok_and(|number| number.to_string() == it);
    match text.split_once('-') {
        Some((number, attempt)) if is_number(number) && is_number(attempt) => Ok(text.to_owned()),
        _ => Err("a run is its number and its attempt, such as 7-1".to_owned()),
    }
}

/// Prints lines, and adds them to a file.
pub(crate) fn tell(lines: &str, file: Option<&Path>) -> Result<ExitCode> {
    print!("{lines}");
    if let Some(file) = file {
        let context = || format!("could not add to {}", file.display());
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(file)
            .with_context(context)?;
        file.write_all(lines.as_bytes()).with_context(context)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The version that all our crates have.
///
/// # Errors
///
/// When the manifest has none, or one that is not semantic.
pub fn workspace_version(manifest: &str) -> Result<Version> {
    let section = manifest
        .split("\n[")
        .find_map(|section| section.strip_prefix("workspace.package]"))
        .context("Cargo.toml has no [workspace.package]")?;
    let version = section
        .lines()
        .find_map(|line| line.strip_prefix("version = "))
        .context("Cargo.toml gives [workspace.package] no version")?;
    let version = version.trim_matches('"');
    Version::parse(version).with_context(|| format!("the version {version} in Cargo.toml is not semantic"))
}

fn text(root: &Path, name: &str) -> Result<String> {
    fs::read_to_string(root.join(name)).with_context(|| format!("could not read {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "[workspace]\nmembers = []\n\n[workspace.package]\nversion = \"0.2.0\"\n\n[package]\nversion = \"9.9.9\"\n";
    const CHANGELOG: &str = "# Changelog\n\n## [0.2.0]\n\n- New.\n\n## [0.1.0]\n";

    fn refused(version: &str, tags: &str, changelog: &str) -> Vec<String> {
        complaints(&Version::parse(version).unwrap(), tags, changelog)
    }

    #[test]
    fn a_version_must_be_newer_than_all_releases() {
        assert!(refused("0.2.0", "", CHANGELOG).is_empty());
        assert!(refused("0.2.0", "v0.1.9\nv0.1.10\nvnext\n", CHANGELOG).is_empty());
        let old = "Cargo.toml: the version is 0.2.0, and 0.10.0 is released already; give it a higher one";
        assert_eq!(refused("0.2.0", "v0.10.0\nv0.9.0\n", CHANGELOG), [old]);
        assert_eq!(refused("0.2.0", "v0.2.0\n", CHANGELOG).len(), 1);
        assert_eq!(refused("0.2.0-rc.1", "v0.2.0\n", CHANGELOG).len(), 2);
    }

    #[test]
    fn the_changelog_must_say_what_is_new() {
        for without in [
            "# Changelog\n",
            "## [0.2.0]\n\n## [0.1.0]\n\n- Old.\n",
            "## [0.2.01]\n\n- New.\n",
        ] {
            assert_eq!(
                refused("0.2.0", "", without),
                [
                    "CHANGELOG.md: there is no text below a heading \"## [0.2.0]\"; say what callers and operators get"
                ]
            );
        }
    }

    #[test]
    fn the_version_is_the_workspaces() {
        assert_eq!(workspace_version(MANIFEST).unwrap(), Version::new(0, 2, 0));
        for wrong in [
            "",
            "[workspace.package]\n",
            "[workspace.package]\nversion = \"1\"\n",
        ] {
            assert!(workspace_version(&format!("#\n{wrong}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn facts_are_lines_that_are_added() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("output");
        fs::write(&file, "before=1\n").unwrap();
        let facts = facts_of(&Version::new(1, 2, 3), "7-2", "c0", "7e");
        tell(&facts, Some(&file)).unwrap();
        assert_eq!(
            fs::read_to_string(file).unwrap(),
            "before=1\nversion=1.2.3\ncommit=c0\ntree=7e\ntags=rc-1.2.3-7-2\n"
        );
    }

    #[test]
    fn an_attempt_belongs_to_a_run() {
        assert_eq!(numbers_of_run("7-1").as_deref(), Ok("7-1"));
        for wrong in ["", "7", "7-", "-1", "7-1-1", "07-1", "a-b"] {
            assert!(numbers_of_run(wrong).is_err(), "{wrong:?}");
        }
    }
}
