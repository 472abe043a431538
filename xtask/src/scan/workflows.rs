//! The scanners of workflows: zizmor for their security, actionlint for their sense.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Finding, Sample, Site, list, report, text};

pub(super) const ZIZMOR_SAMPLES: &[Sample] = &[
    ("dangerous-triggers", ".github/workflows/sample.yml"),
    ("template-injection", ".github/workflows/sample.yml"),
    ("unpinned-uses", ".github/workflows/sample.yml"),
];

pub(super) const ACTIONLINT_SAMPLES: &[Sample] = &[("job-needs", ".github/workflows/sample.yml")];

/// Looks at workflows, and at what Dependabot is told.
pub(super) fn zizmor(site: &Site<'_>) -> Result<Vec<Finding>> {
    let mut zizmor = site.program("zizmor");
    zizmor
        .args([
            "--offline",
            "--persona=auditor",
            "--format=json",
            "--strict-collection",
            "--no-progress",
        ])
        .args(site.tree.workflows())
        .args(site.tree.called(|path| path.ends_with(".github/dependabot.yml")))
        .env_remove("GH_TOKEN")
        .env_remove("GITHUB_TOKEN");
    zizmor_findings(&report(&mut zizmor)?)
}

fn zizmor_findings(report: &Value) -> Result<Vec<Finding>> {
    let findings = list(report, "findings")?.iter();
    let findings = findings
        .filter(|finding| finding["ignored"] != true)
        .map(|finding| {
            let place = &finding["locations"][0];
            Finding {
                file: text(&place["symbolic"]["key"]["Local"]["verbatim_path"]),
                line: place["concrete"]["location"]["start_point"]["row"]
                    .as_u64()
                    .map_or(0, |row| row + 1),
                rule: text(&finding["ident"]),
                text: text(&finding["desc"]),
            }
        });
    Ok(findings.collect())
}

pub(super) fn actionlint(site: &Site<'_>) -> Result<Vec<Finding>> {
    let workflows = site.tree.workflows();
    let mut node = Command::new("node");
    node.current_dir(site.tree.folder())
        .arg(site.root.join("tools/scan/actionlint.mjs"))
        .arg(&site.modules)
        .args(&workflows);
    let report = report(&mut node)?;
    ensure!(
        report["read"] == workflows.len(),
        "actionlint has read {} of {} workflows",
        report["read"],
        workflows.len()
    );
    actionlint_findings(&report)
}

fn actionlint_findings(report: &Value) -> Result<Vec<Finding>> {
    let findings = list(&report["findings"], "findings")?.iter().map(|finding| {
        Ok(Finding {
            file: text(&finding["file"]),
            line: finding["line"].as_u64().context("a finding has no line")?,
            rule: text(&finding["kind"]),
            text: text(&finding["message"]),
        })
    });
    findings.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reports_are_read() {
        let finding = |ignored: bool| {
            json!({"ident": "unpinned-uses", "desc": "not pinned", "ignored": ignored, "locations": [{
                "symbolic": {"key": {"Local": {"verbatim_path": "a.yml"}}},
                "concrete": {"location": {"start_point": {"row": 8, "column": 2}}},
            }]})
        };
        let expected = Finding {
            file: "a.yml".to_owned(),
            line: 9,
            rule: "unpinned-uses".to_owned(),
            text: "not pinned".to_owned(),
        };
        let report = json!([finding(false), finding(true)]);
        assert_eq!(zizmor_findings(&report).unwrap(), std::slice::from_ref(&expected));
        assert!(zizmor_findings(&json!({"error": "no input"})).is_err());
        let report = json!({"read": 1, "findings": [
            {"file": "a.yml", "line": 9, "kind": "unpinned-uses", "message": "not pinned"},
        ]});
        assert_eq!(actionlint_findings(&report).unwrap(), [expected]);
        assert!(actionlint_findings(&json!({"read": 1})).is_err());
    }
}
