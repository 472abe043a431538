//! The programs of one invocation: copies, because the next build replaces those of cargo, and of its own, because a
//! second invocation may build something else while this one still starts processes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::arguments::Profile;

/// Copied programs; the copies are gone with this value.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) folder: PathBuf,
    pub(super) profile: Profile,
}

impl Programs {
    /// Copies programs to a folder within `parent` that no other invocation has.
    pub(super) fn copy(
        parent: &Path,
        profile: Profile,
        programs: &BTreeMap<String, PathBuf>,
    ) -> Result<Self> {
        let prefix = format!("bin-{}-", profile.name());
        remove_abandoned(parent, &prefix);
        let copies = Self {
            folder: parent.join(format!("{prefix}{}", std::process::id())),
            profile,
        };
        copies.add(programs)?;
        Ok(copies)
    }

    /// Copies more programs beside the others.
    pub(super) fn add(&self, programs: &BTreeMap<String, PathBuf>) -> Result<()> {
        let folder = &self.folder;
        fs::create_dir_all(folder).with_context(|| format!("could not create {}", folder.display()))?;
        for (name, program) in programs {
            fs::copy(program, folder.join(name))
                .with_context(|| format!("could not copy {}", program.display()))?;
        }
        Ok(())
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        // What is left behind is removed by a later invocation.
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// Removes the copies of invocations that were killed.
fn remove_abandoned(parent: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid = name
            .to_str()
            .and_then(|name| name.strip_prefix(prefix)?.parse().ok());
        if pid.is_some_and(|pid| kill(Pid::from_raw(pid), None).is_err()) {
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_of_one_invocation_and_those_of_dead_ones_are_removed() {
        let parent = tempfile::tempdir().unwrap();
        let program = parent.path().join("worker");
        fs::write(&program, "a program").unwrap();
        // No system gives so great a number to a process.
        let dead = parent.path().join("bin-release-2000000000");
        let (alive, other) = (
            parent.path().join("bin-release-1"),
            parent.path().join("bin-debug-2000000000"),
        );
        for folder in [&dead, &alive, &other] {
            fs::create_dir(folder).unwrap();
        }
        let built = BTreeMap::from([("worker".to_owned(), program)]);
        let programs = Programs::copy(parent.path(), Profile::Release, &built).unwrap();
        let copied = programs.folder.join("worker");
        assert_eq!(fs::read(&copied).unwrap(), b"a program");
        assert!(!dead.exists() && alive.exists() && other.exists());
        drop(programs);
        assert!(!copied.exists() && alive.exists());
    }
}
