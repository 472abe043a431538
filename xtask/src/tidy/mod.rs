//! `cargo xtask tidy`: rules of this repository that no other tool knows. Each check takes what it looks at
//! as an argument and answers with one sentence per breach, so that its tests can show it a breach.

pub mod certificates;
pub mod commands;
pub mod environments;
pub mod features;
pub mod files;
pub mod layers;
pub mod links;
pub mod machine_paths;
pub mod manifests;
pub mod metrics;
pub mod prometheus;
pub mod proofs;
pub mod runbooks;
pub mod sizes;

use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;

use crate::metadata;
use files::Files;

/// Runs all checks and prints what they find.
///
/// # Errors
///
/// When the repository cannot be read.
pub fn run(root: &Path) -> Result<ExitCode> {
    let complaints = complaints(root)?;
    for complaint in &complaints {
        println!("{complaint}");
    }
    if complaints.is_empty() {
        println!("The repository is tidy.");
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}

/// What all checks find; nothing in a tidy repository.
///
/// # Errors
///
/// When the repository cannot be read.
pub fn complaints(root: &Path) -> Result<Vec<String>> {
    let packages = metadata::packages(root)?;
    let files = Files::of(root)?;
    let mut complaints = layers::check(&packages);
    complaints.extend(manifests::check(&packages)?);
    complaints.extend(features::check(&packages));
    complaints.extend(sizes::check(&files, sizes::LONG_FILES));
    complaints.extend(machine_paths::check(&files));
    complaints.extend(links::check(root, &files));
    complaints.extend(commands::check(&files));
    complaints.extend(environments::check(&files));
    complaints.extend(certificates::check(&files, seconds_since_1970()));
    complaints.extend(proofs::check(&files));
    complaints.extend(runbooks::check(&files));
    complaints.extend(metrics::check(&files));
    complaints.extend(prometheus::check(&files));
    Ok(complaints)
}

fn seconds_since_1970() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}
