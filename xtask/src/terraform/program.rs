//! The program `terraform`, run so that nothing of the machine's own set-up plays a part.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::interrupt::Interrupts;

use super::provider;

/// The oldest one that knows everything we use: native locking of the state, write-only arguments.
const OLDEST: (u32, u32) = (1, 11);
/// The plan that waits to be applied.
const PLAN: &str = "planned.tfplan";
/// The provider waits for most resources until they have settled, so many are made at a time.
const AT_ONCE: [&str; 3] = ["-input=false", "-no-color", "-parallelism=40"];
/// How much garbage Go lets pile up, in percent of what lives. Each command starts the provider several times, which then
/// works for seconds to describe all that AWS has; with 100, the default, a quarter of it is clearing up.
const GARBAGE_PERCENT: &str = "400";

/// Held by who downloads: Terraform's cache of providers is for one at a time.
static DOWNLOADING: Mutex<()> = Mutex::new(());

/// Terraform on this machine.
pub(crate) struct Terraform<'a> {
    interrupts: &'a Interrupts,
    /// Where providers lie as Terraform's mirrors do; without one, they come from the registry.
    mirror: Option<PathBuf>,
    /// Whatever is downloaded or made on the way.
    scratch: PathBuf,
}

impl<'a> Terraform<'a> {
    /// Finds it, and where its providers come from.
    pub(crate) fn find(root: &Path, interrupts: &'a Interrupts) -> Result<Self> {
        let terraform = Self {
            interrupts,
            mirror: provider::mirror(),
            scratch: root.join(".testenv/terraform"),
        };
        let version = terraform.version();
        if !version.is_some_and(|version| version >= OLDEST && version.0 == OLDEST.0) {
            let (major, minor) = OLDEST;
            let found = version.map_or("none is there".to_owned(), |(major, minor)| {
                format!("{major}.{minor} is there")
            });
            bail!(
                "Terraform {major}.{minor} or newer, below {}, is needed to check terraform/, and {found}. Any system: \
                 unpack https://releases.hashicorp.com/terraform/1.11.4/ for yours into a folder of PATH. Debian, \
                 Ubuntu: sudo apt-get install terraform=1.11.4-1, from the repository at \
                 https://apt.releases.hashicorp.com. macOS: brew install hashicorp/tap/terraform",
                major + 1
            );
        }
        if terraform.mirror.is_none() {
            println!("terraform: no provider lies on this machine, so it comes from registry.terraform.io");
        }
        Ok(terraform)
    }

    /// Its major and minor version.
    fn version(&self) -> Option<(u32, u32)> {
        let output = self
            .command(Path::new("."))
            .args(["version", "-json"])
            .output()
            .ok()?;
        let version: Value = serde_json::from_slice(&output.stdout).ok()?;
        let mut numbers = version["terraform_version"].as_str()?.split('.').map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    }

    /// The files that are not as `terraform fmt` writes them, with the difference.
    pub(super) fn unformatted(&self, folder: &Path) -> Result<Vec<String>> {
        let output =
            self.output(
                self.command(folder)
                    .args(["fmt", "-check", "-diff", "-recursive", "-no-color"]),
            )?;
        Ok(complaint(&output))
    }

    /// Downloads or links what a folder needs. Its lock file, if it has one, is not changed.
    pub(super) fn init(&self, folder: &Path) -> Result<Vec<String>> {
        self.init_with(folder, &["-backend=false"])
    }

    /// As [`Self::init`], for a folder that keeps its state where its backend says.
    pub(super) fn init_with_state(&self, folder: &Path) -> Result<Vec<String>> {
        self.init_with(folder, &[])
    }

