//! What the product's processes said about themselves, counted.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::journal::Journal;
use crate::process::log_files;

/// What one process said.
#[derive(Debug, Default, Eq, PartialEq)]
struct Said {
    /// Attempts that had to end, or outcomes that were rejected, because the lease was lost.
    stale_completions: u64,
    /// Of those, the outcomes that the database rejected.
    rejected: u64,
    panics: u64,
    errors_logged: u64,
}

/// Counts what stands in all logs of a folder, and writes `processes.jsonl`. Answers how many outcomes of attempts that
/// were not the worker's any more the database has rejected.
pub(crate) fn count(logs: &Path, folder: &Path) -> Result<u64> {
    let journal = Journal::create(&folder.join("processes.jsonl"))?;
    let mut rejected = 0;
    for (process, incarnation) in lives(logs)? {
        let (output, errors) = log_files(logs, &process, incarnation);
        let said = Said::in_logs(&text(&output)?, &text(&errors)?);
        rejected += said.rejected;
        let line = json!({
            "process": process, "incarnation": incarnation, "stale_completions": said.stale_completions,
            "rejected_completions": said.rejected, "panics": said.panics, "errors_logged": said.errors_logged,
        });
        journal.write_raw(&line.to_string())?;
    }
    Ok(rejected)
}

impl Said {
    fn in_logs(output: &str, errors: &str) -> Self {
        let mut said = Self::default();
        for line in output.lines() {
            // The last line of a process that was killed may be cut off.
            let Ok(event) = serde_json::from_str::<Value>(line) else {
                continue;
            };
            said.errors_logged += u64::from(event["level"] == "ERROR");
            if event["outcome"] == "lease_lost" {
                said.stale_completions += 1;
                said.rejected += u64::from(!event["decided"].is_null());
            }
        }
        let is_panic = |line: &&str| line.starts_with("thread ") && line.contains("panicked at ");
        said.panics = errors.lines().filter(is_panic).count() as u64;
        said
    }
}

fn text(file: &Path) -> Result<String> {
    let bytes = fs::read(file).with_context(|| format!("could not read {}", file.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The processes that have logs, with each of their lives.
fn lives(logs: &Path) -> Result<BTreeSet<(String, u32)>> {
    let entries = fs::read_dir(logs).with_context(|| format!("could not read {}", logs.display()))?;
    let mut lives = BTreeSet::new();
    for entry in entries {
        let name = entry.context("could not read the logs")?.file_name();
        let life = name
            .to_str()
            .and_then(|name| name.strip_suffix(".out")?.rsplit_once("-i"))
            .and_then(|(process, incarnation)| Some((process.to_owned(), incarnation.parse().ok()?)));
        lives.extend(life);
    }
    Ok(lives)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_said_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("logs");
        fs::create_dir(&logs).unwrap();
        let (output, errors) = log_files(&logs, "worker-1", 12);
        let said = [
            r#"{"level":"WARN","outcome":"lease_lost","decided":"succeeded"}"#,
            r#"{"level":"WARN","outcome":"lease_lost"}"#,
            r#"{"level":"ERROR","message":"the lease is lost"}"#,
            r#"{"level":"INFO","outcome":"succ"#,
        ];
        fs::write(output, said.join("\n")).unwrap();
        fs::write(
            errors,
            "thread 'tokio' (17) panicked at test.rs:80:9:\njob 7 panics\n",
        )
        .unwrap();
        assert_eq!(count(&logs, folder.path()).unwrap(), 1);
        let written = fs::read_to_string(folder.path().join("processes.jsonl")).unwrap();
        let expected = json!({
            "process": "worker-1", "incarnation": 12, "stale_completions": 2, "rejected_completions": 1,
            "panics": 1, "errors_logged": 1,
        });
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), expected);
    }
}
