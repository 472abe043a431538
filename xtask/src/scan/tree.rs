//! What is scanned, laid out beside the samples: only what belongs to the repository, and nothing that was built.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::tidy::files::Files;

/// Where the samples lie in the repository.
const SAMPLES: &str = "tools/scan/samples";

/// A folder with files to scan, and their names.
#[derive(Debug)]
pub(super) struct Tree {
    folder: PathBuf,
    files: Vec<(String, String)>,
}

impl Tree {
    /// Copies what there is to scan into a folder, in place of what was there.
    pub(super) fn lay_out(root: &Path, folder: &Path) -> Result<Self> {
        let context = |path: &Path| format!("could not write {}", path.display());
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| context(folder))?;
        }
        let mut files = Vec::new();
        for (path, text) in Files::of(root)?.iter() {
            let Some(place) = place(path) else { continue };
            let target = folder.join(&place);
            fs::create_dir_all(target.parent().unwrap_or(folder)).with_context(|| context(&target))?;
            fs::write(&target, text).with_context(|| context(&target))?;
            files.push((place.display().to_string(), text.to_owned()));
        }
        Ok(Self {
            folder: folder.to_owned(),
            files,
        })
    }

    /// Where everything lies.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The name and text of each file, names being paths from the folder.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// The names of the files that are called so.
    pub(super) fn called(&self, is_meant: impl Fn(&Path) -> bool) -> Vec<&str> {
        self.files()
            .map(|(name, _)| name)
            .filter(|name| is_meant(Path::new(name)))
            .collect()
    }

    /// The workflows, the samples among them.
    pub(super) fn workflows(&self) -> Vec<&str> {
        self.called(|path| {
            path.parent()
                .is_some_and(|folder| folder.ends_with(".github/workflows"))
        })
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let owned = |&(name, text): &(&str, &str)| (name.to_owned(), text.to_owned());
        Self {
            folder: PathBuf::new(),
            files: files.iter().map(owned).collect(),
        }
    }
}

/// Where a file of the repository is put; tests of Terraform describe no infrastructure.
fn place(path: &Path) -> Option<PathBuf> {
    if let Ok(sample) = path.strip_prefix(SAMPLES) {
        return Some(Path::new("samples").join(sample));
    }
    let is_test = path.starts_with("terraform") && path.components().any(|it| it.as_os_str() == "tests");
    (!is_test).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_lie_beside_the_rest_and_tests_of_terraform_nowhere() {
        let placed = |path: &str| place(Path::new(path)).map(|it| it.display().to_string());
        assert_eq!(
            placed("tools/scan/samples/Dockerfile.sample").unwrap(),
            "samples/Dockerfile.sample"
        );
        assert_eq!(
            placed("terraform/modules/queue/main.tf").unwrap(),
            "terraform/modules/queue/main.tf"
        );
        assert_eq!(placed("terraform/modules/queue/tests/valid.tfvars.json"), None);
        assert_eq!(
            placed("crates/api/tests/it/main.rs").unwrap(),
            "crates/api/tests/it/main.rs"
        );
    }

    #[test]
    fn a_tree_has_what_git_would_track_and_nothing_older() {
        let (root, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folder = folder.path().join("tree");
        let write = |name: &str| {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        };
        write("Dockerfile.api");
        write(".github/workflows/ci.yml");
        write("tools/scan/samples/.github/workflows/sample.yml");
        Tree::lay_out(root.path(), &folder).unwrap();
        fs::remove_file(root.path().join("Dockerfile.api")).unwrap();
        let tree = Tree::lay_out(root.path(), &folder).unwrap();
        let mut workflows = tree.workflows();
        workflows.sort_unstable();
        assert_eq!(
            workflows,
            [".github/workflows/ci.yml", "samples/.github/workflows/sample.yml"]
        );
        assert!(!folder.join("Dockerfile.api").exists());
    }
}
