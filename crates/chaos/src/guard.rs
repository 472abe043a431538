//! Nothing outlives this program, not even when it is killed: a second process, whose standard input the system ends
//! with us, then kills what is left.
//!
//! The product's processes stand in the guard's process group from before their first instruction, so there is no
//! moment at which one of them is not known. Postgres insists on a group of its own, and is known by its pid file.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, getpgrp, getpid};
use tokio::signal::unix::{SignalKind, signal};

/// The argument that makes this program the guard.
pub const ARGUMENT: &str = "guard";

/// The running guard, and how it is told.
#[derive(Debug)]
pub struct Guard {
    child: Child,
    told: Mutex<Option<ChildStdin>>,
}

impl Guard {
    /// Starts the guard: this very program, with [`ARGUMENT`].
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start() -> Result<Self> {
        let program = std::env::current_exe().context("could not find this program's own file")?;
        let mut child = Command::new(program)
            .arg(ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A group that a terminal's Ctrl-C does not reach: we hear it, and end the others in order.
            .process_group(0)
            .spawn()
            .context("could not start the guard")?;
        let told = Mutex::new(child.stdin.take());
        let mut ready = String::new();
        let output = child.stdout.take().context("the guard has no output")?;
        BufReader::new(output)
            .read_line(&mut ready)
            .context("could not hear the guard")?;
        if ready.is_empty() {
            bail!("the guard did not start");
        }
        Ok(Self { child, told })
    }

    /// The process group of everything that ends with us.
    pub(crate) fn group(&self) -> i32 {
        i32::try_from(self.child.id()).expect("the system's pids are positive i32")
    }

    /// From here on the process whose pid this file tells is ended with us, too. It need not run yet.
    pub(crate) fn watch(&self, pid_file: &Path) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(told) = told.as_mut() {
            // Without a guard we still end what we started, as long as we live.
            drop(told.write_all(format!("{}\n", pid_file.display()).as_bytes()));
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // The end of its input is its signal.
        drop(self.told.lock().unwrap_or_else(PoisonError::into_inner).take());
        drop(self.child.wait());
    }
}

/// What the guard does: it remembers until its input ends, and then kills whatever is left, itself at last.
///
/// # Errors
/// When the system does not let it survive its parent.
pub fn run() -> Result<()> {
    // A group that loses its last relation to a session while one of it is stopped, as some of ours are on purpose, is
    // sent SIGHUP. Whoever listens does not die of it.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let _runtime = runtime.enter();
    let _hang_up = signal(SignalKind::hangup()).context("could not take over SIGHUP")?;
    println!("ready");
    let told = std::io::stdin().lock().lines().map_while(Result::ok);
    let pid_files: BTreeSet<String> = told.collect();
    for file in pid_files {
        // A server that has ended in order has taken its file with it.
        let first_line = fs::read_to_string(file).ok();
        let pid = first_line.and_then(|text| text.lines().next()?.trim().parse::<i32>().ok());
        // Other numbers than those of processes have meanings that nobody wants here.
        if let Some(pid) = pid.filter(|pid| *pid > 1) {
            kill(Pid::from_raw(pid), Signal::SIGKILL).ok();
        }
    }
    // Started by hand it is in somebody else's group.
    if getpgrp() == getpid() {
        killpg(getpgrp(), Signal::SIGKILL).ok();
    }
    Ok(())
}
