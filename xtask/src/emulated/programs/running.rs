//! Processes that run for as long as they are looked at, each with a log of its own.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

const LIMIT: Duration = Duration::from_secs(120);
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Asks until it is so.
pub(super) fn until(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + LIMIT;
    while !is_so()? {
        ensure!(
            Instant::now() < deadline,
            "after {} s it is not so that {what}",
            LIMIT.as_secs()
        );
        std::thread::sleep(POLL_INTERVAL);
    }
    Ok(())
}

/// Processes that end with this value.
pub(super) struct Running<'a> {
    /// Where their logs are.
    folder: &'a Path,
    processes: Vec<(String, Child)>,
}

impl<'a> Running<'a> {
    pub(super) fn new(folder: &'a Path) -> Self {
        Self {
            folder,
            processes: Vec::new(),
        }
    }

    pub(super) fn start(
        &mut self,
        program: &Path,
        arguments: &[&str],
        environment: &BTreeMap<String, String>,
    ) -> Result<()> {
        let name = program
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let log = self.log_file(&name);
        let log = File::create(&log).with_context(|| format!("could not create {}", log.display()))?;
        let errors = log.try_clone().context("could not open a log")?;
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .with_context(|| format!("could not run {name}"))?;
        self.processes.push((name, child));
        Ok(())
    }

    /// Fails when one of them has ended.
    pub(super) fn check(&mut self) -> Result<()> {
        for (name, child) in &mut self.processes {
            if let Some(status) = child.try_wait().context("could not look after a process")? {
                bail!("{name} ended with {status}; its log is in .testenv/emulated");
            }
        }
        Ok(())
    }

    /// Ends them as ECS does, which they must take for what it is.
    pub(super) fn stop(&mut self) -> Result<()> {
        for (name, child) in &mut self.processes {
            let pid =
                nix::unistd::Pid::from_raw(i32::try_from(child.id()).context("a process id is too big")?);
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM)
                .context("could not end a process")?;
            let status = child.wait().context("could not wait for a process")?;
            ensure!(
                status.success() || name == "tandem",
                "{name} ended with {status} when it was asked to stop"
            );
        }
        Ok(())
    }

    /// What a program has written to its standard output and to that of errors: the driver of logs takes both.
    pub(super) fn log(&self, name: &str) -> Result<String> {
        let log = self.log_file(name);
        fs::read_to_string(&log).with_context(|| format!("could not read {}", log.display()))
    }

    fn log_file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        for (_, child) in &mut self.processes {
            // It fails only if the process has ended already.
            drop(child.kill().and_then(|()| child.wait()));
        }
    }
}
