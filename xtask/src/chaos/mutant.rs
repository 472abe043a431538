//! Broken builds: if a promise is taken out of the product, the chaos run must notice.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use local_postgres::{Config, LocalPostgres};

use super::arguments::Profile;
use super::programs::Programs;
use super::{CHAOS, Chaos, FEATURES, PRODUCT};
use crate::programs::built;
use crate::sqlx::scratch::Scratch;
use crate::tidy::files::listed_by_git;

impl Chaos<'_> {
    /// Breaks a copy of the product as the patch of this name does, and runs it. That a run finds one of the invariants
    /// broken that the patch names is the success here; that something else went wrong, or the run broke off, is not.
    pub(super) fn catch(
        &self,
        name: &str,
        profile: Profile,
        arguments: &[String],
        endpoint: Option<&str>,
    ) -> Result<ExitCode> {
        let patch = self.patch(name)?;
        let expected = expected(&patch)?;
        let folder = self.root.join("target/chaos/mutants").join(name);
        let source = folder.join("src");
        self.copy_source(&source)?;
        self.apply(&patch, &source)?;
        let programs = Programs::copy(&folder, profile, &self.build_mutant(&source, profile)?)?;
        programs.add(&self.build(profile, &[CHAOS])?)?;
        let runs = self.with_sqs(arguments, endpoint, |endpoint| {
            let mut chaos = self.program(&programs, endpoint);
            chaos.arg("--runs").arg(folder.join("runs")).args(arguments);
            self.observe(&mut chaos)
        })?;
        let mut is_caught = false;
        for run in &runs {
            let broken: Vec<&str> = expected
                .iter()
                .map(String::as_str)
                .filter(|it| run.broke(it))
                .collect();
            if !broken.is_empty() {
                is_caught = true;
                println!(
                    "The mutant {name} was caught by {} as {}: {}",
                    run.name,
                    broken.join(", "),
                    run.told
                );
            } else if !run.held {
                println!("{} FAILED, but for another reason: {}", run.name, run.told);
            }
        }
        if !is_caught {
            println!(
                "The mutant {name} was NOT caught: nothing broke {}.",
                expected.join(" or ")
            );
            return Ok(ExitCode::FAILURE);
        }
        Ok(ExitCode::SUCCESS)
    }

    fn patch(&self, name: &str) -> Result<PathBuf> {
        let folder = self.root.join("crates/chaos/mutants");
        let patch = folder.join(format!("{name}.patch"));
        if patch.exists() {
            return Ok(patch);
        }
        let entries =
            fs::read_dir(&folder).with_context(|| format!("could not read {}", folder.display()))?;
        let mut names: Vec<String> = entries
            .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_string_lossy().into_owned()))
            .collect();
        names.sort();
        bail!("there is no mutant {name}; there are {}", names.join(", "));
    }

    /// Makes a folder hold what belongs to the repository. Files that are there already and the same stay untouched,
    /// so that cargo builds only what has changed.
    fn copy_source(&self, target: &Path) -> Result<()> {
        let files = listed_by_git(self.root).context("mutants are made in a git checkout only")?;
        let mut expected = BTreeSet::new();
        for file in files {
            let (from, to) = (self.root.join(&file), target.join(&file));
            // What was removed and not committed yet is still listed.
            let Ok(bytes) = fs::read(&from) else { continue };
            if fs::read(&to).ok().as_ref() != Some(&bytes) {
                let folder = to.parent().unwrap_or(target);
                fs::create_dir_all(folder)
                    .and_then(|()| fs::write(&to, bytes))
                    .with_context(|| format!("could not write {}", to.display()))?;
            }
            expected.insert(to);
        }
        remove_others(target, &expected)
    }

    fn apply(&self, patch: &Path, source: &Path) -> Result<()> {
        let mut git = Command::new("git");
        git.current_dir(source)
            // The copy lies within our checkout, whose paths are not the patch's.
            .env("GIT_CEILING_DIRECTORIES", source.parent().unwrap_or(source))
            .arg("apply")
            .arg(patch);
        if !self.interrupts.run(&mut git)?.success() {
            bail!(
                "{} does not apply any more; it has to follow the code",
                patch.display()
            );
        }
        Ok(())
    }

    /// Builds the product of the copy, and takes its programs. The committed cache of statements does not know those
    /// that were changed, so they are checked against a database.
    fn build_mutant(&self, source: &Path, profile: Profile) -> Result<BTreeMap<String, PathBuf>> {
        let mutants = self.root.join("target/chaos/mutants");
        let postgres = LocalPostgres::start(&Config {
            data_dir: mutants.join("postgres"),
            ..Config::default()
        })?;
        let scratch = Scratch::create(postgres.bin_dir(), &postgres.url("postgres"))?;
        scratch.migrate(&source.join("migrations"))?;
        let mut cargo = Command::new("cargo");
        cargo
            .current_dir(source)
            .args([
                "build",
                "--package",
                "api",
                "--package",
                "worker",
                "--package",
                "cli",
            ])
            .args(["--features", FEATURES])
            .args(profile.of_cargo())
            .env("CARGO_TARGET_DIR", mutants.join("target"))
            .env("SQLX_OFFLINE", "false")
            .env("DATABASE_URL", scratch.url());
        built(self.interrupts, cargo, &PRODUCT)
    }
}

/// The invariants of which a patch says that they get broken: its line `Expected: I2, I3`.
fn expected(patch: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(patch).with_context(|| format!("could not read {}", patch.display()))?;
    let named = text.lines().find_map(|line| line.strip_prefix("Expected: "));
    let named = named.with_context(|| format!("{} does not say what is expected", patch.display()))?;
    Ok(named.split(", ").map(str::to_owned).collect())
}

/// Removes the files that are not among the expected ones.
fn remove_others(folder: &Path, expected: &BTreeSet<PathBuf>) -> Result<()> {
    let context = || format!("could not tidy up {}", folder.display());
    for entry in fs::read_dir(folder).with_context(context)? {
        let entry = entry.with_context(context)?;
        let path = entry.path();
        if entry.file_type().with_context(context)?.is_dir() {
            remove_others(&path, expected)?;
        } else if !expected.contains(&path) {
            fs::remove_file(&path).with_context(context)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_mutant_breaks_stands_before_its_patch() {
        let folder = tempfile::tempdir().unwrap();
        let patch = folder.path().join("a.patch");
        fs::write(&patch, "Nothing is fenced.\nExpected: I2, I12\n\n--- a/x\n").unwrap();
        assert_eq!(expected(&patch).unwrap(), ["I2", "I12"]);
        fs::write(&patch, "Nothing is fenced.\n\n--- a/x\n").unwrap();
        assert!(expected(&patch).is_err());
    }

    #[test]
    fn what_is_not_expected_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (kept, gone) = (folder.path().join("a/kept.rs"), folder.path().join("a/gone.rs"));
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(&kept, "").unwrap();
        fs::write(&gone, "").unwrap();
        remove_others(folder.path(), &BTreeSet::from([kept.clone()])).unwrap();
        assert!(kept.exists() && !gone.exists());
    }
}
