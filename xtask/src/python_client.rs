//! `cargo xtask python-client`: whether the client for Python is in order, and does what it should against a running api
//! and worker. What is tested is the wheel, as users install it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use local_postgres::{LocalPostgres, StopMode};

use crate::contract::site::Site;
use crate::counts::Counts;
use crate::interrupt::Interrupts;
use crate::python::{self, Environment};
use crate::services::{Services, start_postgres};

const FOLDER: &str = "clients/python";
const ENVIRONMENT: Environment = Environment {
    name: "python_client_venv",
    requirements: "clients/python/requirements-dev.txt",
};
/// What is looked at before anything runs: a name, and what the interpreter is called with.
const LOOKS: [(&str, &[&str]); 4] = [
    (
        "python format",
        &["-m", "ruff", "format", "--check", "--quiet", "."],
    ),
    ("python lint", &["-m", "ruff", "check", "--quiet", "."]),
    ("python models are fresh", &["tools/generate.py", "--check"]),
    ("python sync is fresh", &["tools/derive_sync.py", "--check"]),
];
/// What the types are looked at by, once the package is installed: tests and examples see it as users do.
const TYPES: [(&str, &[&str]); 2] = [
    ("python types", &["-m", "mypy", "src", "tools"]),
    ("python types for users", &["-m", "mypy", "tests", "examples"]),
];

/// Checks and tests it on a database of its own; `arguments` are for pytest.
///
/// # Errors
///
/// When something can't be started. What is found is told on the standard output and by the exit code.
pub fn run(root: &Path, interrupts: &Interrupts, arguments: &[String]) -> Result<ExitCode> {
    let postgres = start_postgres(root, interrupts)?;
    let mut counts = Counts::default();
    let checked = check_all(root, interrupts, &postgres, arguments, &mut counts);
    postgres.stop(StopMode::Immediate)?;
    checked?;
    for failure in counts.failures() {
        println!("failed: {failure}");
    }
    println!("{counts}");
    Ok(counts.exit_code())
}

/// Checks and tests it for the ordinary test run.
///
/// # Errors
///
/// When something keeps it from running.
pub fn count(root: &Path, interrupts: &Interrupts, services: &Services, counts: &mut Counts) -> Result<()> {
    check_all(root, interrupts, services.postgres(), &[], counts)
}

fn check_all(
    root: &Path,
    interrupts: &Interrupts,
    postgres: &LocalPostgres,
    arguments: &[String],
    counts: &mut Counts,
) -> Result<()> {
    let client = PythonClient {
        root,
        interrupts,
        python: ENVIRONMENT.ensure(root, interrupts)?,
    };
    for (name, arguments) in LOOKS {
        counts.add(name, client.succeeds(client.interpreter().args(arguments))?);
    }
    let installed = client.install()?;
    counts.add("python package", installed);
    if installed {
        for (name, arguments) in TYPES {
            counts.add(name, client.succeeds(client.interpreter().args(arguments))?);
        }
        client.test(postgres, arguments, counts)?;
    }
    Ok(())
}

/// The client, and what looks at it.
struct PythonClient<'a> {
    root: &'a Path,
    interrupts: &'a Interrupts,
    python: PathBuf,
}

impl PythonClient<'_> {
    /// Packs it and installs what was packed.
    fn install(&self) -> Result<bool> {
        let packed = self.root.join(".testenv/python_client/dist");
        if packed.exists() {
            fs::remove_dir_all(&packed).with_context(|| format!("could not remove {}", packed.display()))?;
        }
        let mut build = self.interpreter();
        build
            .args(["-m", "build", "--no-isolation", "--outdir"])
            .arg(&packed);
        if !self.succeeds(&mut build)? {
            return Ok(false);
        }
        let mut pip = python::pip_install(&self.python);
        pip.args(["--no-index", "--no-deps", "--force-reinstall", "--find-links"])
            .arg(&packed)
            .arg("tandem-client");
        // Whether what it needs is there is a question of its own.
        Ok(self.succeeds(&mut pip)?
            && self.succeeds(self.interpreter().args(["-m", "pip", "check", "--quiet"]))?)
    }

    /// Runs the tests against an api and a worker.
    fn test(&self, postgres: &LocalPostgres, arguments: &[String], counts: &mut Counts) -> Result<()> {
        let mut site = Site::start(self.root, self.interrupts, postgres, "python_client")?;
        let mut pytest = self.interpreter();
        pytest
            .args(["-m", "pytest", "-p", "no:cacheprovider"])
            .args(arguments)
            .env("TANDEM_TEST_URL", site.url())
            .env("TANDEM_TEST_API_KEY", &site.key)
            .env("TANDEM_TEST_DIST", self.root.join(".testenv/python_client/dist"));
        let before = counts.is_success();
        let status = self.interrupts.run_by_line(&mut pytest, |line| {
            println!("{line}");
            counts.add_pytest_line(line);
        })?;
        site.check()?;
        // Tests that could not even be collected are not among the counts.
        if !status.success() && before && counts.is_success() {
            counts.add("python tests", false);
        }
        Ok(())
    }

    /// The interpreter, in the client's folder.
    fn interpreter(&self) -> Command {
        let mut python = Command::new(&self.python);
        python
            .current_dir(self.root.join(FOLDER))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("MYPY_CACHE_DIR", self.root.join(".testenv/python_client/mypy"))
            .env("RUFF_CACHE_DIR", self.root.join(".testenv/python_client/ruff"));
        python
    }

    fn succeeds(&self, command: &mut Command) -> Result<bool> {
        Ok(self.interrupts.run(command)?.success())
    }
}
