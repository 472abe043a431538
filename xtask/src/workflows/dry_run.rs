//! Runs what the steps run, in a clone with everything that is not committed yet, so that nothing of this machine's checkout
//! plays a part. In place of GitHub stand a file for `GITHUB_OUTPUT` and the variables that the list of commands gives; in
//! place of AWS stand two servers that speak its protocols: an emulator for what Terraform makes, and for what is deployed the
//! one that the tests of `tandem-deploy` have, with an api and a worker.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use local_postgres::LocalPostgres;

use crate::counts::Counts;
use crate::git;
use crate::interrupt::Interrupts;
use crate::scan::alone;
use crate::tidy::files::listed_by_git;

use super::account::Account;
use super::commands::{Commands, Trial};
use super::environment::Environment;

/// Where the clone lies.
const FOLDER: &str = ".testenv/workflows";
const CLONE: &str = "clone";

/// Where they are tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) root: &'a Path,
    pub(super) interrupts: &'a Interrupts,
    /// What the api and the worker of the environment have their database on.
    pub(super) postgres: &'a LocalPostgres,
}

/// Runs them one after the other, each a test, and tells how long each took.
pub(super) fn run(place: &Place<'_>, commands: &Commands, counts: &mut Counts) -> Result<()> {
    let Place {
        root,
        interrupts,
        postgres,
    } = *place;
    let _alone = alone(&root.join(FOLDER))?;
    let clone = clone(root)?;
    let output = clone.with_file_name("output");
    fs::write(&output, "").with_context(|| format!("could not write {}", output.display()))?;
    let account = Account::start(root, interrupts, clone.parent().unwrap_or(root))?;
    let environment = Environment::start(root, interrupts, postgres)?;
    let mut elsewhere = 0;
    for entry in &commands.0 {
        let Trial::Here { command, variables } = &entry.trial else {
            elsewhere += 1;
            continue;
        };
        let begun = Instant::now();
        // As GitHub does for steps that say bash.
        let mut bash = Command::new("bash");
        bash.current_dir(&clone)
            .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", command])
            .envs(&account.variables)
            .envs(&environment.variables)
            .envs(variables)
            .env("GITHUB_OUTPUT", &output)
            // Not ours, whose programs would then be the clone's.
            .env("CARGO_TARGET_DIR", root.join("target/workflows"));
        let mut said = Vec::new();
        let status = interrupts.run_by_line(&mut bash, |line| said.push(line.to_owned()))?;
        let verdict = if status.success() { "ok" } else { "FAILED" };
        println!(
            "step {verdict}, {:.1} s: {command}",
            begun.elapsed().as_secs_f64()
        );
        if !status.success() {
            said.iter().for_each(|line| println!("  {line}"));
        }
        // Not every command that fails says something.
        let why = (!status.success()).then(|| said.pop().unwrap_or_else(|| status.to_string()));
        counts.add_look(&format!("workflows step {command}"), why.as_slice());
    }
    println!("workflows: {elsewhere} commands are tried elsewhere, see .github/commands.json");
    let facts =
        fs::read_to_string(&output).with_context(|| format!("could not read {}", output.display()))?;
    let is_told = |name: &str| facts.lines().any(|line| line.starts_with(&format!("{name}=")));
    counts.add(
        "workflows outputs",
        ["version", "tree", "tags", "plan"].into_iter().all(is_told),
    );
    Ok(())
}

/// A clone of this checkout with what is changed and new in it, committed there.
fn clone(root: &Path) -> Result<PathBuf> {
    let clone = root.join(FOLDER).join(CLONE);
    if clone.exists() {
        fs::remove_dir_all(&clone).with_context(|| format!("could not remove {}", clone.display()))?;
    }
    let folder = clone.parent().context("the clone has no folder")?;
    fs::create_dir_all(folder).with_context(|| format!("could not create {}", folder.display()))?;
    let place = clone.display().to_string();
    git::ask(
        root,
        &["clone", "--quiet", "--local", "--no-hardlinks", ".", &place],
    )?;
    let files = listed_by_git(root).context("this is no checkout of git")?;
    git::ask(&clone, &["rm", "-r", "--quiet", "."])?;
    for file in files {
        let (from, to) = (root.join(&file), clone.join(&file));
        // What was removed and not committed yet is not there.
        if from.is_file() {
            let parent = to.parent().context("a file has no folder")?;
            fs::create_dir_all(parent).with_context(|| format!("could not create {}", parent.display()))?;
            fs::copy(&from, &to).with_context(|| format!("could not copy {}", file.display()))?;
        }
    }
    git::ask(&clone, &["add", "--all", "."])?;
    let who = [
        "-c",
        "user.name=dry run",
        "-c",
        "user.email=dry-run@example.invalid",
    ];
    let commit = [
        "commit",
        "--quiet",
        "--allow-empty",
        "--no-verify",
        "--message",
        "What is not committed yet",
    ];
    git::ask(&clone, &[&who[..], &commit[..]].concat())?;
    let left = git::ask(&clone, &["status", "--porcelain"])?;
    ensure!(left.is_empty(), "the clone is not clean: {left}");
    Ok(clone)
}
