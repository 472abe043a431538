//! The program that checks a kept run.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::cast::correct;
use crate::written::Written;

fn history(folder: &Path, more: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_history"));
    program.arg(folder).args(more).output().unwrap()
}

fn written(history: &Written) -> TempDir {
    let folder = TempDir::new().unwrap();
    history.write(folder.path());
    folder
}

#[test]
fn a_run_that_holds_ends_well() {
    let folder = written(&correct().0);
    let output = history(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("attempted") && !text.contains("BROKEN"), "{text}");
}

#[test]
fn a_broken_promise_is_shown_and_ends_badly() {
    let (mut broken, cast) = correct();
    broken.remove(&["dead_letter"], cast.failed);
    let folder = written(&broken);
    let output = history(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("BROKEN 1 times") && text.contains(&cast.failed.to_string()),
        "{text}"
    );
    let output = history(folder.path(), &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["violations"][0]["invariant"], "I6");
}

#[test]
fn a_folder_without_a_history_is_an_error() {
    let folder = TempDir::new().unwrap();
    let output = history(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("run.json"), "{text}");
}
