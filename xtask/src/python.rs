//! The Python environment with the tools that the tests need.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::interrupt::Interrupts;
use crate::machine;

/// The tools that several commands need.
const TOOLS: Environment = Environment {
    name: "venv",
    requirements: "tools/requirements.txt",
};

/// An environment in `.testenv` with exactly what a file pins.
#[derive(Clone, Copy, Debug)]
pub struct Environment {
    /// Its folder.
    pub name: &'static str,
    /// The file, from the root of the repository.
    pub requirements: &'static str,
}

/// Makes sure that `.testenv/venv` holds exactly what `tools/requirements.txt` pins, and gives its
/// interpreter.
///
/// # Errors
///
/// When Python or its venv module are missing, or the packages cannot be installed.
pub fn ensure_venv(root: &Path, interrupts: &Interrupts) -> Result<PathBuf> {
    TOOLS.ensure(root, interrupts)
}

impl Environment {
    /// Makes sure that it is there, and gives its interpreter.
    ///
    /// # Errors
    ///
    /// When Python or its venv module are missing, or the packages cannot be installed.
    pub fn ensure(self, root: &Path, interrupts: &Interrupts) -> Result<PathBuf> {
        let requirements = root.join(self.requirements);
        let folder = root.join(".testenv");
        let venv = folder.join(self.name);
        let python = venv.join("bin/python");
        let pinned = fs::read_to_string(&requirements)
            .with_context(|| format!("could not read {}", requirements.display()))?;
        // An environment knows its own path, so it also has to be made anew when the checkout moves.
        let wanted = format!("# {}\n{pinned}", venv.display());
        let stamp = venv.join("installed.txt");
        let is_there = || {
            fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted)
                && machine::answers(&python.to_string_lossy(), "--version")
        };
        if is_there() {
            return Ok(python);
        }
        fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
        // Two invocations at once must not make it into each other's hands.
        let lock = folder.join(format!("{}.lock", self.name));
        let lock = File::create(&lock).with_context(|| format!("could not create {}", lock.display()))?;
        lock.lock().context("could not lock the Python environment")?;
        if is_there() {
            return Ok(python);
        }
        create(&venv, interrupts)?;
        println!("Installing {} into .testenv/{}.", self.requirements, self.name);
        let mut pip = pip_install(&python);
        pip.args(["--require-hashes", "--requirement"]).arg(&requirements);
        let status = interrupts.run_download(&mut pip)?;
        if !status.success() {
            bail!("pip could not install {} ({status})", self.requirements);
        }
        fs::write(&stamp, wanted).with_context(|| format!("could not write {}", stamp.display()))?;
        Ok(python)
    }
}

/// `pip install`, for an interpreter and without words.
pub fn pip_install(python: &Path) -> Command {
    let mut pip = Command::new(python);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
    ]);
    pip
}

fn create(venv: &Path, interrupts: &Interrupts) -> Result<()> {
    if try_create(venv)? {
        return Ok(());
    }
    // Debian splits the venv module off its Python.
    if machine::install(interrupts, &["python3", "python3-venv"])? && try_create(venv)? {
        return Ok(());
    }
    bail!(
        "Python 3.11 or newer with its venv module is needed for the tools of the tests. Debian, Ubuntu: \
         sudo apt-get install python3 python3-venv. Fedora: sudo dnf install python3. \
         macOS: brew install python"
    );
}

/// Answers false when this Python cannot make environments.
fn try_create(venv: &Path) -> Result<bool> {
    if venv.exists() {
        fs::remove_dir_all(venv).with_context(|| format!("could not remove {}", venv.display()))?;
    }
    Ok(Command::new("python3")
        .args(["-m", "venv"])
        .arg(venv)
        .output()
        .is_ok_and(|output| output.status.success()))
}
