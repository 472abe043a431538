//! `cargo xtask docs-page`: whether the page at `/docs` works in a real browser, from the first look to a job.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::Result;
use local_postgres::{LocalPostgres, StopMode};

use crate::contract::site::Site;
use crate::interrupt::Interrupts;
use crate::services::start_postgres;
use crate::{machine, node};

/// What Chromium is called, by those who package it.
const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
];

/// Uses the page as a person would, on a database of its own. Screenshots of it stay in `.testenv/docs_page`.
///
/// # Errors
///
/// When something can't be started. What the page does wrong is told on the standard output and by the exit code.
pub fn run(root: &Path, interrupts: &Interrupts) -> Result<ExitCode> {
    let postgres = start_postgres(root, interrupts)?;
    let passed = use_page(root, interrupts, &postgres);
    postgres.stop(StopMode::Immediate)?;
    Ok(match passed? {
        Some(false) => ExitCode::FAILURE,
        Some(true) | None => ExitCode::SUCCESS,
    })
}

/// Whether the page works; `None` on a machine without a browser, which needs none to be developed on.
///
/// # Errors
///
/// As [`run`].
pub fn use_page(root: &Path, interrupts: &Interrupts, postgres: &LocalPostgres) -> Result<Option<bool>> {
    let Some(chromium) = NAMES.iter().find(|name| machine::answers(name, "--version")) else {
        println!("docs page: skipped, since there is no Chromium on this machine");
        return Ok(None);
    };
    let modules = node::ensure_modules(root, interrupts)?;
    let site = Site::start(root, interrupts, postgres, "docs_page")?;
    let mut script = Command::new("node");
    script
        .arg(root.join("tools/node/docs_page.mjs"))
        .env("CHROMIUM", chromium)
        .env("MODULES", modules.join("node_modules"))
        .env("URL", site.url())
        .env("API_KEY", &site.key)
        .env("SCREENSHOTS", PathBuf::from(site.folder()));
    Ok(Some(interrupts.run(&mut script)?.success()))
}
