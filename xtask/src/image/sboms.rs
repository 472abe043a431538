//! What was signed to be in the images that run, so that it can be compared with what is known today.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::Value;

use super::said;

/// The type of the statements that list what is in an image.
const SPDX: &str = "https://spdx.dev/Document";

/// Whose lists are fetched.
#[derive(Args, Debug)]
pub struct Sboms {
    /// What `tandem-deploy status --json` told.
    #[arg(long)]
    status: PathBuf,
    /// The repository on GitHub that signed, as owner/name.
    #[arg(long)]
    repository: String,
    /// The folder for a file of each program.
    #[arg(long)]
    to: PathBuf,
}

impl Sboms {
    pub(super) fn run(&self, root: &Path) -> Result<ExitCode> {
        let status =
            fs::read(&self.status).with_context(|| format!("could not read {}", self.status.display()))?;
        let status: Value = serde_json::from_slice(&status).context("the status is not JSON")?;
        fs::create_dir_all(&self.to).with_context(|| format!("could not create {}", self.to.display()))?;
        for (program, digest) in running(&status)? {
            let place = format!("repos/{}/attestations/{digest}?per_page=100", self.repository);
            let mut gh = Command::new("gh");
            let answer = said(gh.current_dir(root).args(["api", &place]))?;
            let answer: Value = serde_json::from_str(&answer).context("GitHub does not answer in JSON")?;
            let list = list_in(&answer).with_context(|| format!("for the {program} at {digest}"))?;
            let file = self.to.join(format!("{program}.spdx.json"));
            fs::write(&file, list.to_string())
                .with_context(|| format!("could not write {}", file.display()))?;
            println!("{program} {digest}: {}", file.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The programs that run, and their digests.
fn running(status: &Value) -> Result<Vec<(&str, &str)>> {
    let programs = status["programs"]
        .as_array()
        .context("the status lists no programs")?;
    let running: Vec<_> = programs
        .iter()
        .filter_map(|it| it["program"].as_str().zip(it["digest"].as_str()))
        .collect();
    ensure!(!running.is_empty(), "nothing runs there");
    Ok(running)
}

/// The list in the first statement of that kind.
fn list_in(answer: &Value) -> Result<Value> {
    let signed = answer["attestations"]
        .as_array()
        .context("GitHub lists no attestations")?;
    for bundle in signed {
        let payload = bundle["bundle"]["dsseEnvelope"]["payload"]
            .as_str()
            .context("an attestation comes without its statement")?;
        let statement = STANDARD.decode(payload).context("a statement is not in Base64")?;
        let mut statement: Value = serde_json::from_slice(&statement).context("a statement is not JSON")?;
        if statement["predicateType"]
            .as_str()
            .is_some_and(|it| it.starts_with(SPDX))
        {
            return Ok(statement["predicate"].take());
        }
    }
    anyhow::bail!("nobody has signed what is in it")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn signed(kind: &str) -> Value {
        let statement = json!({"predicateType": kind, "predicate": {"packages": [kind]}});
        json!({"bundle": {"dsseEnvelope": {"payload": STANDARD.encode(statement.to_string())}}})
    }

    #[test]
    fn the_list_is_found_among_what_was_signed() {
        let answer = json!({"attestations": [signed("https://slsa.dev/provenance/v1"), signed("https://spdx.dev/Document/v2.3")]});
        assert_eq!(
            list_in(&answer).unwrap(),
            json!({"packages": ["https://spdx.dev/Document/v2.3"]})
        );
        let none = list_in(&json!({"attestations": [signed("other")]})).unwrap_err();
        assert_eq!(none.to_string(), "nobody has signed what is in it");
        assert!(list_in(&json!({"message": "Not Found"})).is_err());
        assert!(list_in(&json!({"attestations": [{"bundle": null}]})).is_err());
    }

    #[test]
    fn what_runs_is_read_from_the_status() {
        let status = json!({"programs": [{"program": "api", "digest": "sha256:1"}, {"program": "worker", "digest": null}]});
        assert_eq!(running(&status).unwrap(), [("api", "sha256:1")]);
        assert!(running(&json!({"programs": []})).is_err());
        assert!(running(&json!({})).is_err());
    }
}
