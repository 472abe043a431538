//! As whom the server programs run.

use std::io;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::unistd::{Uid, User};

use crate::error::Error;

const SERVER_USER: &str = "postgres";

/// Ourselves, or the OS user `postgres` when we are root, because Postgres refuses to run as root.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RunAs {
    Ourselves,
    ServerUser { uid: u32, gid: u32 },
}

impl RunAs {
    pub(crate) fn determine() -> Result<Self, Error> {
        if !Uid::effective().is_root() {
            return Ok(Self::Ourselves);
        }
        match User::from_name(SERVER_USER) {
            Ok(Some(user)) => Ok(Self::ServerUser {
                uid: user.uid.as_raw(),
                gid: user.gid.as_raw(),
            }),
            Ok(None) | Err(_) => Err(Error::NoServerUser),
        }
    }

    /// A command that runs as this user, with messages in English, from a folder that everybody may enter.
    pub(crate) fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").env("LC_ALL", "C").stdin(Stdio::null());
        if let Self::ServerUser { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Gives a file or folder of ours to this user.
    pub(crate) fn own(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Ourselves => Ok(()),
            Self::ServerUser { uid, gid } => chown(path, Some(uid), Some(gid)),
        }
    }

    /// Whether this user can reach what lies in a folder. The user is asked rather than the mode bits, since
    /// access lists and mounts have a say as well.
    pub(crate) fn can_enter(self, dir: &Path) -> bool {
        match self {
            Self::Ourselves => true,
            Self::ServerUser { .. } => self
                .command(Path::new("test"))
                .arg("-x")
                .arg(dir)
                .status()
                .is_ok_and(|status| status.success()),
        }
    }

    /// The owner that a folder must have to be trusted in a place where everybody may create folders.
    pub(crate) fn uid(self) -> u32 {
        match self {
            Self::Ourselves => Uid::effective().as_raw(),
            Self::ServerUser { uid, .. } => uid,
        }
    }
}
