//! `cargo xtask infrastructure`: Terraform on an environment, as workflows run it.
//!
//! What only the account knows comes from two variables of the environment, both JSON: `TANDEM_BACKEND` says where the state
//! is, as bootstrap's output `backends` has it, and `TANDEM_TFVARS` what stands in `account.auto.tfvars` elsewhere.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::interrupt::{Interrupts, exit_code};

/// What Terraform is to do.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Verb {
    /// Tells what an apply would change.
    Plan,
    /// Makes it so.
    Apply,
    /// Fails when an apply would change anything.
    Drift,
}

/// Where.
#[derive(Args, Debug)]
pub struct Place {
    /// The folder in terraform/environments.
    #[arg(long, global = true, default_value = "dev")]
    environment: String,
    /// Where the state is, as JSON.
    #[arg(
        long,
        global = true,
        env = "TANDEM_BACKEND",
        default_value = "",
        hide_default_value = true
    )]
    backend: String,
    /// What only the account knows, as JSON.
    #[arg(
        long,
        global = true,
        env = "TANDEM_TFVARS",
        default_value = "",
        hide_default_value = true
    )]
    variables: String,
}

/// Terraform's exit code for a plan that would change something, when it is asked for it.
const CHANGES: u8 = 2;

/// Runs Terraform in the environment's folder.
///
/// # Errors
///
/// When what the account knows is missing or wrong, or Terraform fails.
pub fn run(root: &Path, interrupts: &Interrupts, verb: Verb, place: &Place) -> Result<ExitCode> {
    let folder = folder(root, &place.environment)?;
    let init = init(&table("TANDEM_BACKEND", &place.backend)?)?;
    let variables = table("TANDEM_TFVARS", &place.variables)?;
    let file = folder.join("account.auto.tfvars.json");
    fs::write(&file, Value::from_iter(variables).to_string())
        .with_context(|| format!("could not write {}", file.display()))?;
    let terraform = |arguments: &[String]| {
        let mut terraform = Command::new("terraform");
        terraform
            .current_dir(&folder)
            .args(arguments)
            .env("TF_IN_AUTOMATION", "1")
            .env("CHECKPOINT_DISABLE", "1");
        Ok::<u8, anyhow::Error>(exit_code(interrupts.run(&mut terraform)?))
    };
    ensure!(terraform(&init)? == 0, "terraform can't be set up");
    let code = terraform(&arguments(verb))?;
    if matches!(verb, Verb::Drift) && code == CHANGES {
        println!(
            "{} is not what is described; see the plan above",
            place.environment
        );
        return Ok(ExitCode::FAILURE);
    }
    ensure!(code == 0, "terraform failed ({code})");
    Ok(ExitCode::SUCCESS)
}

fn folder(root: &Path, environment: &str) -> Result<PathBuf> {
    let environments = root.join("terraform/environments");
    let is_name = !environment.is_empty()
        && environment
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let folder = environments.join(environment);
    if !is_name || !folder.join("backend.tf").is_file() {
        bail!("--environment: there is no {environment:?} in terraform/environments");
    }
    Ok(folder)
}

fn init(backend: &BTreeMap<String, Value>) -> Result<Vec<String>> {
    let mut arguments = [
        "init",
        "-input=false",
        "-no-color",
        "-lockfile=readonly",
        "-reconfigure",
    ]
    .map(str::to_owned)
    .to_vec();
    for (key, value) in backend {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Object(_) => value.to_string(),
            _ => bail!("TANDEM_BACKEND: {key} must be a text, a truth or a table"),
        };
        arguments.push(format!("-backend-config={key}={value}"));
    }
    Ok(arguments)
}

/// Who plans may not write, so may not lock either.
fn arguments(verb: Verb) -> Vec<String> {
    let arguments: &[&str] = match verb {
        Verb::Plan => &["plan", "-input=false", "-no-color", "-lock=false"],
        Verb::Drift => &[
            "plan",
            "-input=false",
            "-no-color",
            "-lock=false",
            "-detailed-exitcode",
        ],
        Verb::Apply => &[
            "apply",
            "-input=false",
            "-no-color",
            "-auto-approve",
            "-lock-timeout=10m",
        ],
    };
    arguments.iter().map(|&it| it.to_owned()).collect()
}

fn table(name: &str, text: &str) -> Result<BTreeMap<String, Value>> {
    ensure!(
        !text.trim().is_empty(),
        "{name} is missing; it is a variable of the repository on GitHub, see docs/branches.md"
    );
    serde_json::from_str(text).with_context(|| format!("{name} must be a table in JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint<T: std::fmt::Debug>(result: Result<T>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn only_environments_that_exist_are_touched() {
        for name in ["../bootstrap", "", "production", "Prod"] {
            let refused = complaint(folder(crate::root(), name));
            assert_eq!(
                refused,
                format!("--environment: there is no {name:?} in terraform/environments")
            );
        }
        for name in ["dev", "staging", "prod"] {
            assert!(folder(crate::root(), name).unwrap().ends_with(name));
        }
    }

    #[test]
    fn the_backend_is_what_bootstrap_tells() {
        let backend = r#"{"bucket": "b", "encrypt": true, "kms_key_id": "arn:aws:kms:…"}"#;
        let arguments = init(&table("TANDEM_BACKEND", backend).unwrap()).unwrap();
        assert_eq!(
            arguments[5..],
            [
                "-backend-config=bucket=b",
                "-backend-config=encrypt=true",
                "-backend-config=kms_key_id=arn:aws:kms:…"
            ]
        );
        let wrong = table("TANDEM_BACKEND", r#"{"bucket": null}"#).unwrap();
        assert_eq!(
            complaint(init(&wrong)),
            "TANDEM_BACKEND: bucket must be a text, a truth or a table"
        );
        assert_eq!(
            complaint(table("TANDEM_TFVARS", "[]")),
            "TANDEM_TFVARS must be a table in JSON"
        );
        assert!(complaint(table("TANDEM_TFVARS", " ")).starts_with("TANDEM_TFVARS is missing"));
    }

    #[test]
    fn who_only_looks_locks_nothing() {
        assert!(arguments(Verb::Plan).contains(&"-lock=false".to_owned()));
        assert!(arguments(Verb::Drift).contains(&"-lock=false".to_owned()));
        assert!(!arguments(Verb::Apply).contains(&"-lock=false".to_owned()));
    }
}
