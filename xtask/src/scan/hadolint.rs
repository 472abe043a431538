//! Hadolint: what is unwise in Dockerfiles.

use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use super::{Finding, Sample, Site, list, report, text};

pub(super) const SAMPLES: &[Sample] = &[("DL3007", "Dockerfile.sample"), ("DL3008", "Dockerfile.sample")];

pub(super) fn scan(site: &Site<'_>) -> Result<Vec<Finding>> {
    let mut hadolint = site.program("hadolint");
    hadolint
        .args(["--format", "json"])
        .args(site.tree.called(is_dockerfile));
    findings(&report(&mut hadolint)?)
}

fn is_dockerfile(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name == "Dockerfile" || name.to_string_lossy().starts_with("Dockerfile."))
}

fn findings(report: &Value) -> Result<Vec<Finding>> {
    let findings = list(report, "findings")?.iter();
    Ok(findings
        .map(|finding| Finding {
            file: text(&finding["file"]),
            line: finding["line"].as_u64().unwrap_or(0),
            rule: text(&finding["code"]),
            text: text(&finding["message"]),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_is_read() {
        let report = json!([{"code": "DL3007", "file": "Dockerfile.a", "line": 1, "message": "no latest"}]);
        let findings = findings(&report).unwrap();
        assert_eq!(
            (findings[0].rule.as_str(), findings[0].file.as_str()),
            ("DL3007", "Dockerfile.a")
        );
        assert!(super::findings(&json!({})).is_err());
    }

    #[test]
    fn dockerfiles_are_known_by_their_names() {
        for (path, is_one) in [
            ("Dockerfile.api", true),
            ("tools/Dockerfile", true),
            ("docs/Dockerfiles.md", false),
        ] {
            assert_eq!(is_dockerfile(Path::new(path)), is_one, "{path}");
        }
    }
}
