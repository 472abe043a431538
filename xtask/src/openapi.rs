//! The api's description, as tools see it that know nothing of the product: `cargo xtask openapi-lint` asks whether it
//! is a good one, `cargo xtask openapi-breaking` whether clients of the released one can go on.

mod changes;
mod declared;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;

use crate::interrupt::Interrupts;
use crate::{node, python};

pub use changes::Break;

use changes::breaking;
use declared::Declared;

const DOCUMENT: &str = "crates/api/openapi.json";
const RELEASED: &str = "tools/openapi/released.json";
const DECLARED: &str = "tools/openapi/breaks.txt";
const RULES: &str = "tools/openapi/redocly.yaml";

/// What the description is compared with.
#[derive(Args, Debug, Default)]
pub struct Comparison {
    /// A commit, in place of what was released: no change is meant then.
    #[arg(long, value_name = "REF")]
    base: Option<String>,
    /// Makes the current description the released one, and empties the list of breaking changes that are meant.
    #[arg(long, conflicts_with = "base")]
    release: bool,
}

/// Who looks at the description.
#[derive(Clone, Copy, Debug)]
pub struct Description<'a> {
    /// The root of the repository.
    pub root: &'a Path,
    /// Who ends the commands.
    pub interrupts: &'a Interrupts,
}

impl Description<'_> {
    /// Checks the description against its format's own schema and by the linter's recommended rules; whether nothing was
    /// found.
    ///
    /// # Errors
    ///
    /// When a tool can't be installed, or does not say what it found.
    pub fn lint(&self) -> Result<bool> {
        let findings = [self.breaches_of_schema()?, self.lint_findings()?].concat();
        for finding in &findings {
            println!("{finding}");
        }
        println!("openapi: {} findings in {DOCUMENT}", findings.len());
        Ok(findings.is_empty())
    }

    /// Finds changes that break clients and are not declared; whether there is none.
    ///
    /// # Errors
    ///
    /// When a tool can't be installed, or there is nothing to compare with.
    pub fn breaking(&self, with: &Comparison) -> Result<bool> {
        if with.release {
            return self.release();
        }
        let (base, declared) = match &with.base {
            Some(commit) => (self.document_at(commit)?, Declared::default()),
            None => (self.root.join(RELEASED), Declared::read(&self.text(DECLARED)?)?),
        };
        let found = self.breaks(&base, &self.root.join(DOCUMENT))?;
        let complaints = declared.against(&found);
        for complaint in &complaints {
            println!("{complaint}");
        }
        println!(
            "openapi: {} breaking changes, {} of them declared in {DECLARED}",
            found.len(),
            declared.len()
        );
        Ok(complaints.is_empty())
    }

    /// The changes from one description to another that a client of the first may not survive.
    ///
    /// # Errors
    ///
    /// When the tool can't be installed, or does not understand one of them.
    pub fn breaks(&self, base: &Path, revision: &Path) -> Result<Vec<Break>> {
        let report = self.redocly(&["diff", "--format=json", "--fail-on=none"], &[base, revision])?;
        Ok(breaking(&report))
    }

    fn release(&self) -> Result<bool> {
        let released = self.root.join(RELEASED);
        fs::copy(self.root.join(DOCUMENT), &released)
            .with_context(|| format!("could not write {}", released.display()))?;
        let list = self.root.join(DECLARED);
        fs::write(&list, declared::without_entries(&self.text(DECLARED)?))
            .with_context(|| format!("could not write {}", list.display()))?;
        println!("{RELEASED} is {DOCUMENT} now");
        Ok(true)
    }

    /// One sentence per breach.
    fn breaches_of_schema(&self) -> Result<Vec<String>> {
        let python = python::ensure_venv(self.root, self.interrupts)?;
        let output = Command::new(python)
            .current_dir(self.root)
            .args(["-m", "openapi_spec_validator", "--errors=all", DOCUMENT])
            .output()
            .context("could not run openapi-spec-validator")?;
        let said = String::from_utf8_lossy(&output.stdout);
        Ok(if output.status.success() {
            Vec::new()
        } else {
            vec![
                said.trim().to_owned(),
                String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            ]
        })
    }

    fn lint_findings(&self) -> Result<Vec<String>> {
        let rules = format!("--config={RULES}");
        let report = self.redocly(&["lint", "--format=json", &rules], &[Path::new(DOCUMENT)])?;
        let problems = report["problems"]
            .as_array()
            .context("the linter does not say what it found")?;
        let of = |problem: &Value, name: &str| problem[name].as_str().unwrap_or_default().to_owned();
        Ok(problems
            .iter()
            .map(|problem| {
                format!(
                    "{} {} at {}: {}",
                    of(problem, "severity"),
                    of(problem, "ruleId"),
                    problem["location"][0]["pointer"].as_str().unwrap_or_default(),
                    of(problem, "message")
                )
            })
            .collect())
    }

    /// Runs a command of redocly, whose exit code tells of findings and of accidents alike, and reads its report.
    fn redocly(&self, arguments: &[&str], documents: &[&Path]) -> Result<Value> {
        let modules = node::ensure_modules(self.root, self.interrupts)?;
        let output = Command::new("node")
            .current_dir(self.root)
            .env("REDOCLY_TELEMETRY", "off")
            .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true")
            .arg(modules.join("node_modules/@redocly/cli/bin/cli.js"))
            .args(arguments)
            .args(documents)
            .output()
            .context("could not run redocly")?;
        serde_json::from_slice(&output.stdout).with_context(|| {
            format!(
                "redocly {} ended with {}: {}",
                arguments.join(" "),
                output.status,
                String::from_utf8_lossy(&output.stderr).trim()
            )
        })
    }

    /// The description as it was at a commit.
    fn document_at(&self, commit: &str) -> Result<PathBuf> {
        let output = Command::new("git")
            .current_dir(self.root)
            .args(["show", &format!("{commit}:{DOCUMENT}")])
            .output()
            .context("could not run git")?;
        if !output.status.success() {
            bail!(
                "git has no {DOCUMENT} at {commit}: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        let folder = self.root.join(".testenv/openapi");
        fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
        let base = folder.join("base.json");
        fs::write(&base, output.stdout).with_context(|| format!("could not write {}", base.display()))?;
        Ok(base)
    }

    fn text(&self, path: &str) -> Result<String> {
        fs::read_to_string(self.root.join(path)).with_context(|| format!("could not read {path}"))
    }
}
