//! `cargo xtask terraform`: whether the modules and roots in `terraform/` are sound, as far as that can be known without
//! an account: their form, their types, their tests against a mocked provider, and what they refuse.

pub mod account;
pub mod declared;
pub mod environment;
pub mod events;
mod folder;
pub(crate) mod program;
pub mod provider;
pub mod refusals;
pub mod state;

use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Output};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::counts::Counts;
use crate::interrupt::Interrupts;
use crate::policies;

use folder::Folder;
use program::Terraform;

/// Where the infrastructure is described.
const TERRAFORM: &str = "terraform";

/// One look at a part of the infrastructure.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Look {
    /// What was looked at, such as `validate` or the name of a test.
    pub name: String,
    /// What is wrong, for people; nothing when all is well.
    pub complaints: Vec<String>,
}

impl Look {
    /// A look at something by its name.
    pub fn at(name: impl Into<String>, complaints: Vec<String>) -> Self {
        Self {
            name: name.into(),
            complaints,
        }
    }
}

/// What was looked at in one module or root.
struct Part {
    name: String,
    took: Duration,
    looks: Vec<Look>,
}

/// Checks the folders whose paths have one of these names in them, or all.
///
/// # Errors
///
/// When Terraform is missing, or something can't be read. What is found is told on the standard output and by the exit
/// code.
pub fn run(root: &Path, interrupts: &Interrupts, wanted: &[String]) -> Result<ExitCode> {
    let mut counts = Counts::default();
    check(root, interrupts, wanted, &mut counts)?;
    println!("{counts}");
    Ok(counts.exit_code())
}

/// Checks everything for the ordinary test run.
///
/// # Errors
///
/// When something keeps it from running.
pub fn check_all(root: &Path, interrupts: &Interrupts, counts: &mut Counts) -> Result<()> {
    check(root, interrupts, &[], counts)
}

/// What a file of tests of a folder in `terraform/` tells, line by line as JSON, with the plans that it makes.
///
/// # Errors
///
/// When Terraform is missing, or the folder can't be initialised.
pub fn told_by_tests(root: &Path, interrupts: &Interrupts, folder: &str, file: &str) -> Result<Output> {
    let terraform = Terraform::find(root, interrupts)?;
    let folder = root.join(TERRAFORM).join(folder);
    let complaints = terraform.init(&folder)?;
    if !complaints.is_empty() {
        bail!(
            "{} can't be initialised: {}",
            folder.display(),
            complaints.join("\n")
        );
    }
    terraform.test_with_plans(&folder, file)
}

/// Counts each look as a test, and prints a line for each part.
fn check(root: &Path, interrupts: &Interrupts, wanted: &[String], counts: &mut Counts) -> Result<()> {
    let folders = folders(&root.join(TERRAFORM), wanted)?;
    let terraform = Terraform::find(root, interrupts)?;
    tell(
        &timed("fmt", || {
            Ok(vec![Look::at(
                "fmt",
                terraform.unformatted(&root.join(TERRAFORM))?,
            )])
        })?,
        counts,
    );
    let base = root.join(TERRAFORM);
    check_each(
        &folders,
        |path| {
            let folder = Folder {
                terraform: &terraform,
                path,
            };
            let name = path.strip_prefix(&base).unwrap_or(path).display().to_string();
            timed(&name, || folder.check())
        },
        |part| tell(part, counts),
    )?;
    if folders.iter().any(|folder| is_called(folder, "bootstrap")) {
        tell(
            &timed("roles", || policies::bootstrap::looks(root, interrupts))?,
            counts,
        );
    }
    Ok(())
}

/// Checks as many folders at a time as there are cores, since each waits for its provider most of the time, and tells of
/// each as soon as it is done. The first that can't be checked at all ends it.
fn check_each(
    folders: &[PathBuf],
    check: impl Fn(&Path) -> Result<Part> + Sync,
    mut tell: impl FnMut(&Part),
) -> Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let next = Mutex::new(folders.iter());
    let take = || next.lock().unwrap_or_else(PoisonError::into_inner).next();
    let (done, parts) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..cores.min(folders.len()) {
            let (take, check, done) = (&take, &check, done.clone());
            scope.spawn(move || {
                // Nobody listens any more once one of them could not be checked.
                while let Some(folder) = take()
                    && done.send(check(folder)).is_ok()
                {}
            });
        }
        drop(done);
        parts.into_iter().try_for_each(|part| {
            tell(&part?);
            Ok(())
        })
    })
}

