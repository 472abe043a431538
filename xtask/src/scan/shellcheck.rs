//! Shellcheck: scripts, and what the steps of workflows run.

use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Finding, Sample, Site, list, report, text};
use crate::workflows::document::Workflow;

pub(super) const SAMPLES: &[Sample] = &[
    ("SC2115", "scripts/sample.sh"),
    ("SC2086", ".github/workflows/sample.yml.sample.2.sh"),
];

pub(super) fn scan(site: &Site<'_>) -> Result<Vec<Finding>> {
    let mut files: Vec<String> = site
        .tree
        .files()
        .filter(|(_, text)| is_script(text))
        .map(|(name, _)| name.to_owned())
        .collect();
    files.extend(steps(site)?);
    let mut shellcheck = site.program("shellcheck");
    shellcheck
        .args(["--format=json1", "--shell=bash", "--external-sources"])
        .args(&files);
    findings(&report(&mut shellcheck)?)
}

/// Whether a text asks for a shell that this scanner knows.
fn is_script(text: &str) -> bool {
    let asks = |shell: &str| {
        let first = text.lines().next().unwrap_or_default();
        first.starts_with("#!") && first.ends_with(shell)
    };
    asks("/bash") || asks(" bash") || asks("/sh")
}

/// A file for each step of a workflow that runs something, named after workflow, job and step.
fn steps(site: &Site<'_>) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for (name, text) in site.tree.files() {
        if !site.tree.workflows().contains(&name) {
            continue;
        }
        for step in Workflow::parse(name, text)?.steps() {
            if let Some(run) = step.run() {
                let file = format!("{name}.{}.{}.sh", step.job, step.number);
                let path = site.tree.folder().join(&file);
                fs::write(&path, run).with_context(|| format!("could not write {}", path.display()))?;
                files.push(file);
            }
        }
    }
    Ok(files)
}

fn findings(report: &Value) -> Result<Vec<Finding>> {
    let comments = list(&report["comments"], "comments")?.iter();
    Ok(comments
        .map(|comment| Finding {
            file: text(&comment["file"]),
            line: comment["line"].as_u64().unwrap_or(0),
            rule: format!("SC{}", comment["code"]),
            text: text(&comment["message"]),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_is_read() {
        let report = json!({"comments": [{"file": "a.sh", "line": 2, "code": 2086, "message": "quote it"}]});
        let findings = findings(&report).unwrap();
        assert_eq!(
            (
                findings[0].rule.as_str(),
                findings[0].file.as_str(),
                findings[0].line
            ),
            ("SC2086", "a.sh", 2)
        );
        assert!(super::findings(&json!([])).is_err());
    }

    #[test]
    fn scripts_are_known_by_their_first_line() {
        for (text, is_one) in [
            ("#!/usr/bin/env bash\n", true),
            ("#!/bin/sh\n", true),
            ("#!/usr/bin/env python3\n", false),
            ("echo bash\n", false),
        ] {
            assert_eq!(is_script(text), is_one, "{text}");
        }
    }
}
