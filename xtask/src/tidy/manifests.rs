//! Versions and lints are the workspace's: no crate has its own.

use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

/// Reads and checks the manifest of each package.
///
/// # Errors
///
/// When a manifest cannot be read.
pub fn check(packages: &[Value]) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for package in packages {
        let (name, path) = (package["name"].as_str(), package["manifest_path"].as_str());
        let (name, path) = name
            .zip(path)
            .context("cargo metadata describes a package without name and manifest")?;
        let manifest = fs::read_to_string(path).with_context(|| format!("could not read {path}"))?;
        complaints.extend(breaches(name, &manifest));
    }
    Ok(complaints)
}

fn breaches(package: &str, manifest: &str) -> Vec<String> {
    let mut complaints: Vec<String> = own_versions(manifest)
        .map(|it| format!("{package} gives {it} a version of its own; move it to [workspace.dependencies]"))
        .collect();
    if !entries(manifest).any(|(section, entry)| section == "[lints]" && is_inherited(entry)) {
        complaints.push(format!("{package} does not inherit the workspace's lints"));
    }
    complaints
}

/// The dependencies that are not taken from the workspace.
fn own_versions(manifest: &str) -> impl Iterator<Item = &str> {
    entries(manifest).filter_map(|(section, entry)| {
        let section = section.trim_matches(['[', ']']);
        // `[dependencies.serde]` and the like would hide from the check of single lines.
        let table = section
            .rsplit_once("dependencies.")
            .map(|(_, dependency)| dependency);
        if table.is_some() || (section.ends_with("dependencies") && !is_inherited(entry)) {
            return table.or_else(|| entry.split([' ', '.', '=']).next());
        }
        None
    })
}

/// The lines `name = ...` with the section they are in. Lines that continue a list begin otherwise.
fn entries(manifest: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut section = "";
    manifest.lines().map(str::trim).filter_map(move |line| {
        if line.starts_with('[') {
            section = line;
            return None;
        }
        let is_entry = line.contains('=') && line.starts_with(|c: char| c.is_ascii_alphanumeric());
        is_entry.then_some((section, line))
    })
}

fn is_inherited(entry: &str) -> bool {
    let words: String = entry.chars().filter(|c| !c.is_whitespace()).collect();
    words == "workspace=true" || words.contains(".workspace=true") || words.contains("{workspace=true")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINTS: &str = "[lints]\nworkspace = true\n";

    fn found(dependencies: &str) -> Vec<String> {
        breaches(
            "api",
            &format!("[package]\nname = \"api\"\nversion = \"1\"\n{LINTS}{dependencies}"),
        )
    }

    #[test]
    fn inherited_dependencies_in_all_spellings_are_fine() {
        let manifest = "[dependencies]\nserde.workspace = true\n\
                        tokio = { workspace = true, features = [\n  \"fs\",\n] }\n\
                        [dev-dependencies]\nurl.workspace=true\n";
        assert_eq!(found(manifest), Vec::<String>::new());
    }

    #[test]
    fn versions_of_a_crates_own_are_found() {
        for section in [
            "dependencies",
            "dev-dependencies",
            "build-dependencies",
            "target.'cfg(unix)'.dependencies",
        ] {
            for entry in [
                "serde = \"1\"",
                "serde = { version = \"1\" }",
                "serde.version = \"1\"",
                "serde={ path='x' }",
            ] {
                let complaint = "api gives serde a version of its own; move it to [workspace.dependencies]";
                assert_eq!(
                    found(&format!("[{section}]\n{entry}\n")),
                    [complaint],
                    "{section} {entry}"
                );
            }
        }
        let table = found("[dependencies.serde]\nversion = \"1\"\n");
        assert_eq!(
            table,
            ["api gives serde a version of its own; move it to [workspace.dependencies]"]
        );
    }

    #[test]
    fn missing_lints_are_found() {
        let complaint = ["api does not inherit the workspace's lints"];
        assert_eq!(breaches("api", "[package]\nname = \"api\"\n"), complaint);
        assert_eq!(breaches("api", "[lints]\nrust.unused = \"allow\"\n"), complaint);
    }
}
