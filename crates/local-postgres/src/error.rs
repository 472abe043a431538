//! What can go wrong, by what the caller can do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use crate::binaries::NotFound;

/// Why there is no running server. Every message says what to do where that is not obvious.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine has no Postgres of a supported version.
    #[error(transparent)]
    NotFound(#[from] NotFound),

    /// The machine has no Postgres and downloading one failed.
    #[cfg(feature = "fetch")]
    #[error("{not_found}\nDownloading Postgres instead failed")]
    Fetch {
        /// What was looked for on the machine.
        not_found: NotFound,
        /// Why the download failed.
        #[source]
        source: Box<postgresql_embedded::Error>,
    },

    /// We are root, and the user to run the server as does not exist.
    #[error(
        "Postgres refuses to run as root and this machine has no OS user `postgres`; create it with \
         `useradd --system postgres`, or run this as another user"
    )]
    NoServerUser,

    /// Another process keeps its server in the folder.
    #[error("{} is in use by process {owner_pid}; stop that process first", dir.display())]
    InUse {
        /// The folder.
        dir: PathBuf,
        /// The pid of the process that owns the folder, as that process wrote it down.
        owner_pid: String,
    },

    /// The folder was not made by this crate, so nothing in it is touched.
    #[error("{} has files in it but no private Postgres; choose an empty folder", dir.display())]
    Foreign {
        /// The folder.
        dir: PathBuf,
    },

    /// The cluster in the folder cannot be read.
    #[error(
        "the cluster in {} is damaged: {problem}; remove that folder to begin with an empty one",
        dir.display()
    )]
    Damaged {
        /// The folder.
        dir: PathBuf,
        /// What is wrong with it.
        problem: String,
    },

    /// The cluster belongs to a major version that is not installed.
    #[error(
        "the cluster in {} needs Postgres {major}, which is not installed; install it, or remove that folder \
         to begin with an empty one", dir.display()
    )]
    OtherVersion {
        /// The folder.
        dir: PathBuf,
        /// The major version that created the cluster.
        major: u32,
    },

    /// `initdb` failed.
    #[error("initdb failed ({status}):\n{output}")]
    Init {
        /// How `initdb` ended.
        status: ExitStatus,
        /// What it printed.
        output: String,
    },

    /// The server did not come up.
    #[error("Postgres did not start: {problem}. The end of {}:\n{log_tail}", log_file.display())]
    Start {
        /// What was seen.
        problem: String,
        /// The server's whole log.
        log_file: PathBuf,
        /// The last lines of the log.
        log_tail: String,
    },

    /// The server did not end although it was told to.
    #[error("the Postgres server with pid {pid} did not stop")]
    Stop {
        /// The server's pid.
        pid: i32,
    },

    /// A file or process operation failed.
    #[error("could not {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// The folder whose cluster cannot be used, for callers that can do without its data and begin anew.
    pub fn unusable_folder(&self) -> Option<&Path> {
        match self {
            Self::Damaged { dir, .. } | Self::OtherVersion { dir, .. } => Some(dir),
            Self::Start { log_file, .. } => log_file.parent(),
            _ => None,
        }
    }
}

/// Says what was tried on which path when an input or output operation fails.
pub(crate) trait Attempt<T> {
    fn attempt(self, action: &'static str, path: &Path) -> Result<T, Error>;
}

impl<T> Attempt<T> for io::Result<T> {
    fn attempt(self, action: &'static str, path: &Path) -> Result<T, Error> {
        self.map_err(|source| Error::Io {
            action,
            path: path.to_owned(),
            source,
        })
    }
}