    fn init_with(&self, folder: &Path, arguments: &[&str]) -> Result<Vec<String>> {
        let mut command = self.command(folder);
        command
            .args(["init", "-input=false", "-no-color"])
            .args(arguments);
        match &self.mirror {
            Some(mirror) => {
                let mut argument = std::ffi::OsString::from("-plugin-dir=");
                argument.push(mirror);
                command.arg(argument);
            }
            None => {
                let cache = self.scratch.join("providers");
                std::fs::create_dir_all(&cache)
                    .with_context(|| format!("could not create {}", cache.display()))?;
                command.env("TF_PLUGIN_CACHE_DIR", cache);
            }
        }
        let _guard = self
            .mirror
            .is_none()
            .then(|| DOWNLOADING.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(complaint(&self.output(&mut command)?))
    }

    /// Checks types and references.
    pub(super) fn validate(&self, folder: &Path) -> Result<Vec<String>> {
        Ok(complaint(
            &self.output(self.command(folder).args(["validate", "-no-color"]))?,
        ))
    }

    /// Runs the tests of a folder; what they tell, line by line as JSON, and else.
    pub(super) fn test(&self, folder: &Path) -> Result<Output> {
        self.output(self.command(folder).args(["test", "-json"]))
    }

    /// Runs one file of tests of a folder; what it tells, with the plans that it makes.
    pub(super) fn test_with_plans(&self, folder: &Path, file: &str) -> Result<Output> {
        self.output(
            self.command(folder)
                .args(["test", "-json", "-verbose"])
                .arg(format!("-filter={file}")),
        )
    }

    /// Plans with these variables; what it tells, line by line as JSON.
    pub(super) fn plan(&self, folder: &Path, variables: &Path) -> Result<Output> {
        let mut argument = std::ffi::OsString::from("-var-file=");
        argument.push(variables);
        self.output(
            self.command(folder)
                .args(["plan", "-json", "-input=false", "-lock=false"])
                .arg(argument),
        )
    }

    /// Plans with these files of variables beside the folder's own, into a file in it.
    pub(super) fn plan_to_file(&self, folder: &Path, variables: &[PathBuf]) -> Result<()> {
        let mut command = self.command(folder);
        command
            .args(["plan", "-out", PLAN])
            .args(AT_ONCE)
            .args(var_files(variables));
        self.succeed(&mut command)
    }

    /// The plan in that file.
    pub(super) fn planned(&self, folder: &Path) -> Result<Value> {
        self.shown(folder, &[PLAN])
    }

    /// Plans with these files of variables and does it at once.
    pub(super) fn plan_and_apply(&self, folder: &Path, variables: &[PathBuf]) -> Result<()> {
        let mut command = self.command(folder);
        command
            .args(["apply", "-auto-approve"])
            .args(AT_ONCE)
            .args(var_files(variables));
        self.succeed(&mut command)
    }

    /// Does what the plan in that file says.
    pub(super) fn apply(&self, folder: &Path) -> Result<()> {
        let mut command = self.command(folder);
        command.arg("apply").args(AT_ONCE).arg(PLAN);
        self.succeed(&mut command)
    }

    /// Deletes everything in the state, as it stands there.
    pub(super) fn destroy(&self, folder: &Path, variables: &[PathBuf]) -> Result<()> {
        let mut command = self.command(folder);
        command
            .args(["destroy", "-auto-approve", "-refresh=false"])
            .args(AT_ONCE)
            .args(var_files(variables));
        self.succeed(&mut command)
    }

    /// What the state of a folder has in it.
    pub(super) fn state(&self, folder: &Path) -> Result<Value> {
        self.shown(folder, &[])
    }

    /// The addresses of all that is in the state of a folder.
    pub(super) fn addresses(&self, folder: &Path) -> Result<Vec<String>> {
        let output = self.output(self.command(folder).args(["state", "list"]))?;
        if !output.status.success() {
            bail!("terraform state list failed: {}", complaint(&output).concat());
        }
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().map(str::to_owned).collect())
    }

    fn shown(&self, folder: &Path, arguments: &[&str]) -> Result<Value> {
        let output = self.output(self.command(folder).args(["show", "-json"]).args(arguments))?;
        if !output.status.success() {
            bail!("terraform show failed: {}", complaint(&output).concat());
        }
        serde_json::from_slice(&output.stdout).context("terraform show tells no JSON")
    }

    fn succeed(&self, command: &mut Command) -> Result<()> {
        let output = self.output(command)?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let verb = command.get_args().next().unwrap_or_default().to_string_lossy();
        bail!("terraform {verb} failed:\n{}", said.trim());
    }

    /// A folder for what is made on the way.
    pub(super) fn scratch(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// Neither its settings nor credentials of whoever runs this may change what comes out.
    fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new("terraform");
        command.current_dir(folder);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("TF_") || text.starts_with("AWS_") {
                command.env_remove(&name);
            }
        }
        command
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_IN_AUTOMATION", "1")
            .env("GOGC", GARBAGE_PERCENT)
            .stdin(std::process::Stdio::null());
        command
    }

    fn output(&self, command: &mut Command) -> Result<Output> {
        let output = command.output().context("could not run terraform");
        self.interrupts.check()?;
        output
    }
}

fn var_files(files: &[PathBuf]) -> impl Iterator<Item = std::ffi::OsString> {
    files.iter().map(|file| {
        let mut argument = std::ffi::OsString::from("-var-file=");
        argument.push(file);
        argument
    })
}

/// What a command said, if it failed.
fn complaint(output: &Output) -> Vec<String> {
    if output.status.success() {
        return Vec::new();
    }
    let said = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).trim().to_owned());
    vec![said.join("\n").trim().to_owned()]
}
