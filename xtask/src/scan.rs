//! `cargo xtask scan`: what scanners that others wrote find in the infrastructure, the images, the workflows, the scripts
//! and the dependencies. Nothing may be found that has no reason beside it.
//!
//! A scanner that is broken finds nothing, which looks as if all were well. So each has samples, in `tools/scan/samples`,
//! that are wrong on purpose: they are scanned together with the repository, and must be found.

mod checkov;
mod deny;
mod hadolint;
mod reasons;
mod shellcheck;
mod tree;
mod workflows;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::counts::Counts;
use crate::interrupt::Interrupts;
use crate::node;
use crate::python::Environment;

use tree::Tree;

/// The scanners that come from `PyPI`.
const TOOLS: Environment = Environment {
    name: "scan_venv",
    requirements: "tools/scan/requirements.txt",
};

/// Where samples lie in what is scanned.
const SAMPLES: &str = "samples/";

/// One thing that a scanner dislikes.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Finding {
    /// The file, from the root of what was scanned.
    file: String,
    /// The line, counted from 1; 0 where the scanner does not say.
    line: u64,
    /// The scanner's name for the rule.
    rule: String,
    /// What is wrong.
    text: String,
}

/// What a scanner must have found: a rule, and the sample that breaks it.
type Sample = (&'static str, &'static str);

/// Where scanners are, and what they look at.
#[derive(Debug)]
struct Site<'a> {
    root: &'a Path,
    interrupts: &'a Interrupts,
    /// The folder of the programs that come from `PyPI`.
    programs: PathBuf,
    /// The folder of the modules that come from npm.
    modules: PathBuf,
    tree: Tree,
}

/// A scanner: its name, its samples, and how it is run.
struct Scanner {
    name: &'static str,
    samples: &'static [Sample],
    scan: fn(&Site<'_>) -> Result<Vec<Finding>>,
}

const SCANNERS: [Scanner; 7] = [
    Scanner {
        name: "checkov",
        samples: checkov::SAMPLES,
        scan: checkov::scan,
    },
    Scanner {
        name: "zizmor",
        samples: workflows::ZIZMOR_SAMPLES,
        scan: workflows::zizmor,
    },
    Scanner {
        name: "actionlint",
        samples: workflows::ACTIONLINT_SAMPLES,
        scan: workflows::actionlint,
    },
    Scanner {
        name: "hadolint",
        samples: hadolint::SAMPLES,
        scan: hadolint::scan,
    },
    Scanner {
        name: "shellcheck",
        samples: shellcheck::SAMPLES,
        scan: shellcheck::scan,
    },
    Scanner {
        name: "cargo-deny",
        samples: deny::SAMPLES,
        scan: deny::scan,
    },
    Scanner {
        name: "reasons",
        samples: reasons::SAMPLES,
        scan: |site| Ok(reasons::bare(&site.tree)),
    },
];

/// Runs all scanners.
///
/// # Errors
///
/// When a tool can't be installed. What scanners find is told on the standard output and by the exit code.
pub fn run(root: &Path, interrupts: &Interrupts) -> Result<ExitCode> {
    let mut counts = Counts::default();
    check(root, interrupts, &mut counts)?;
    println!("{counts}");
    Ok(counts.exit_code())
}

/// Compares the dependencies with the vulnerabilities that are known today, which are on the network.
///
/// # Errors
///
/// When a tool can't be installed. What is found is told on the standard output and by the exit code.
pub fn advisories(root: &Path, interrupts: &Interrupts) -> Result<ExitCode> {
    let python = TOOLS.ensure(root, interrupts)?;
    let programs = python.parent().unwrap_or(Path::new(""));
    Ok(if deny::advisories(programs, root, interrupts)? {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs all scanners, each of them a test.
///
/// # Errors
///
/// When something keeps them from running.
pub fn check(root: &Path, interrupts: &Interrupts, counts: &mut Counts) -> Result<()> {
    let _alone = alone(&root.join(".testenv/scan"))?;
    let python = TOOLS.ensure(root, interrupts)?;
    let site = Site {
        root,
        interrupts,
        programs: python.parent().unwrap_or(Path::new("")).to_owned(),
        modules: node::ensure_modules(root, interrupts)?,
        tree: Tree::lay_out(root, &root.join(".testenv/scan/tree"))?,
    };
    for Scanner { name, samples, scan } in SCANNERS {
        let begun = Instant::now();
        let complaints = match scan(&site) {
            Ok(findings) => complaints(&findings, samples),
            Err(error) => vec![format!("{error:#}")],
        };
        interrupts.check()?;
        let verdict = match complaints.len() {
            0 => format!("nothing but its {} samples", samples.len()),
            several => format!("{several} complaints, FAILED"),
        };
        println!("scan {name}: {verdict}, {:.1} s", begun.elapsed().as_secs_f64());
        for complaint in &complaints {
            println!("  {complaint}");
        }
        counts.add_look(&format!("scan {name}"), &complaints);
    }
    Ok(())
}

/// Waits until nobody else works in a folder that is made anew each time, and keeps others waiting.
pub(crate) fn alone(folder: &Path) -> Result<File> {
    let path = folder.join("lock");
    let context = || format!("could not lock {}", folder.display());
    fs::create_dir_all(folder).with_context(context)?;
    let lock = File::create(&path).with_context(context)?;
    lock.lock().with_context(context)?;
    Ok(lock)
}

/// What is found outside of the samples, and what is not found in them.
fn complaints(findings: &[Finding], samples: &[Sample]) -> Vec<String> {
    let missed = samples.iter().filter(|(rule, file)| {
        let breaks = |finding: &Finding| finding.rule == *rule && finding.file == format!("{SAMPLES}{file}");
        !findings.iter().any(breaks)
    });
    let missed = missed.map(|(rule, file)| {
        format!(
            "{rule} is not found in tools/scan/samples/{file}, which breaks it, so the rest can't be trusted"
        )
    });
    let found = findings.iter().filter(|it| !it.file.starts_with(SAMPLES));
    let found = found.map(|it| format!("{}:{}: {}: {}", it.file, it.line, it.rule, it.text));
    missed.chain(found).collect()
}

impl Site<'_> {
    /// A program that comes from `PyPI`, in the folder of what is scanned.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.current_dir(self.tree.folder());
        command
    }
}

/// Runs a scanner and reads its report, whatever its exit code: that tells of findings, and of accidents too.
fn report(command: &mut Command) -> Result<Value> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("could not run {name}"))?;
    parse(&output).with_context(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!(
            "{name} ended with {} and no report: {}",
            output.status,
            said.trim()
        )
    })
}

