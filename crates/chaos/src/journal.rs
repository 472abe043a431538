//! The files of a history: one JSON object per line, written at once, so that a killed writer costs half a line at most.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::clock;

/// One file that only grows.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: Mutex<File>,
}

impl Journal {
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("could not create {}", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            file: Mutex::new(file),
        })
    }

    /// Writes a line with the time of now; the lines of one file are in the order of their times.
    pub(crate) fn write(&self, mut line: Value) -> Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        line["at"] = clock::text(clock::now()).into();
        file.write_all(format!("{line}\n").as_bytes())
            .with_context(|| format!("could not write {}", self.path.display()))
    }

    /// Writes a line as it is.
    pub(crate) fn write_raw(&self, line: &str) -> Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(format!("{line}\n").as_bytes())
            .with_context(|| format!("could not write {}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_line_is_an_object_with_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("faults.jsonl");
        let journal = Journal::create(&path).unwrap();
        journal.write(json!({"fault": "kill"})).unwrap();
        journal.write_raw(r#"{"table":"job"}"#).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines[0]["fault"], "kill");
        assert!(chrono::DateTime::parse_from_rfc3339(lines[0]["at"].as_str().unwrap()).is_ok());
        assert_eq!(lines[1], json!({"table": "job"}));
    }
}
