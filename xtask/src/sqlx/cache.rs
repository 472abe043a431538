//! The files of the cache: one per statement, named by the statement's hash.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context, Result};

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Cache {
    files: BTreeMap<String, String>,
}

impl Cache {
    /// Reads a folder; one that does not exist is an empty cache.
    pub(super) fn read(dir: &Path) -> Result<Self> {
        let entries = match fs::read_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            entries => entries.with_context(|| format!("could not read {}", dir.display()))?,
        };
        let mut files = BTreeMap::new();
        for entry in entries {
            let path = entry
                .with_context(|| format!("could not read {}", dir.display()))?
                .path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if name.starts_with("query-") && name.ends_with(".json") {
                let text = fs::read_to_string(&path)
                    .with_context(|| format!("could not read {}", path.display()))?;
                files.insert(name, text);
            }
        }
        Ok(Self { files })
    }

    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// Makes a folder hold exactly these files; unchanged ones keep their time stamps.
    pub(super) fn write(&self, dir: &Path) -> Result<()> {
        let before = Self::read(dir)?;
        fs::create_dir_all(dir).with_context(|| format!("could not create {}", dir.display()))?;
        for name in before.files.keys().filter(|name| !self.files.contains_key(*name)) {
            fs::remove_file(dir.join(name)).with_context(|| format!("could not remove {name}"))?;
        }
        for (name, text) in self
            .files
            .iter()
            .filter(|(name, text)| before.files.get(*name) != Some(text))
        {
            fs::write(dir.join(name), text).with_context(|| format!("could not write {name}"))?;
        }
        Ok(())
    }

    /// What would have to change for this cache to be the fresh one; one sentence each.
    pub(super) fn differences(&self, fresh: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        for (name, text) in &fresh.files {
            match self.files.get(name) {
                None => differences.push(format!(".sqlx/{name} is missing: {}", statement(text))),
                Some(ours) if ours != text => {
                    differences.push(format!(".sqlx/{name} is stale: {}", statement(text)));
                }
                Some(_) => {}
            }
        }
        for (name, text) in self
            .files
            .iter()
            .filter(|(name, _)| !fresh.files.contains_key(*name))
        {
            differences.push(format!(".sqlx/{name} is superfluous: {}", statement(text)));
        }
        differences
    }
}

/// The beginning of the statement that a file is about, on one line.
fn statement(text: &str) -> String {
    const SHOWN_CHARS: usize = 80;
    let parsed: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let query = parsed["query"].as_str().unwrap_or("(not readable)");
    let line = query.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(files: &[(&str, &str)]) -> Cache {
        Cache {
            files: files
                .iter()
                .map(|&(name, text)| (name.to_owned(), text.to_owned()))
                .collect(),
        }
    }

    #[test]
    fn missing_stale_and_superfluous_files_are_told_apart() {
        let committed = cache(&[
            ("query-a.json", "1"),
            ("query-b.json", "old"),
            ("query-d.json", "1"),
        ]);
        let fresh = cache(&[
            ("query-a.json", "1"),
            ("query-b.json", "new"),
            ("query-c.json", "{\"query\": \"select\\n   1\"}"),
        ]);
        assert_eq!(
            committed.differences(&fresh),
            [
                ".sqlx/query-b.json is stale: (not readable)",
                ".sqlx/query-c.json is missing: select 1",
                ".sqlx/query-d.json is superfluous: (not readable)",
            ]
        );
        assert!(fresh.differences(&fresh).is_empty());
    }

    #[test]
    fn writing_replaces_what_was_there() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join(".sqlx");
        assert_eq!(Cache::read(&dir).unwrap(), Cache::default());
        cache(&[("query-a.json", "1"), ("query-b.json", "1")])
            .write(&dir)
            .unwrap();
        fs::write(dir.join("README.md"), "not a statement").unwrap();
        let fresh = cache(&[("query-b.json", "2"), ("query-c.json", "3")]);
        fresh.write(&dir).unwrap();
        assert_eq!(Cache::read(&dir).unwrap(), fresh);
        assert!(dir.join("README.md").exists());
    }
}
