//! `cargo xtask contract`: whether the api does what its description says. Schemathesis, which knows nothing of the
//! product, reads the description from a running api and tries every route in it: with what the description allows, with
//! what it forbids, and with chains of requests that use each other's answers.

mod report;
pub(crate) mod site;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::Args;
use local_postgres::{LocalPostgres, StopMode};

use crate::counts::Counts;
use crate::interrupt::Interrupts;
use crate::python;
use crate::services::{Services, start_postgres};

use report::Report;
use site::Site;

/// How much is tried, and what.
#[derive(Args, Clone, Copy, Debug)]
pub struct Dose {
    /// The same seed tries the same.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The most requests per route that are made up at random; those that are derived from the description come on top.
    #[arg(long, default_value_t = 20)]
    pub max_examples: u32,
    /// Fail when fewer requests than this were made.
    #[arg(long, default_value_t = 1)]
    pub cases: u64,
}

impl Dose {
    /// What the ordinary test run takes: a minute on two cores.
    pub const QUICK: Self = Self {
        seed: 1,
        max_examples: 20,
        cases: 1,
    };
}

/// Runs a dose against processes and a database of its own.
///
/// # Errors
///
/// When something can't be started. What is found is told on the standard output and by the exit code.
pub fn run(root: &Path, interrupts: &Interrupts, dose: Dose) -> Result<ExitCode> {
    let postgres = start_postgres(root, interrupts)?;
    let mut counts = Counts::default();
    let tried = try_all(root, interrupts, &postgres, dose, &mut counts);
    postgres.stop(StopMode::Immediate)?;
    tried?;
    println!("{counts}");
    Ok(counts.exit_code())
}

/// Runs the quick dose for the ordinary test run.
///
/// # Errors
///
/// When something keeps it from running.
pub fn quick(root: &Path, interrupts: &Interrupts, services: &Services, counts: &mut Counts) -> Result<()> {
    try_all(root, interrupts, services.postgres(), Dose::QUICK, counts)
}

/// Counts each phase as a test.
fn try_all(
    root: &Path,
    interrupts: &Interrupts,
    postgres: &LocalPostgres,
    dose: Dose,
    counts: &mut Counts,
) -> Result<()> {
    let python = python::ensure_venv(root, interrupts)?;
    let mut site = Site::start(root, interrupts, postgres, "contract")?;
    let report = site.folder().join("report.json");
    // An old one must not be taken for the new one.
    drop(fs::remove_file(&report));
    let tools = root.join("tools/contract");
    let mut schemathesis = Command::new(&python);
    schemathesis
        .current_dir(site.folder())
        .env("SCHEMATHESIS_HOOKS", tools.join("hooks.py"))
        .env("TANDEM_CONTRACT_KEY", &site.key)
        .env(
            "TANDEM_CONTRACT_OWN_IDS",
            format!("{},{}", site.key_id(), site.tenant_id),
        )
        .args(["-m", "schemathesis.cli", "--config-file"])
        .arg(tools.join("schemathesis.toml"))
        .arg("run")
        .arg(format!("{}/openapi.json", site.url()))
        .args(["--seed", &dose.seed.to_string()])
        .args(["--max-examples", &dose.max_examples.to_string()])
        .args(["--report", "json", "--report-json-path"])
        .arg(&report)
        .arg("--no-color");
    let status = interrupts.run(&mut schemathesis)?;
    site.check()?;
    let text = fs::read_to_string(&report)
        .with_context(|| format!("schemathesis wrote no {} ({status})", report.display()))?;
    let report = Report::read(&text)?;
    println!("contract: {report}, seed {}", dose.seed);
    report.add_to(counts);
    if !status.success() && counts.is_success() {
        bail!("schemathesis ended with {status}");
    }
    if report.cases < dose.cases {
        bail!("only {} requests were made of {}", report.cases, dose.cases);
    }
    Ok(())
}
