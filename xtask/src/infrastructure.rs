//! `cargo xtask infrastructure`: Terraform on an environment, as workflows run it.
//!
//! What only the account knows comes from two variables of the environment, both JSON: `TANDEM_BACKEND` says where the state
//! is, as bootstrap's output `backends` has it, and `TANDEM_TFVARS` what stands in `account.auto.tfvars` elsewhere.
//!
//! Between a plan and its apply lies a review, which takes hours. An apply plans again, and goes on only if that is what was
//! reviewed.

mod changes;

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::interrupt::{Interrupts, exit_code};
use crate::version::tell;

/// What Terraform is to do.
#[derive(Clone, Debug, Eq, PartialEq, Subcommand)]
pub enum Verb {
    /// Tells what an apply would change, and the digest of that as plan=sha256:….
    Plan {
        /// The file that the digest is added to, such as `$GITHUB_OUTPUT`.
        #[arg(long)]
        output: Option<PathBuf>,
    },
    /// Makes it so, if it is what was reviewed.
    Apply {
        /// The digest that `plan` has told.
        #[arg(long)]
        reviewed: String,
    },
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
/// The plan's file, which has secrets in it and does not outlive the run.
const PLAN: &str = "planned.tfplan";

/// Runs Terraform in the environment's folder.
///
/// # Errors
///
/// When what the account knows is missing or wrong, or Terraform fails.
pub fn run(root: &Path, interrupts: &Interrupts, verb: &Verb, place: &Place) -> Result<ExitCode> {
    if let Verb::Apply { reviewed } = verb {
        ensure!(
            reviewed.starts_with("sha256:"),
            "--reviewed must be what plan has told, sha256:…, and is {reviewed:?}"
        );
    }
    let folder = folder(root, &place.environment)?;
    let init = init(&table("TANDEM_BACKEND", &place.backend)?)?;
    let variables = table("TANDEM_TFVARS", &place.variables)?;
    let file = folder.join("account.auto.tfvars.json");
    fs::write(&file, Value::from_iter(variables).to_string())
        .with_context(|| format!("could not write {}", file.display()))?;
    let terraform = Terraform { interrupts, folder };
    ensure!(terraform.run(&init)? == 0, "terraform can't be set up");
    let ended = match verb {
        Verb::Drift => terraform.drift(&place.environment),
        Verb::Plan { output } => terraform
            .plan(&["-lock=false"])
            .and_then(|plan| tell(&format!("plan={}\n", changes::digest(&plan)?), output.as_deref())),
        Verb::Apply { reviewed } => terraform.apply(&place.environment, reviewed),
    };
    terraform.forget()?;
    ended
}

/// Terraform in the folder of an environment.
struct Terraform<'a> {
    interrupts: &'a Interrupts,
    folder: PathBuf,
}

