//! `cargo xtask workflows`: whether the workflows in `.github` keep our rules, and whether what their steps run does run.
//!
//! A workflow can be tried on GitHub only. So there is no logic in them: each step runs one command, and the command is a
//! program that runs anywhere. Which commands there are, and how each is tried, is in `.github/commands.json`.

mod account;
mod commands;
mod credentials;
pub mod document;
mod dry_run;
mod environment;
mod graph;
mod pins;
mod roles;
mod rules;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Subcommand;
use local_postgres::StopMode;
use serde_json::Value;

use crate::counts::Counts;
use crate::interrupt::Interrupts;
use crate::services::{Services, start_postgres};
use crate::tidy::files::Files;

use commands::Commands;
use document::Workflow;
use dry_run::Place;

/// What is looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Subcommand)]
pub enum Look {
    /// Reads the workflows, and checks them by our rules.
    Check,
    /// Runs the commands of all steps in a clone, as far as they run without GitHub, AWS and Docker.
    DryRun,
}

/// Everything about workflows.
#[derive(Debug)]
struct Site {
    workflows: Vec<Workflow>,
    /// The text of each, for what YAML does not keep: comments.
    texts: Vec<String>,
    commands: Commands,
    roles: Value,
    rulesets: Vec<Value>,
}

/// Looks.
///
/// # Errors
///
/// When something can't be read. What is found is told on the standard output and by the exit code.
pub fn run(root: &Path, interrupts: &Interrupts, look: Look) -> Result<ExitCode> {
    let mut counts = Counts::default();
    match look {
        Look::Check => check(root, &mut counts)?,
        Look::DryRun => {
            let postgres = start_postgres(root, interrupts)?;
            let place = Place {
                root,
                interrupts,
                postgres: &postgres,
            };
            let tried = dry_run::run(&place, &Site::read(root)?.commands, &mut counts);
            postgres.stop(StopMode::Immediate)?;
            tried?;
        }
    }
    println!("{counts}");
    Ok(counts.exit_code())
}

/// Both looks, for the ordinary test run.
///
/// # Errors
///
/// When something keeps them from looking.
pub fn check_all(
    root: &Path,
    interrupts: &Interrupts,
    services: &Services,
    counts: &mut Counts,
) -> Result<()> {
    check(root, counts)?;
    let place = Place {
        root,
        interrupts,
        postgres: services.postgres(),
    };
    dry_run::run(&place, &Site::read(root)?.commands, counts)
}

fn check(root: &Path, counts: &mut Counts) -> Result<()> {
    let site = Site::read(root)?;
    let toolchain = rules::toolchain(&text(root, "Cargo.toml")?)?;
    let looks = [
        ("pins", pins::check(&site.workflows, &site.texts)),
        ("commands", commands::check(&site.workflows, &site.commands)),
        ("credentials", credentials::check(&site.workflows)),
        ("graph", graph::check(&site.workflows, &site.rulesets)),
        ("roles", roles::check(&site.workflows, &site.roles)?),
        ("rules", rules::check(&site.workflows, &toolchain)),
    ];
    for (name, complaints) in looks {
        let verdict = if complaints.is_empty() { "ok" } else { "FAILED" };
        println!("workflows {name}: {verdict}");
        for complaint in &complaints {
            println!("  {complaint}");
        }
        counts.add_look(&format!("workflows {name}"), &complaints);
    }
    Ok(())
}

impl Site {
    fn read(root: &Path) -> Result<Self> {
        let files = Files::of(root)?;
        let in_folder = |folder: &'static str, end: &'static str| {
            let files = files.iter();
            files.filter(move |(path, _)| path.starts_with(folder) && path.to_string_lossy().ends_with(end))
        };
        let mut workflows = Vec::new();
        let mut texts = Vec::new();
        for (path, text) in in_folder(".github/workflows", ".yml") {
            workflows.push(Workflow::parse(&path.display().to_string(), text)?);
            texts.push(text.to_owned());
        }
        let rulesets = in_folder(".github/rulesets", ".json")
            .map(|(path, text)| json(&path.display().to_string(), text))
            .collect::<Result<_>>()?;
        Ok(Self {
            workflows,
            texts,
            commands: Commands::parse(&text(root, commands::FILE)?)?,
            roles: json(roles::FILE, &text(root, roles::FILE)?)?,
            rulesets,
        })
    }
}

fn text(root: &Path, name: &str) -> Result<String> {
    fs::read_to_string(root.join(name)).with_context(|| format!("could not read {name}"))
}

fn json(name: &str, text: &str) -> Result<Value> {
    serde_json::from_str(text).with_context(|| format!("{name} is not JSON"))
}