fn timed(name: &str, looks: impl FnOnce() -> Result<Vec<Look>>) -> Result<Part> {
    let begun = Instant::now();
    Ok(Part {
        name: name.to_owned(),
        looks: looks()?,
        took: begun.elapsed(),
    })
}

fn tell(part: &Part, counts: &mut Counts) {
    let Part { name, took, looks } = part;
    let failed = looks.iter().filter(|look| !look.complaints.is_empty());
    let verdict = match failed.clone().count() {
        0 => format!("{} ok", looks.len()),
        failed => format!("{failed} of {} FAILED", looks.len()),
    };
    println!("terraform {name}: {verdict}, {:.1} s", took.as_secs_f64());
    for look in failed {
        for complaint in &look.complaints {
            println!(
                "  {}: {}",
                look.name,
                complaint.trim_end().replace('\n', "\n    ")
            );
        }
    }
    for look in looks {
        counts.add_look(&format!("terraform {name} {}", look.name), &look.complaints);
    }
}

/// The modules, then what is applied by itself: each a folder with configuration in it.
fn folders(terraform: &Path, wanted: &[String]) -> Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for parent in ["modules", "", "environments"] {
        let parent = terraform.join(parent);
        let Ok(entries) = fs::read_dir(&parent) else {
            continue;
        };
        let mut children = Vec::new();
        for entry in entries {
            let path = entry
                .with_context(|| format!("could not read {}", parent.display()))?
                .path();
            if path.is_dir() && !declared::files(&path)?.is_empty() {
                children.push(path);
            }
        }
        children.sort();
        folders.extend(children);
    }
    if let Some(unknown) = wanted
        .iter()
        .find(|name| !folders.iter().any(|it| is_called(it, name)))
    {
        bail!("no module or root in {TERRAFORM}/ is called {unknown}");
    }
    folders.retain(|path| wanted.is_empty() || wanted.iter().any(|name| is_called(path, name)));
    if folders.is_empty() {
        bail!("there is nothing in {TERRAFORM}/");
    }
    Ok(folders)
}

/// Whether a path ends in this name, which may have folders in it.
fn is_called(path: &Path, name: &str) -> bool {
    path.ends_with(name.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &Path) -> Part {
        Part {
            name: name.display().to_string(),
            took: Duration::ZERO,
            looks: Vec::new(),
        }
    }

    #[test]
    fn each_folder_is_checked_once() {
        let folders: Vec<PathBuf> = (0..20).map(|number| number.to_string().into()).collect();
        let mut told = Vec::new();
        check_each(
            &folders,
            |path| Ok(part(path)),
            |part| told.push(PathBuf::from(&part.name)),
        )
        .unwrap();
        told.sort_by_key(|path| path.display().to_string().parse::<u32>().ok());
        assert_eq!(told, folders);
    }

    #[test]
    fn what_can_not_be_checked_ends_it() {
        let folders: Vec<PathBuf> = (0..20).map(|number| number.to_string().into()).collect();
        let checked = check_each(
            &folders,
            |path| {
                if path == Path::new("0") {
                    bail!("no provider")
                }
                Ok(part(path))
            },
            |_| {},
        );
        assert_eq!(checked.unwrap_err().to_string(), "no provider");
    }

    #[test]
    fn folders_are_found_by_what_is_in_them_and_chosen_by_name() {
        let root = tempfile::tempdir().unwrap();
        for folder in [
            "modules/queue",
            "modules/database",
            "bootstrap",
            "environments/dev",
        ] {
            let folder = root.path().join(folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("main.tf"), "").unwrap();
        }
        fs::create_dir_all(root.path().join("modules/empty")).unwrap();
        let found = |wanted: &[&str]| -> Result<Vec<String>, String> {
            let wanted: Vec<String> = wanted.iter().map(|&it| it.to_owned()).collect();
            let folders = folders(root.path(), &wanted).map_err(|error| error.to_string())?;
            let name = |path: &PathBuf| path.strip_prefix(root.path()).unwrap().display().to_string();
            Ok(folders.iter().map(name).collect())
        };
        assert_eq!(
            found(&[]).unwrap(),
            [
                "modules/database",
                "modules/queue",
                "bootstrap",
                "environments/dev"
            ]
        );
        assert_eq!(
            found(&["queue", "environments/dev"]).unwrap(),
            ["modules/queue", "environments/dev"]
        );
        assert_eq!(
            found(&["que"]).unwrap_err(),
            "no module or root in terraform/ is called que"
        );
    }
}