impl Terraform<'_> {
    /// Who plans may not write, so may not lock either.
    fn drift(&self, environment: &str) -> Result<ExitCode> {
        match self.run(&[
            "plan",
            "-input=false",
            "-no-color",
            "-lock=false",
            "-detailed-exitcode",
        ])? {
            0 => Ok(ExitCode::SUCCESS),
            CHANGES => {
                println!("{environment} is not what is described; see the plan above");
                Ok(ExitCode::FAILURE)
            }
            code => bail!("terraform failed ({code})"),
        }
    }

    /// Plans, and tells what would be done.
    fn plan(&self, lock: &[&str]) -> Result<Value> {
        let out = format!("-out={PLAN}");
        let arguments = [&["plan", "-input=false", "-no-color", &out], lock].concat();
        let code = self.run(&arguments)?;
        ensure!(code == 0, "terraform can't plan ({code})");
        let shown = self
            .command(&["show", "-json", PLAN])
            .output()
            .context("could not run terraform")?;
        self.interrupts.check()?;
        ensure!(
            shown.status.success(),
            "terraform can't tell what it has planned: {}",
            String::from_utf8_lossy(&shown.stderr).trim()
        );
        serde_json::from_slice(&shown.stdout).context("terraform tells no JSON")
    }

    fn apply(&self, environment: &str, reviewed: &str) -> Result<ExitCode> {
        let plan = self.plan(&["-lock-timeout=10m"])?;
        let planned = changes::digest(&plan)?;
        // When what comes after an apply has failed, that alone is run again.
        if changes::are_none(&plan) {
            println!("{environment} is as described; there is nothing to apply");
            return Ok(ExitCode::SUCCESS);
        }
        if planned != reviewed {
            println!(
                "Nothing is applied: {environment} has changed since the review, of {reviewed}; the plan above is {planned}. \
                 Run all jobs again, and review that plan."
            );
            return Ok(ExitCode::FAILURE);
        }
        let code = self.run(&["apply", "-input=false", "-no-color", "-lock-timeout=10m", PLAN])?;
        ensure!(code == 0, "terraform failed ({code})");
        Ok(ExitCode::SUCCESS)
    }

    /// Removes the plan, if there is one.
    fn forget(&self) -> Result<()> {
        let file = self.folder.join(PLAN);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("could not remove {}", file.display()))
            }
            _ => Ok(()),
        }
    }

    /// Its exit code.
    fn run<T: AsRef<str>>(&self, arguments: &[T]) -> Result<u8> {
        Ok(exit_code(self.interrupts.run(&mut self.command(arguments))?))
    }

    fn command<T: AsRef<str>>(&self, arguments: &[T]) -> Command {
        let mut terraform = Command::new("terraform");
        terraform
            .current_dir(&self.folder)
            .args(arguments.iter().map(AsRef::as_ref))
            .env("TF_IN_AUTOMATION", "1")
            .env("CHECKPOINT_DISABLE", "1");
        terraform
    }
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

    /// An environment of a repository of its own, whose one resource needs no account.
    struct Trial {
        interrupts: Interrupts,
        root: tempfile::TempDir,
        folder: PathBuf,
    }

    impl Trial {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let folder = root.path().join("terraform/environments/trial");
            fs::create_dir_all(&folder).unwrap();
            fs::write(
                folder.join("backend.tf"),
                "terraform {\n  backend \"local\" {}\n}\n",
            )
            .unwrap();
            let main = "variable \"size\" {\n  type = number\n}\n\n\
                        resource \"terraform_data\" \"thing\" {\n  input = var.size\n}\n";
            fs::write(folder.join("main.tf"), main).unwrap();
            Self {
                interrupts: Interrupts::catch().unwrap(),
                root,
                folder,
            }
        }

        fn run(&self, verb: &Verb, size: u8) -> Result<bool> {
            let place = Place {
                environment: "trial".to_owned(),
                backend: r#"{"path": "trial.tfstate"}"#.to_owned(),
                variables: format!(r#"{{"size": {size}}}"#),
            };
            let code = run(self.root.path(), &self.interrupts, verb, &place)?;
            assert!(!self.folder.join(PLAN).exists(), "a plan has secrets in it");
            Ok(code == ExitCode::SUCCESS)
        }

        fn plan(&self, size: u8) -> String {
            let output = self.root.path().join("output");
            fs::write(&output, "").unwrap();
            let plan = Verb::Plan {
                output: Some(output.clone()),
            };
            assert!(self.run(&plan, size).unwrap());
            let told = fs::read_to_string(output).unwrap();
            told.trim().strip_prefix("plan=").unwrap().to_owned()
        }

        fn apply(&self, reviewed: &str, size: u8) -> Result<bool> {
            let reviewed = reviewed.to_owned();
            self.run(&Verb::Apply { reviewed }, size)
        }

        fn state(&self) -> String {
            fs::read_to_string(self.folder.join("trial.tfstate")).unwrap_or_default()
        }
    }

    #[test]
    fn only_what_was_reviewed_is_applied() {
        let trial = Trial::new();
        let reviewed = trial.plan(1);
        assert_eq!(trial.plan(1), reviewed);
        assert!(!trial.apply(&reviewed, 2).unwrap());
        assert_eq!(trial.state(), "");
        assert!(trial.apply(&reviewed, 1).unwrap());
        assert!(trial.state().contains("terraform_data"));
        let done = trial.state();
        // What comes after it may be run again, and another change may not come along.
        assert!(trial.apply(&reviewed, 1).unwrap());
        assert!(!trial.apply(&reviewed, 2).unwrap());
        assert_eq!(trial.state(), done);
        assert!(trial.run(&Verb::Drift, 1).unwrap());
        assert!(!trial.run(&Verb::Drift, 2).unwrap());
    }

    #[test]
    fn without_a_review_nothing_is_applied() {
        let trial = Trial::new();
        for reviewed in ["", "none"] {
            let refused = trial.apply(reviewed, 1).unwrap_err().to_string();
            assert!(
                refused.starts_with("--reviewed must be what plan has told"),
                "{refused}"
            );
        }
        assert_eq!(trial.state(), "");
    }
}
