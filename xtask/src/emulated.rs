//! `cargo xtask emulated`: makes each environment in an emulator of AWS, from nothing and to nothing again, with the values
//! that it has. What the emulator lacks is switched off, see `terraform/emulated`.

mod alarm;
pub mod defects;
mod inventory;
mod programs;
mod task;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use local_postgres::{LocalPostgres, StopMode};
use serde_json::Value;

use crate::cloud::Cloud;
use crate::counts::Counts;
use crate::emulator::{Emulator, Kind};
use crate::interrupt::Interrupts;
use crate::policies::{self, Planned};
use crate::programs::built;
use crate::python;
use crate::services::start_postgres;
use crate::terraform::Look;
use crate::terraform::account::{Account, REGION};
use crate::terraform::environment::{EMULATED, ENVIRONMENTS, Environment, Extent};
use crate::terraform::program::Terraform;

use defects::Defect;
use programs::Trial;

/// Where the programs are tried: it has alarms and dashboards about what they tell, which the others do without.
const TRIED: &str = "prod";

/// What is made in what.
#[derive(Clone, Debug, clap::Args)]
pub struct Wanted {
    /// The emulator to make them in.
    #[arg(long, value_enum, default_value_t)]
    emulator: Kind,
    /// Those to make, such as `dev`; all of them, if none is named.
    environments: Vec<String>,
}

impl Wanted {
    /// Everything that the ordinary test run makes.
    fn everything() -> Self {
        Self {
            emulator: Kind::default(),
            environments: Vec::new(),
        }
    }

    /// What is known of its emulator's defects, from the root of the repository.
    fn defects(&self) -> String {
        format!("{EMULATED}/{}/defects.json", self.emulator.as_str())
    }
}

/// Makes these environments, or all.
///
/// # Errors
///
/// When Terraform is missing or the emulator does not start. What is found is told on the standard output and by the exit
/// code.
pub fn run(root: &Path, interrupts: &Interrupts, wanted: &Wanted) -> Result<ExitCode> {
    let mut counts = Counts::default();
    let postgres = start_postgres(root, interrupts)?;
    let made = make(root, interrupts, &postgres, wanted, &mut counts);
    postgres.stop(StopMode::Immediate)?;
    made?;
    println!("{counts}");
    Ok(if counts.is_success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Makes all of them for the ordinary test run. What keeps it from running counts as a failure.
pub fn count(root: &Path, interrupts: &Interrupts, postgres: &LocalPostgres, counts: &mut Counts) {
    if let Err(error) = make(root, interrupts, postgres, &Wanted::everything(), counts) {
        counts.add_error("emulated", &error);
    }
}

fn make(
    root: &Path,
    interrupts: &Interrupts,
    postgres: &LocalPostgres,
    wanted: &Wanted,
    counts: &mut Counts,
) -> Result<()> {
    let environments = &wanted.environments;
    if let Some(unknown) = environments
        .iter()
        .find(|name| !ENVIRONMENTS.contains(&name.as_str()))
    {
        bail!(
            "there is no environment called {unknown}, only {}",
            ENVIRONMENTS.join(", ")
        );
    }
    let defects = wanted.defects();
    let text =
        fs::read_to_string(root.join(&defects)).with_context(|| format!("could not read {defects}"))?;
    let emulation = Emulation {
        root,
        python: &python::ensure_venv(root, interrupts)?,
        terraform: &Terraform::find(root, interrupts)?,
        defects: &Defect::list(&text).context(defects)?,
        emulator: wanted.emulator,
        programs: &build(root, interrupts)?,
        postgres,
    };
    let names = ENVIRONMENTS
        .into_iter()
        .filter(|name| environments.is_empty() || environments.iter().any(|it| it == name));
    let counts = Mutex::new(counts);
    // All at once: Terraform's provider waits for most of it.
    std::thread::scope(|scope| {
        for name in names {
            let (emulation, counts) = (&emulation, &counts);
            scope.spawn(move || {
                let mut told = Told::new(name);
                if let Err(error) = emulation.make(name, &mut told) {
                    told.look("ends", Err(error));
                }
                told.count(&mut counts.lock().unwrap_or_else(PoisonError::into_inner));
            });
        }
    });
    interrupts.check()
}

fn build(root: &Path, interrupts: &Interrupts) -> Result<BTreeMap<String, PathBuf>> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root).args(["build", "--workspace"]);
    built(interrupts, cargo, &programs::PROGRAMS)
}

/// What all environments are made with.
struct Emulation<'a> {
    root: &'a Path,
    python: &'a Path,
    terraform: &'a Terraform<'a>,
    emulator: Kind,
    defects: &'a [Defect],
    programs: &'a BTreeMap<String, PathBuf>,
    postgres: &'a LocalPostgres,
}

