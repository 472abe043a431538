//! Checkov: insecure settings in Terraform, Dockerfiles and workflows.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{Finding, Sample, Site, list, report, text};

/// What it looks at.
const FRAMEWORKS: [&str; 3] = ["terraform", "dockerfile", "github_actions"];

/// One for each framework, and what is let pass without a reason.
pub(super) const SAMPLES: &[Sample] = &[
    ("CKV_AWS_20", "terraform/main.tf"),
    (WITHOUT_REASON, "terraform/main.tf"),
    ("CKV_DOCKER_3", "Dockerfile.sample"),
    ("CKV2_GHA_1", ".github/workflows/sample.yml"),
];

/// Ours: an exception that says nothing for itself.
const WITHOUT_REASON: &str = "skip-without-reason";

pub(super) fn scan(site: &Site<'_>) -> Result<Vec<Finding>> {
    let mut checkov = site.program("checkov");
    checkov
        .args([
            "--directory",
            ".",
            "--skip-download",
            "--output",
            "json",
            "--framework",
        ])
        .args(FRAMEWORKS)
        // Nothing is sent to anybody, whoever runs this.
        .env_remove("BC_API_KEY")
        .env("LOG_LEVEL", "ERROR");
    findings(&report(&mut checkov)?)
}

/// The findings of a report, which is a list of one part per framework, or a single part.
fn findings(report: &Value) -> Result<Vec<Finding>> {
    let parts = match report {
        Value::Array(parts) => parts.as_slice(),
        part => std::slice::from_ref(part),
    };
    for framework in FRAMEWORKS {
        let part = parts.iter().find(|part| part["check_type"] == framework);
        let part = part.with_context(|| format!("checkov says nothing about {framework}"))?;
        if part["summary"]["parsing_errors"] != 0 {
            bail!(
                "checkov can't read all of {framework}: {}",
                part["results"]["parsing_errors"]
            );
        }
    }
    let mut findings = Vec::new();
    for part in parts {
        let results = &part["results"];
        findings.extend(
            list(&results["failed_checks"], "failed checks")?
                .iter()
                .map(failed),
        );
        let skipped = list(&results["skipped_checks"], "skipped checks")?;
        findings.extend(skipped.iter().filter(|it| !has_reason(it)).map(|it| Finding {
            text: format!(
                "{} is skipped, and the reason is not there",
                text(&it["check_id"])
            ),
            rule: WITHOUT_REASON.to_owned(),
            ..failed(it)
        }));
    }
    Ok(findings)
}

fn failed(check: &Value) -> Finding {
    Finding {
        file: text(&check["repo_file_path"]).trim_start_matches('/').to_owned(),
        line: check["file_line_range"][0].as_u64().unwrap_or(0),
        rule: text(&check["check_id"]),
        text: format!("{}: {}", text(&check["resource"]), text(&check["check_name"])),
    }
}

fn has_reason(check: &Value) -> bool {
    let reason = text(&check["check_result"]["suppress_comment"]);
    !reason.trim().is_empty() && reason != "No comment provided"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn part(framework: &str, failed: &Value, skipped: &Value) -> Value {
        json!({
            "check_type": framework,
            "results": {"failed_checks": failed, "skipped_checks": skipped},
            "summary": {"parsing_errors": 0},
        })
    }

    #[test]
    fn findings_and_bare_exceptions_are_read() {
        let bucket = json!({
            "check_id": "CKV_AWS_20", "check_name": "No public buckets", "repo_file_path": "/terraform/main.tf",
            "file_line_range": [2, 5], "resource": "aws_s3_bucket.a",
        });
        let skip =
            |comment: &str| json!({"check_id": "CKV_AWS_27", "check_result": {"suppress_comment": comment}});
        let report = json!([
            part(
                "terraform",
                &json!([bucket]),
                &json!([skip("Nobody reads it."), skip("No comment provided"), skip(" ")])
            ),
            part("dockerfile", &json!([]), &json!([])),
            part("github_actions", &json!([]), &json!([])),
        ]);
        let findings = findings(&report).unwrap();
        let rules: Vec<&str> = findings.iter().map(|it| it.rule.as_str()).collect();
        assert_eq!(rules, ["CKV_AWS_20", WITHOUT_REASON, WITHOUT_REASON]);
        assert_eq!(
            (findings[0].file.as_str(), findings[0].line),
            ("terraform/main.tf", 2)
        );
    }

    #[test]
    fn what_it_did_not_look_at_is_an_error() {
        let none = json!([]);
        let missing = findings(&part("terraform", &none, &none)).unwrap_err();
        assert_eq!(missing.to_string(), "checkov says nothing about dockerfile");
        let mut unread = FRAMEWORKS.map(|framework| part(framework, &none, &none));
        unread[0]["summary"]["parsing_errors"] = json!(1);
        unread[0]["results"]["parsing_errors"] = json!(["a.tf"]);
        let error = findings(&Value::from(unread.to_vec())).unwrap_err();
        assert_eq!(
            error.to_string(),
            "checkov can't read all of terraform: [\"a.tf\"]"
        );
        assert!(findings(&json!({})).is_err());
    }
}
