//! What stands in for an environment on AWS while the steps run: an example of the crate `deploy`, which answers as ECS, CodeDeploy
//! and the others do, with an api and a worker that are real.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use local_postgres::LocalPostgres;

use crate::interrupt::Interrupts;
use crate::programs::picked;

const EXAMPLE: &str = "stand_in";
const STOP_LIMIT: Duration = Duration::from_mins(1);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The example, which ends when this value is dropped.
#[derive(Debug)]
pub(super) struct Environment {
    child: Child,
    /// What steps find in place of the outputs of others and of what GitHub knows.
    pub(super) variables: BTreeMap<String, String>,
}

impl Environment {
    /// Builds and starts it, and waits until everything in it answers.
    pub(super) fn start(root: &Path, interrupts: &Interrupts, postgres: &LocalPostgres) -> Result<Self> {
        let mut cargo = Command::new("cargo");
        // The same as for the tests, so that nothing is built anew for this.
        cargo
            .current_dir(root)
            .args(["build", "--workspace", "--bins", "--examples"]);
        let programs = picked(interrupts, cargo, &[EXAMPLE])?;
        let child = Command::new(&programs[EXAMPLE])
            .env("TANDEM_TEST_POSTGRES_URL", postgres.url("postgres"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .context("could not start the stand-in for an environment")?;
        let mut started = Self {
            child,
            variables: BTreeMap::new(),
        };
        let stdout = started
            .child
            .stdout
            .take()
            .context("the stand-in has no output")?;
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .context("could not read what the stand-in says")?;
        ensure!(
            !line.is_empty(),
            "the stand-in for an environment has ended instead of starting"
        );
        started.variables = serde_json::from_str(&line).context("the stand-in does not say where it is")?;
        Ok(started)
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        // The end of its input is its signal to end, and to end its worker.
        drop(self.child.stdin.take());
        let deadline = Instant::now() + STOP_LIMIT;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(POLL_INTERVAL);
        }
        // It fails only if it has ended by itself, after all.
        drop(self.child.kill().and_then(|()| self.child.wait()));
    }
}
