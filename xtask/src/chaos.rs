//! `cargo xtask chaos`: builds the product with its failpoints, and has the program `chaos` harm it under load.

mod arguments;
mod mutant;
mod programs;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Result, bail};

use arguments::{Own, Profile, needs_sqs};
use programs::Programs;

use crate::emulator::Emulator;
use crate::interrupt::{Interrupts, exit_code};
use crate::programs::built;
use crate::{machine, python};

/// What makes the product's processes suffer what they are armed with.
const FEATURES: &str = "api/failpoints,worker/failpoints";
/// The programs of the product.
const PRODUCT: [&str; 3] = ["api", "worker", "tandem"];
/// The program that harms them.
const CHAOS: &str = "chaos";

/// How one run of the program went, as its last line tells.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ran {
    /// Scenario, backend and seed.
    pub name: String,
    /// Whether every promise was kept.
    pub held: bool,
    /// The rest of the line: how long it took, and what was broken.
    pub told: String,
}

impl Ran {
    /// Reads a line such as `run quick-sqs-1 ... ok after 80 s`; most lines say something else.
    fn read(line: &str) -> Option<Self> {
        let (name, outcome) = line.strip_prefix("run ")?.split_once(" ... ")?;
        let (held, told) = match (outcome.strip_prefix("ok"), outcome.strip_prefix("FAILED")) {
            (Some(told), _) => (true, told),
            (None, Some(told)) => (false, told),
            (None, None) => return None,
        };
        Some(Self {
            name: name.to_owned(),
            held,
            told: told.trim_matches([',', ' ']).to_owned(),
        })
    }

    /// Whether this invariant was broken. A run that broke off tells of none.
    fn broke(&self, invariant: &str) -> bool {
        !self.held && self.told.split([' ', ',', ':']).any(|word| word == invariant)
    }
}

/// The workspace, and who ends the commands on Ctrl-C.
#[derive(Clone, Copy, Debug)]
pub struct Chaos<'a> {
    /// The root of the repository.
    pub root: &'a Path,
    /// Who ends the commands.
    pub interrupts: &'a Interrupts,
}

impl Chaos<'_> {
    /// Runs what the arguments say. `endpoint` is an SQS-protocol server; without one, its own is started.
    ///
    /// # Errors
    /// When something is missing, does not build or can't be started.
    pub fn run(&self, arguments: &[String], endpoint: Option<&str>) -> Result<ExitCode> {
        let (own, arguments) = Own::taken_from(arguments)?;
        machine::ensure_postgres(self.interrupts)?;
        if let Some(name) = &own.mutant {
            return self.catch(name, own.profile, &arguments, endpoint);
        }
        let programs = self.programs(own.profile)?;
        self.with_sqs(&arguments, endpoint, |endpoint| {
            let mut chaos = self.program(&programs, endpoint);
            let status = self.interrupts.run(chaos.args(&arguments))?;
            Ok(ExitCode::from(exit_code(status)))
        })
    }

    /// Runs the quick scenario on both backends, for the ordinary test run.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn quick(&self, endpoint: &str) -> Result<Vec<Ran>> {
        let programs = self.programs(Profile::Debug)?;
        let mut chaos = self.program(&programs, Some(endpoint));
        chaos.args(["--scenario", "quick", "--backend", "both"]);
        self.observe(&mut chaos)
    }

    /// Builds everything that a run needs, and copies it for this invocation.
    fn programs(&self, profile: Profile) -> Result<Programs> {
        let built = self.build(profile, &[&PRODUCT[..], &[CHAOS]].concat())?;
        Programs::copy(&self.root.join("target/chaos"), profile, &built)
    }

    /// Builds programs with the failpoints, and says where they are. The packages are those of the ordinary build, so
    /// that nothing of what they depend on is built with other features.
    fn build(&self, profile: Profile, wanted: &[&str]) -> Result<BTreeMap<String, PathBuf>> {
        let mut cargo = Command::new("cargo");
        cargo
            .current_dir(self.root)
            .args(["build", "--workspace", "--features", FEATURES])
            .args(profile.of_cargo());
        built(self.interrupts, cargo, wanted)
    }

    /// The program `chaos`, ready for its other arguments.
    fn program(&self, programs: &Programs, endpoint: Option<&str>) -> Command {
        let mut chaos = Command::new(programs.folder.join(CHAOS));
        chaos
            .current_dir(self.root)
            .args(["--commit", &self.commit(), "--profile", programs.profile.name()]);
        if let Some(endpoint) = endpoint {
            chaos.args(["--sqs-endpoint", endpoint]);
        }
        chaos
    }

    /// Runs the program, shows what it prints, and answers how its runs went.
    fn observe(&self, chaos: &mut Command) -> Result<Vec<Ran>> {
        let mut runs = Vec::new();
        self.interrupts.run_by_line(chaos, |line| {
            println!("{line}");
            runs.extend(Ran::read(line));
        })?;
        if runs.is_empty() {
            bail!("chaos ran nothing");
        }
        Ok(runs)
    }

    /// Calls with the address of an SQS-protocol server, if the arguments want one and don't name it themselves.
    fn with_sqs<T>(
        &self,
        arguments: &[String],
        endpoint: Option<&str>,
        run: impl FnOnce(Option<&str>) -> Result<T>,
    ) -> Result<T> {
        if !needs_sqs(arguments) {
            return run(None);
        }
        if let Some(endpoint) = endpoint {
            return run(Some(endpoint));
        }
        let python = python::ensure_venv(self.root, self.interrupts)?;
        let ministack = Emulator::start(self.root, &python)?;
        run(Some(&ministack.endpoint()))
    }

    /// What is built, for the reports.
    fn commit(&self) -> String {
        let git = |arguments: &[&str]| {
            let output = Command::new("git")
                .current_dir(self.root)
                .args(arguments)
                .output()
                .ok()?;
            let text = String::from_utf8(output.stdout).ok()?;
            output.status.success().then(|| text.trim().to_owned())
        };
        let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else {
            return "unknown".to_owned();
        };
        match git(&["status", "--porcelain"]).as_deref() {
            Some("") => commit,
            _ => format!("{commit} with changes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcomes_of_runs_are_read_from_their_last_lines() {
        let ran = |name: &str, held, told: &str| {
            Some(Ran {
                name: name.to_owned(),
                held,
                told: told.to_owned(),
            })
        };
        assert_eq!(
            Ran::read("run quick-sqs-1 ... ok after 80 s"),
            ran("quick-sqs-1", true, "after 80 s")
        );
        assert_eq!(
            Ran::read("run quick-sqs-1 ... FAILED after 80 s: I2 3, I3 1"),
            ran("quick-sqs-1", false, "after 80 s: I2 3, I3 1")
        );
        assert_eq!(
            Ran::read("run quick-sqs-1 ... FAILED, it broke off"),
            ran("quick-sqs-1", false, "it broke off")
        );
        assert_eq!(Ran::read("quick-sqs-1:   12 s load: 17 submitted"), None);
    }

    #[test]
    fn a_run_broke_what_it_tells_and_nothing_when_it_broke_off() {
        let broke = |line: &str, invariant| Ran::read(line).unwrap().broke(invariant);
        let line = "run quick-sqs-1 ... FAILED after 80 s: I12 3, expectations 1 (the first after 12.5 s)";
        assert!(broke(line, "I12") && !broke(line, "I1") && !broke(line, "I2"));
        assert!(!broke("run quick-sqs-1 ... FAILED, it broke off", "I12"));
        assert!(!broke("run quick-sqs-1 ... ok after 80 s", "I12"));
    }
}
