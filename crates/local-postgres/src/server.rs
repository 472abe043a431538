//! A running private server, and how it ends.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::error::{Attempt, Error};
use crate::folder::Folder;
use crate::postmaster::POLL_INTERVAL;
use crate::start;

/// How long a fast shutdown may take before it is made an immediate one, and that a kill.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// What kind of server to start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The folder that the server owns; created if it is missing.
    pub data_dir: PathBuf,
    /// The port on 127.0.0.1. None takes the port of the last start in this folder, or a free one.
    pub port: Option<u16>,
    /// Server settings, as in `postgresql.conf`. Where the server listens cannot be changed this way.
    pub settings: Vec<(String, String)>,
    /// The folder of the server programs. None takes the newest of the machine, or those that the folder was made with.
    pub bin_dir: Option<PathBuf>,
}

/// How a server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopMode {
    /// Rolls open transactions back and shuts down in order.
    Fast,
    /// Drops everything at once; the next start recovers from the write-ahead log.
    Immediate,
}

/// A private server. Dropping it stops it fast.
pub struct LocalPostgres {
    pub(crate) child: Child,
    pub(crate) port: u16,
    pub(crate) password: String,
    pub(crate) bin_dir: PathBuf,
    pub(crate) folder: Folder,
}

impl LocalPostgres {
    /// Starts a server and waits until it accepts connections (30 s at most).
    ///
    /// # Errors
    ///
    /// See [`Error`]; a server that does not come up is explained by the end of its log.
    pub fn start(config: &Config) -> Result<Self, Error> {
        start::start(config)
    }

    /// The superuser's address of a database. The name is put in as it is, so it must not need escaping.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://postgres:{}@127.0.0.1:{}/{database}",
            self.password, self.port
        )
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The pid of the server process, for tests that stop or kill it from outside.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The folder with `psql` and the other programs of the same version.
    pub fn bin_dir(&self) -> &Path {
        &self.bin_dir
    }

    /// The folder that the server owns, which may be another than the one asked for; see [`Self::note`].
    pub fn data_dir(&self) -> &Path {
        self.folder.dir()
    }

    /// A sentence for the user when the folder had to be another than the one asked for.
    pub fn note(&self) -> Option<&str> {
        self.folder.note()
    }

    /// Stops the server and waits for its end.
    ///
    /// # Errors
    ///
    /// When the server cannot be signalled, or does not end even when killed.
    pub fn stop(mut self, mode: StopMode) -> Result<(), Error> {
        self.end(match mode {
            StopMode::Fast => &[Signal::SIGINT, Signal::SIGQUIT, Signal::SIGKILL],
            StopMode::Immediate => &[Signal::SIGQUIT, Signal::SIGKILL],
        })
    }

    /// Kills the server process with SIGKILL, as a crash would, and waits for its end.
    ///
    /// # Errors
    ///
    /// When the server cannot be signalled.
    pub fn kill(mut self) -> Result<(), Error> {
        self.end(&[Signal::SIGKILL])
    }

    /// Sends one signal after the other until the server has ended.
    fn end(&mut self, signals: &[Signal]) -> Result<(), Error> {
        for signal in signals {
            if self.ends_within(Duration::ZERO)? {
                return Ok(());
            }
            match kill(self.raw_pid(), *signal) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(errno) => return Err(errno.into()).attempt("stop the server in", self.folder.dir()),
            }
            if self.ends_within(STOP_LIMIT)? {
                return Ok(());
            }
        }
        Err(Error::Stop {
            pid: self.raw_pid().as_raw(),
        })
    }

    fn ends_within(&mut self, limit: Duration) -> Result<bool, Error> {
        let deadline = Instant::now() + limit;
        loop {
            if self
                .child
                .try_wait()
                .attempt("wait for the server in", self.folder.dir())?
                .is_some()
            {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    fn raw_pid(&self) -> Pid {
        Pid::from_raw(
            self.child
                .id()
                .try_into()
                .expect("the system's pids are positive i32"),
        )
    }
}

impl Drop for LocalPostgres {
    fn drop(&mut self) {
        // Nobody is left to hear of a failure; the next start in this folder deals with what remains.
        drop(self.end(&[Signal::SIGINT, Signal::SIGQUIT, Signal::SIGKILL]));
    }
}

impl fmt::Debug for LocalPostgres {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalPostgres")
            .field("pid", &self.pid())
            .field("port", &self.port)
            .field("data_dir", &self.data_dir())
            .finish_non_exhaustive()
    }
}
