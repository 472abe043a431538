//! Files that are cut off, damaged or missing.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use history::Invariant::Readable;
use history::{History, ReadError, Report, check};
use tempfile::TempDir;

use crate::cast::correct;

const FILES: [&str; 5] = [
    "clients.jsonl",
    "receiver.jsonl",
    "faults.jsonl",
    "processes.jsonl",
    "database.jsonl",
];

fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    correct().0.write(folder.path());
    folder
}

fn append(folder: &Path, file: &str, bytes: &[u8]) {
    let mut file = OpenOptions::new().append(true).open(folder.join(file)).unwrap();
    file.write_all(bytes).unwrap();
}

fn report(folder: &Path) -> Report {
    check(&History::read(folder).unwrap())
}

#[test]
fn a_last_line_that_is_cut_off_is_left_out() {
    for file in FILES {
        let folder = folder();
        append(folder.path(), file, b"{\"at\": \"2026-09-");
        let report = report(folder.path());
        assert!(report.holds(), "{report}");
        assert_eq!(report.truncated, [file]);
    }
}

#[test]
fn a_line_that_can_not_be_read_is_found() {
    for file in FILES {
        for damage in [&b"{\"at\": \"2026-09-\n"[..], b"\n", b"\xff\xfe\n", b"{}\n"] {
            // Nothing is required of what a process counted.
            if (file, damage) == ("processes.jsonl", b"{}\n") {
                continue;
            }
            let folder = folder();
            let lines = fs::read(folder.path().join(file)).unwrap();
            append(folder.path(), file, damage);
            let report = report(folder.path());
            assert_eq!(report.violations.len(), 1, "{file} {damage:?}\n{report}");
            let (violation, line) = (
                &report.violations[0],
                lines.iter().filter(|byte| **byte == b'\n').count() + 1,
            );
            assert_eq!(violation.invariant, Readable);
            assert_eq!(violation.subject, format!("{file}:{line}"));
        }
    }
}

#[test]
fn a_last_line_without_an_end_counts_when_it_is_whole() {
    let folder = folder();
    let path = folder.path().join("database.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.trim_end()).unwrap();
    let report = report(folder.path());
    assert!(report.holds(), "{report}");
    assert!(report.truncated.is_empty());
}

#[test]
fn a_file_that_is_missing_is_an_error() {
    for file in FILES.into_iter().chain(["run.json"]) {
        let folder = folder();
        fs::remove_file(folder.path().join(file)).unwrap();
        let error = History::read(folder.path()).unwrap_err();
        assert!(matches!(error, ReadError::Io { .. }), "{file}: {error}");
        assert!(error.to_string().contains(file), "{error}");
    }
}

#[test]
fn a_run_that_is_not_described_is_an_error() {
    let folder = folder();
    fs::write(folder.path().join("run.json"), "{}").unwrap();
    let error = History::read(folder.path()).unwrap_err();
    assert!(matches!(error, ReadError::Run { .. }), "{error}");
}
