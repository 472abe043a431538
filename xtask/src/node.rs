//! The tools that come from npm.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::interrupt::Interrupts;
use crate::machine;

/// What is pinned.
const FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// Makes sure that `.testenv/node` holds exactly what `tools/node` pins, and gives that folder.
///
/// # Errors
///
/// When Node.js or npm are missing, or the packages cannot be installed.
pub fn ensure_modules(root: &Path, interrupts: &Interrupts) -> Result<PathBuf> {
    let folder = root.join(".testenv/node");
    let stamp = folder.join("installed.json");
    let tools = root.join("tools/node");
    let lock = tools.join("package-lock.json");
    let wanted = fs::read_to_string(&lock).with_context(|| format!("could not read {}", lock.display()))?;
    let is_there = || fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted);
    ensure_node(interrupts)?;
    if is_there() {
        return Ok(folder);
    }
    fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
    // Two invocations at once must not make it into each other's hands.
    let guard = root.join(".testenv/node.lock");
    let guard = File::create(&guard).with_context(|| format!("could not create {}", guard.display()))?;
    guard.lock().context("could not lock the modules of Node.js")?;
    if is_there() {
        return Ok(folder);
    }
    for file in FILES {
        fs::copy(tools.join(file), folder.join(file)).with_context(|| format!("could not copy {file}"))?;
    }
    println!("Installing tools/node/package-lock.json into .testenv/node.");
    let mut npm = Command::new("npm");
    npm.current_dir(&folder).args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]);
    let status = interrupts.run_download(&mut npm)?;
    if !status.success() {
        bail!("npm could not install tools/node/package-lock.json ({status})");
    }
    fs::write(&stamp, wanted).with_context(|| format!("could not write {}", stamp.display()))?;
    Ok(folder)
}

fn ensure_node(interrupts: &Interrupts) -> Result<()> {
    let is_there = || machine::answers("node", "--version") && machine::answers("npm", "--version");
    if is_there() || (machine::install(interrupts, &["nodejs", "npm"])? && is_there()) {
        return Ok(());
    }
    bail!(
        "Node.js 20.19 or newer with npm is needed to check the api's description. Debian, Ubuntu: \
         sudo apt-get install nodejs npm. Fedora: sudo dnf install nodejs. macOS: brew install node"
    );
}
