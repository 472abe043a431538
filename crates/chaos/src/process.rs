//! One life of one process of the product.

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::guard::Guard;
use crate::strike::Strike;

/// What it takes to start a process.
#[derive(Debug)]
pub(crate) struct Launch<'a> {
    pub(crate) binary: &'a Path,
    /// Its name among all processes, such as `worker-2`.
    pub(crate) process: &'a str,
    /// How many lives it has had, this one included.
    pub(crate) incarnation: u32,
    pub(crate) addr: SocketAddr,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) strike: Option<Strike>,
    /// Where its output goes.
    pub(crate) folder: &'a Path,
}

/// A running process; it ends with this value.
#[derive(Debug)]
pub(crate) struct Incarnation {
    pub(crate) process: String,
    pub(crate) number: u32,
    /// Where it answers.
    pub(crate) addr: SocketAddr,
    /// What it was started to suffer.
    pub(crate) strike: Option<Strike>,
    child: Mutex<Child>,
    pid: u32,
    errors: PathBuf,
}

/// The files of a process' output and errors.
pub(crate) fn log_files(folder: &Path, process: &str, incarnation: u32) -> (PathBuf, PathBuf) {
    let file = |kind| folder.join(format!("{process}-i{incarnation}.{kind}"));
    (file("out"), file("err"))
}

impl Incarnation {
    pub(crate) fn start(launch: Launch<'_>, guard: &Guard) -> Result<Self> {
        let (output, errors) = log_files(launch.folder, launch.process, launch.incarnation);
        let create =
            |file: &Path| File::create(file).with_context(|| format!("could not create {}", file.display()));
        let host = format!("{}-i{}", launch.process, launch.incarnation);
        let mut command = Command::new(launch.binary);
        command
            .env_clear()
            .envs(launch.environment)
            .env("HOSTNAME", host)
            .stdin(Stdio::null())
            .stdout(create(&output)?)
            .stderr(create(&errors)?)
            .process_group(guard.group());
        if let Some(strike) = launch.strike {
            command.env("TANDEM_FAILPOINTS", strike.setting());
        }
        let child = command
            .spawn()
            .with_context(|| format!("could not start {}", launch.binary.display()))?;
        let pid = child.id();
        Ok(Self {
            process: launch.process.to_owned(),
            number: launch.incarnation,
            addr: launch.addr,
            strike: launch.strike,
            child: Mutex::new(child),
            pid,
            errors,
        })
    }

    /// What `worker.host` in the database says of it.
    pub(crate) fn host(&self) -> String {
        format!("{}-i{}", self.process, self.number)
    }

    /// Sends a signal, unless the process has ended.
    pub(crate) fn signal(&self, signal: Signal) -> bool {
        let mut child = self.child();
        // Under the lock nobody else can take note of its end, so its id is still its own.
        if !matches!(child.try_wait(), Ok(None)) {
            return false;
        }
        i32::try_from(self.pid).is_ok_and(|pid| kill(Pid::from_raw(pid), signal).is_ok())
    }

    /// How it ended, if it has.
    pub(crate) fn exit(&self) -> Result<Option<ExitStatus>> {
        self.child()
            .try_wait()
            .with_context(|| format!("could not wait for {}", self.process))
    }

    /// Whether it has said that it suffers what it was started for.
    pub(crate) fn was_struck(&self) -> bool {
        let told = self.strike.map(Strike::told);
        told.is_some_and(|told| {
            let errors = std::fs::read(&self.errors).unwrap_or_default();
            String::from_utf8_lossy(&errors).lines().any(|line| line == told)
        })
    }

    /// Whether this is the end that its strike makes.
    pub(crate) fn ended_by_strike(&self, status: ExitStatus) -> bool {
        let signal = self.strike.and_then(|strike| strike.action.signal());
        signal.is_some() && status.signal() == signal && self.was_struck()
    }

    /// Whether it is stopped, as by SIGSTOP.
    pub(crate) fn is_stopped(&self) -> bool {
        state(self.pid) == Some('T')
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Incarnation {
    fn drop(&mut self) {
        let mut child = self.child();
        // Either fails only when it has ended already.
        drop(child.kill().and_then(|()| child.wait()));
    }
}

/// The letter by which the system tells what a process does.
#[cfg(target_os = "linux")]
fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, parentheses too.
    stat.rsplit_once(") ")?.1.chars().next()
}

/// The letter by which the system tells what a process does.
#[cfg(not(target_os = "linux"))]
fn state(pid: u32) -> Option<char> {
    let output = Command::new("ps")
        .args(["-o", "state=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    String::from_utf8_lossy(&output.stdout).trim().chars().next()
}
