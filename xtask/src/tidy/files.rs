//! The text files of the repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// Folders that are built or downloaded. Only consulted where git cannot say what belongs to the repository.
const NOT_OURS: &[&str] = &[".git", ".tandem", ".terraform", ".testenv", "target"];

/// Text files with their paths from the root.
#[derive(Debug, Default)]
pub struct Files {
    files: Vec<(PathBuf, String)>,
}

impl Files {
    /// Reads what git tracks or would track; without git, what lies in the folder.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read.
    pub fn of(root: &Path) -> Result<Self> {
        let paths = match listed_by_git(root) {
            Some(paths) => paths,
            None => {
                let mut paths = Vec::new();
                walk(root, Path::new(""), &mut paths)?;
                paths
            }
        };
        // What is no text, or was removed but not committed yet, has nothing to check.
        let read = |path: PathBuf| fs::read_to_string(root.join(&path)).ok().map(|text| (path, text));
        Ok(Self {
            files: paths.into_iter().filter_map(read).collect(),
        })
    }

    /// Path and text of each file.
    pub fn iter(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.files
            .iter()
            .map(|(path, text)| (path.as_path(), text.as_str()))
    }

    /// Path and text of each file whose name ends so.
    pub fn with_extension(&self, extension: &str) -> impl Iterator<Item = (&Path, &str)> {
        self.iter()
            .filter(move |(path, _)| path.extension().is_some_and(|it| it == extension))
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Files {
    fn from(files: [(&str, &str); N]) -> Self {
        Self {
            files: files
                .iter()
                .map(|&(path, text)| (path.into(), text.to_owned()))
                .collect(),
        }
    }
}

/// None outside of a git checkout.
pub(crate) fn listed_by_git(root: &Path) -> Option<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.current_dir(root)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let output = git.output().ok().filter(|output| output.status.success())?;
    let listed = String::from_utf8(output.stdout).ok()?;
    Some(listed.split_terminator('\0').map(PathBuf::from).collect())
}

fn walk(root: &Path, below: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    let dir = root.join(below);
    let entries = fs::read_dir(&dir).with_context(|| format!("could not read {}", dir.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("could not read {}", dir.display()))?;
        let path = below.join(entry.file_name());
        let kind = entry
            .file_type()
            .with_context(|| format!("could not read {}", path.display()))?;
        if kind.is_file() {
            paths.push(path);
        } else if kind.is_dir() && !NOT_OURS.iter().any(|name| entry.file_name() == *name) {
            walk(root, &path, paths)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_git_the_folder_is_walked_except_for_what_was_built() {
        let root = tempfile::tempdir().unwrap();
        for dir in ["src/deep", "target/debug"] {
            fs::create_dir_all(root.path().join(dir)).unwrap();
        }
        for file in ["README.md", "src/deep/a.rs", "target/debug/b.rs"] {
            fs::write(root.path().join(file), "text").unwrap();
        }
        fs::write(root.path().join("image.png"), [0xff, 0xfe]).unwrap();
        let files = Files::of(root.path()).unwrap();
        let mut paths: Vec<_> = files.iter().map(|(path, _)| path.to_owned()).collect();
        paths.sort();
        assert_eq!(paths, [Path::new("README.md"), Path::new("src/deep/a.rs")]);
        assert_eq!(files.with_extension("md").count(), 1);
    }
}