impl Emulation<'_> {
    /// Makes an environment in an emulator of its own. What can't go on ends it, with what the emulator has said.
    fn make(&self, name: &str, told: &mut Told) -> Result<()> {
        let emulator = Emulator::start_for_terraform(self.emulator, self.root, self.python)?;
        self.make_in(&emulator, name, told).map_err(|error| {
            let log = emulator.log();
            anyhow!("{error:#}\nThe emulator's log:\n{}", log.trim_end())
        })
    }

    fn make_in(&self, emulator: &Emulator, name: &str, told: &mut Told) -> Result<()> {
        let cloud = Cloud::new(self.root, self.python, emulator, REGION);
        let account = Account::open(&cloud)?;
        let environment = Environment::prepare(self.terraform, self.root, "emulated", name, &account)?;
        let before = inventory::everything(&cloud)?;

        let whole = environment.plan(Extent::Full)?;
        told.time(&format!("plan of {} resources", planned(&whole)));
        environment.make(Extent::Emulated)?;
        told.look("is made", Ok(Vec::new()));
        // Read now: what the emulator forgets is forgotten in the state, too, once Terraform has looked again.
        let made = environment.state()?;
        let planned = Planned::of(&whole).with_made(&made);
        told.add_all("rules", policies::looks(&planned));
        if name == TRIED {
            let trial = Trial {
                programs: self.programs,
                postgres: self.postgres,
                cloud: &cloud,
                made: &made,
                folder: self.root.join(".testenv/emulated"),
            };
            trial.run(told)?;
        }
        self.repeat(&environment, name, told)?;
        environment.destroy()?;
        let left = environment.addresses()?;
        let left = left.iter().map(|it| format!("{it} is still in the state"));
        told.look("is deleted", Ok(left.collect()));
        let after = inventory::everything(&cloud)?;
        let left = after
            .difference(&before)
            .map(|thing| format!("{thing} is still there"));
        told.look("leaves nothing", Ok(left.collect()));
        Ok(())
    }

    /// Plans again what has just been made, does that, and plans once more: nothing but the emulator's defects may show.
    fn repeat(&self, environment: &Environment<'_>, name: &str, told: &mut Told) -> Result<()> {
        let found = defects::differences(&environment.plan(Extent::Emulated)?);
        let mut complaints = defects::unexplained(self.defects, name, &found);
        complaints.extend(defects::vanished(self.defects, name, &found));
        told.look("is what was asked for", Ok(complaints));
        environment.apply()?;
        let found = defects::differences(&environment.plan(Extent::Emulated)?);
        told.look(
            "stays so when applied again",
            Ok(defects::unexplained(self.defects, name, &found)),
        );
        Ok(())
    }
}

/// How many resources a plan wants to make.
fn planned(plan: &Value) -> usize {
    let changes = plan["resource_changes"].as_array().into_iter().flatten();
    changes
        .filter(|it| it["change"]["actions"][0] == "create")
        .count()
}

/// What was looked at in one environment, told as it happens.
struct Told {
    environment: String,
    begun: Instant,
    looks: Vec<Look>,
}

impl Told {
    fn new(environment: &str) -> Self {
        Self {
            environment: environment.to_owned(),
            begun: Instant::now(),
            looks: Vec::new(),
        }
    }

    /// Tells of a step, and how long it took since the one before.
    fn time(&mut self, step: &str) {
        println!(
            "emulated {}: {step}, {:.1} s",
            self.environment,
            self.begun.elapsed().as_secs_f64()
        );
        self.begun = Instant::now();
    }

    fn look(&mut self, name: &str, found: Result<Vec<String>>) {
        let complaints = found.unwrap_or_else(|error| vec![format!("{error:#}")]);
        self.time(&format!(
            "{name}{}",
            if complaints.is_empty() { "" } else { " FAILED" }
        ));
        self.add(Look::at(name, complaints));
    }

    fn add_all(&mut self, what: &str, looks: Vec<Look>) {
        let kept = looks.iter().filter(|look| look.complaints.is_empty()).count();
        self.time(&format!("{kept} of {} {what} kept", looks.len()));
        for look in looks {
            self.add(look);
        }
    }

    fn add(&mut self, look: Look) {
        for complaint in &look.complaints {
            let environment = &self.environment;
            println!(
                "  {environment} {}: {}",
                look.name,
                complaint.replace('\n', "\n    ")
            );
        }
        self.looks.push(look);
    }

    fn count(&self, counts: &mut Counts) {
        for look in &self.looks {
            counts.add_look(
                &format!("emulated {} {}", self.environment, look.name),
                &look.complaints,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_an_environment_early_fails_the_run() {
        let mut told = Told::new("dev");
        told.look("is made", Ok(Vec::new()));
        told.look("ends", Err(anyhow::anyhow!("terraform apply failed")));
        let mut counts = Counts::default();
        told.count(&mut counts);
        assert_eq!(counts.failures(), ["emulated dev ends: terraform apply failed"]);
    }
}
