//! What cargo knows about the workspace.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The packages of the workspace, as `cargo metadata` describes them.
///
/// # Errors
///
/// When cargo cannot read the workspace.
pub fn packages(root: &Path) -> Result<Vec<Value>> {
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(root)
        .args(["metadata", "--no-deps", "--format-version", "1"]);
    let output = cargo.output().context("could not run cargo metadata")?;
    if !output.status.success() {
        bail!(
            "cargo metadata failed:\n{}",
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    let mut metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata is not JSON")?;
    match metadata["packages"].take() {
        Value::Array(packages) => Ok(packages),
        _ => bail!("cargo metadata lists no packages"),
    }
}

/// Whether a package depends on another, be it for its tests only.
pub fn depends_on(package: &Value, name: &str) -> bool {
    elements(&package["dependencies"])
        .iter()
        .any(|dependency| dependency["name"] == name)
}

/// The root source file of each target of a package but its build script.
pub fn target_sources(package: &Value) -> impl Iterator<Item = &str> {
    elements(&package["targets"])
        .iter()
        .filter(|target| {
            !elements(&target["kind"])
                .iter()
                .any(|kind| kind == "custom-build")
        })
        .filter_map(|target| target["src_path"].as_str())
}

/// The elements of a list; none of anything else.
pub fn elements(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
