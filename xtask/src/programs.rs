//! Builds of the product's programs, and where cargo puts them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};
use serde_json::Value;

use crate::interrupt::Interrupts;

/// Runs a build for these programs, and picks them from what it tells.
///
/// # Errors
///
/// When they do not build.
pub fn built(
    interrupts: &Interrupts,
    mut cargo: Command,
    wanted: &[&str],
) -> Result<BTreeMap<String, PathBuf>> {
    for name in wanted {
        cargo.args(["--bin", name]);
    }
    picked(interrupts, cargo, wanted)
}

/// Runs a build of more than these programs, and picks them from what it tells.
///
/// # Errors
///
/// When something does not build, or they are not among it.
pub fn picked(
    interrupts: &Interrupts,
    mut cargo: Command,
    wanted: &[&str],
) -> Result<BTreeMap<String, PathBuf>> {
    cargo.arg("--message-format=json-render-diagnostics");
    let mut programs = BTreeMap::new();
    let status = interrupts.run_by_line(&mut cargo, |line| programs.extend(program_in(line)))?;
    if !status.success() {
        bail!("the programs do not build");
    }
    programs.retain(|name, _| wanted.contains(&name.as_str()));
    if programs.len() != wanted.len() {
        bail!("cargo does not tell where {} are", wanted.join(", "));
    }
    Ok(programs)
}

/// The program that a message of cargo tells about.
fn program_in(message: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(message).ok()?;
    let executable = message["executable"].as_str()?;
    let name = message["target"]["name"].as_str()?;
    Some((name.to_owned(), executable.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_among_the_messages_of_cargo() {
        let message = r#"{"reason":"compiler-artifact","target":{"name":"api"},"executable":"/t/debug/api"}"#;
        assert_eq!(
            program_in(message),
            Some(("api".to_owned(), "/t/debug/api".into()))
        );
        assert_eq!(program_in(r#"{"target":{"name":"api"},"executable":null}"#), None);
        assert_eq!(program_in("warning: unused"), None);
    }
}
