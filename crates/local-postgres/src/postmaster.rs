//! `postmaster.pid`: what a running server tells about itself, and what a dead one leaves behind.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::error::{Attempt, Error};

/// How often a condition is looked at while waiting for it.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// How long an orphan may take over a fast shutdown, and over an immediate one.
const ORPHAN_STOP_LIMIT: Duration = Duration::from_secs(10);

/// The two lines that matter of the eight that a server writes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PidFile {
    pub(crate) pid: i32,
    /// The server accepts connections. This is also what `pg_ctl --wait` goes by.
    pub(crate) ready: bool,
}

impl PidFile {
    /// None when there is no such file, or when the server is just writing it.
    pub(crate) fn read(cluster: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(cluster.join("postmaster.pid")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let pid = lines.next()?.trim().parse().ok()?;
        let ready = lines.nth(6).is_some_and(|status| status.trim() == "ready");
        Some(Self { pid, ready })
    }
}

/// Stops the server that a killed owner left running, and removes what a killed server left behind.
///
/// Only to be called by the owner of the folder's lock: then no server in it can belong to anybody else.
pub(crate) fn clear(cluster: &Path) -> Result<(), Error> {
    if let Some(PidFile { pid, .. }) = PidFile::read(cluster)
        && runs_in(pid, cluster)
    {
        return stop(pid, cluster);
    }
    // The pid may by now belong to an innocent process, or the file may be empty after a crash. Postgres
    // would take either for a sign of a running server and refuse to start.
    let pid_file = cluster.join("postmaster.pid");
    match fs::remove_file(&pid_file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).attempt("remove", &pid_file),
        _ => Ok(()),
    }
}

fn stop(pid: i32, cluster: &Path) -> Result<(), Error> {
    for signal in [Signal::SIGINT, Signal::SIGQUIT] {
        match kill(Pid::from_raw(pid), signal) {
            Ok(()) => {}
            Err(Errno::ESRCH) => return Ok(()),
            Err(errno) => return Err(errno.into()).attempt("stop the server in", cluster),
        }
        let deadline = Instant::now() + ORPHAN_STOP_LIMIT;
        while Instant::now() < deadline {
            if !runs_in(pid, cluster) {
                return Ok(());
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }
    Err(Error::Stop { pid })
}

/// Whether a process is the server of this cluster. A server makes its cluster the current folder.
#[cfg(target_os = "linux")]
fn runs_in(pid: i32, cluster: &Path) -> bool {
    fs::read_link(format!("/proc/{pid}/cwd"))
        .is_ok_and(|cwd| fs::canonicalize(cluster).is_ok_and(|cluster| cwd == cluster))
}

/// Whether a process is the server of this cluster, whose path is on its command line.
#[cfg(not(target_os = "linux"))]
fn runs_in(pid: i32, cluster: &Path) -> bool {
    std::process::Command::new("ps")
        .args(["-ww", "-o", "command=", "-p", &pid.to_string()])
        .output()
        .is_ok_and(|output| {
            let command = String::from_utf8_lossy(&output.stdout);
            command.contains("postgres") && command.contains(&*cluster.to_string_lossy())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_file_tells_the_pid_and_whether_the_server_is_ready() {
        let lines = "4711\n/data\n1763684958\n54321\n/socket\n127.0.0.1\n  8456212   163843\n";
        let read = |status: &str| PidFile::parse(&format!("{lines}{status}")).unwrap();
        assert_eq!(
            read("ready   \n"),
            PidFile {
                pid: 4711,
                ready: true
            }
        );
        assert_eq!(
            read("starting\n"),
            PidFile {
                pid: 4711,
                ready: false
            }
        );
        assert_eq!(
            read(""),
            PidFile {
                pid: 4711,
                ready: false
            }
        );
        assert_eq!(PidFile::parse(""), None);
    }

    #[test]
    fn what_a_crash_left_behind_is_removed() {
        let cluster = tempfile::tempdir().unwrap();
        let pid_file = cluster.path().join("postmaster.pid");
        fs::write(&pid_file, format!("{}\n", std::process::id())).unwrap();
        clear(cluster.path()).unwrap();
        assert!(!pid_file.exists());
        fs::write(&pid_file, "").unwrap();
        clear(cluster.path()).unwrap();
        assert!(!pid_file.exists());
        clear(cluster.path()).unwrap();
    }
}
