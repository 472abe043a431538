//! Cargo-deny: licences, banned crates and sources of what the product is built from. Its list of known vulnerabilities is
//! on the network, so workflows look at that.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::interrupt::Interrupts;

use super::{Finding, Sample, Site, text};

/// The rules of the sample refuse what every Rust program has.
pub(super) const SAMPLES: &[Sample] = &[("rejected", "deny.toml"), ("banned", "deny.toml")];

const RULES: &str = "deny.toml";

pub(super) fn scan(site: &Site<'_>) -> Result<Vec<Finding>> {
    fetch(site)?;
    let sample = "tools/scan/samples/deny.toml";
    let mut findings = errors(site, RULES, RULES)?;
    findings.extend(errors(site, sample, "samples/deny.toml")?);
    Ok(findings)
}

/// Compares all dependencies with the vulnerabilities that are known today, for `cargo xtask advisories`.
pub(super) fn advisories(programs: &Path, root: &Path, interrupts: &Interrupts) -> Result<bool> {
    let mut deny = Command::new(programs.join("cargo-deny"));
    let status = interrupts.run(
        deny.current_dir(root)
            .args(["--all-features", "check", "advisories"]),
    )?;
    Ok(status.success())
}

/// Has the crates of all systems: a build downloads only those of its own.
fn fetch(site: &Site<'_>) -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(site.root)
        .args(["fetch", "--locked", "--quiet"]);
    let status = site.interrupts.run_download(&mut cargo)?;
    ensure!(status.success(), "cargo could not fetch all crates ({status})");
    Ok(())
}

/// What is wrong by the rules of a file, told as if it was in another.
fn errors(site: &Site<'_>, rules: &str, file: &str) -> Result<Vec<Finding>> {
    let mut deny = site.program("cargo-deny");
    deny.current_dir(site.root)
        .args(["--offline", "--all-features", "--format=json", "--config"])
        .arg(Path::new(rules))
        .args(["check", "bans", "licenses", "sources"]);
    let output = deny.output().context("could not run cargo-deny")?;
    site.interrupts.check()?;
    let said = String::from_utf8_lossy(&output.stderr);
    findings(&said, file).with_context(|| format!("cargo-deny ended with {}: {said}", output.status))
}

/// The errors among the messages, of which the last one must be the sum.
fn findings(messages: &str, file: &str) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut has_summary = false;
    for line in messages.lines() {
        let message: Value = serde_json::from_str(line).context("a message is not JSON")?;
        let fields = &message["fields"];
        has_summary |= message["type"] == "summary";
        if message["type"] == "diagnostic" && fields["severity"] == "error" {
            findings.push(Finding {
                file: file.to_owned(),
                line: fields["labels"][0]["line"].as_u64().unwrap_or(0),
                rule: text(&fields["code"]),
                text: format!("{} ({})", text(&fields["message"]), culprit(fields)),
            });
        }
    }
    ensure!(has_summary, "it does not say how the checks went");
    Ok(findings)
}

/// The crate that a message is about.
fn culprit(fields: &Value) -> String {
    let krate = &fields["graphs"][0]["Krate"];
    format!("{} {}", text(&krate["name"]), text(&krate["version"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BANNED: &str = r#"{"type": "diagnostic", "fields": {"severity": "error", "code": "banned", "message": "is banned",
        "labels": [{"line": 7}], "graphs": [{"Krate": {"name": "openssl", "version": "0.10.0"}}]}}"#;

    #[test]
    fn errors_are_read_and_warnings_are_not() {
        let banned = BANNED.replace('\n', " ");
        let messages = format!(
            "{banned}\n{}\n{{\"type\": \"summary\"}}\n",
            banned.replace("error", "warning")
        );
        let findings = findings(&messages, "deny.toml").unwrap();
        assert_eq!(findings.len(), 1);
        assert_eq!(
            (findings[0].line, findings[0].text.as_str()),
            (7, "is banned (openssl 0.10.0)")
        );
    }

    #[test]
    fn without_a_sum_nothing_is_believed() {
        assert!(findings("", "deny.toml").is_err());
        assert!(findings(&BANNED.replace('\n', " "), "deny.toml").is_err());
        assert!(findings("error: no such option", "deny.toml").is_err());
    }
}
