//! What schemathesis found, as it writes it.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::counts::Counts;
use crate::metadata::elements;

/// The numbers of one run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Report {
    /// Routes and methods.
    operations: u64,
    /// Requests whose answers were checked.
    pub(super) cases: u64,
    /// Different ways in which the api did not do what its description says.
    failures: u64,
    /// Requests that could not be made.
    errors: u64,
    /// How each phase went; none that was left out.
    phases: BTreeMap<String, bool>,
    /// Warnings after which a success proves too little.
    doubts: Vec<String>,
}

/// The warnings that are doubts: parts of the description that were left out, and answers that say nothing of a route.
const DOUBTS: [&str; 4] = [
    "missing_auth",
    "rate_limited",
    "unresolvable_reference",
    "unsupported_regex",
];

impl Report {
    /// Reads the JSON report.
    ///
    /// # Errors
    ///
    /// When a number is not where it is expected: a newer version may write something else.
    pub(super) fn read(text: &str) -> Result<Self> {
        let report: Value = serde_json::from_str(text).context("the report of schemathesis is not JSON")?;
        let number = |pointer: &str| {
            let value = report.pointer(pointer).and_then(Value::as_u64);
            value.with_context(|| format!("the report of schemathesis has no {pointer}"))
        };
        let phases = report["phases"].as_object().into_iter().flatten();
        Ok(Self {
            operations: number("/operations/tested")?,
            cases: number("/test_cases/generated")?,
            failures: number("/test_cases/unique_failures")?,
            errors: number("/test_cases/errored")?,
            doubts: DOUBTS
                .iter()
                .flat_map(|name| {
                    elements(&report["warnings"][name])
                        .iter()
                        .map(move |it| format!("{name} {it}"))
                })
                .collect(),
            phases: phases
                .map(|(name, phase)| (name.clone(), phase["status"] == "success"))
                .collect(),
        })
    }

    /// Counts each phase as a test, and the absence of phases as a failure.
    pub(super) fn add_to(&self, counts: &mut Counts) {
        for (name, &passed) in &self.phases {
            counts.add(&format!("contract {name}"), passed);
        }
        for doubt in &self.doubts {
            counts.add(&format!("contract {doubt}"), false);
        }
        if self.phases.is_empty() || self.operations == 0 {
            counts.add("contract", false);
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} operations, {} requests, {} failures, {} errors",
            self.operations, self.cases, self.failures, self.errors
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{
        "operations": { "total": 3, "tested": 2 },
        "phases": { "coverage": { "status": "success" }, "fuzzing": { "status": "failure" } },
        "test_cases": { "generated": 40, "unique_failures": 1, "errored": 0 }
    }"#;

    #[test]
    fn each_phase_is_a_test() {
        let report = Report::read(TEXT).unwrap();
        assert_eq!(
            report.to_string(),
            "2 operations, 40 requests, 1 failures, 0 errors"
        );
        let mut counts = Counts::default();
        report.add_to(&mut counts);
        assert_eq!(counts.to_string(), "1 passed, 1 failed");
        assert_eq!(counts.failures(), ["contract fuzzing"]);
    }

    #[test]
    fn a_report_that_says_nothing_is_no_success() {
        assert!(Report::read("{}").is_err());
        let text = TEXT.replace("\"tested\": 2", "\"tested\": 0");
        let mut counts = Counts::default();
        Report::read(&text).unwrap().add_to(&mut counts);
        assert!(counts.failures().contains(&"contract".to_owned()));
    }

    #[test]
    fn a_run_that_left_something_out_is_no_success() {
        let left_out =
            r#""warnings": { "rate_limited": ["GET /a"], "missing_test_data": ["GET /b"] }, "phases""#;
        let text = TEXT
            .replace("\"phases\"", left_out)
            .replace("failure\"", "success\"");
        let mut counts = Counts::default();
        Report::read(&text).unwrap().add_to(&mut counts);
        assert_eq!(counts.failures(), [r#"contract rate_limited "GET /a""#]);
    }
}