fn parse(output: &Output) -> Result<Value> {
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// A list that a report must have.
fn list<'a>(report: &'a Value, what: &str) -> Result<&'a [Value]> {
    report
        .as_array()
        .map(Vec::as_slice)
        .with_context(|| format!("the report does not list its {what}"))
}

/// A text of a report; empty where it has none.
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(file: &str, rule: &str) -> Finding {
        Finding {
            file: file.to_owned(),
            line: 3,
            rule: rule.to_owned(),
            text: "is wrong".to_owned(),
        }
    }

    #[test]
    fn what_is_found_in_the_repository_is_a_complaint() {
        let findings = [
            finding("Dockerfile.api", "D1"),
            finding("samples/Dockerfile", "D1"),
        ];
        assert_eq!(
            complaints(&findings, &[("D1", "Dockerfile")]),
            ["Dockerfile.api:3: D1: is wrong"]
        );
    }

    #[test]
    fn a_scanner_that_misses_its_sample_is_not_believed() {
        let missed =
            "D2 is not found in tools/scan/samples/Dockerfile, which breaks it, so the rest can't be trusted";
        for findings in [Vec::new(), vec![finding("samples/Dockerfile", "D1")]] {
            assert_eq!(complaints(&findings, &[("D2", "Dockerfile")]), [missed]);
        }
        let elsewhere = complaints(&[finding("Dockerfile", "D2")], &[("D2", "Dockerfile")]);
        assert_eq!(elsewhere, [missed, "Dockerfile:3: D2: is wrong"]);
    }

    #[test]
    fn a_scanner_without_a_report_is_an_error() {
        let said_nothing = report(&mut Command::new("true")).unwrap_err();
        assert!(format!("{said_nothing:#}").starts_with("true ended with exit status: 0 and no report: "));
        let is_absent = report(&mut Command::new("no-such-scanner")).unwrap_err();
        assert!(format!("{is_absent:#}").starts_with("could not run no-such-scanner"));
    }
}
