//! The folder that holds one private server, and the lock that makes us its only owner.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::{Attempt, Error};
use crate::run_as::RunAs;

/// A folder that is ours for as long as this value lives.
#[derive(Debug)]
pub(crate) struct Folder {
    dir: PathBuf,
    lock: File,
    /// Why the folder is another than the one asked for.
    note: Option<String>,
}

impl Folder {
    /// Creates the folder if it is missing and takes its lock.
    pub(crate) fn open(wanted: &Path, run_as: RunAs) -> Result<Self, Error> {
        let (dir, note) = place(wanted, run_as)?;
        create(&dir, run_as)?;
        let lock = lock(&dir)?;
        Ok(Self { dir, lock, note })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    pub(crate) fn cluster(&self) -> PathBuf {
        self.dir.join("cluster")
    }

    pub(crate) fn log_file(&self) -> PathBuf {
        self.dir.join("server.log")
    }

    pub(crate) fn socket_dir(&self) -> PathBuf {
        self.dir.join("socket")
    }

    pub(crate) fn password_file(&self) -> PathBuf {
        self.dir.join("password")
    }

    fn port_file(&self) -> PathBuf {
        self.dir.join("port")
    }

    /// The port of the last start, if there was one.
    pub(crate) fn last_port(&self) -> Option<u16> {
        fs::read_to_string(self.port_file()).ok()?.trim().parse().ok()
    }

    pub(crate) fn remember_port(&self, port: u16) -> Result<(), Error> {
        let file = self.port_file();
        fs::write(&file, format!("{port}\n")).attempt("write", &file)
    }

    /// The superuser's password; made up when there is none yet.
    pub(crate) fn password(&self, run_as: RunAs) -> Result<String, Error> {
        let file = self.password_file();
        match fs::read_to_string(&file) {
            Ok(password) => return Ok(password.trim().to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).attempt("read", &file),
        }
        let password = random_password().attempt("read", Path::new(RANDOM_SOURCE))?;
        File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&file)
            .and_then(|mut open| writeln!(open, "{password}"))
            .and_then(|()| run_as.own(&file))
            .attempt("write", &file)?;
        Ok(password)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that another thread is just starting holds a copy of it
        // until its exec, and the lock would live on for that moment. A failure leaves it to the closing.
        drop(self.lock.unlock());
    }
}

const RANDOM_SOURCE: &str = "/dev/urandom";

fn random_password() -> io::Result<String> {
    let mut bytes = [0_u8; 16];
    File::open(RANDOM_SOURCE)?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The folder asked for, or one under `/var/tmp` when the server's user cannot get there.
fn place(wanted: &Path, run_as: RunAs) -> Result<(PathBuf, Option<String>), Error> {
    let wanted = std::path::absolute(wanted).attempt("resolve", wanted)?;
    let parent = wanted.parent().unwrap_or(&wanted);
    fs::create_dir_all(parent).attempt("create", parent)?;
    if run_as.can_enter(parent) {
        return Ok((wanted, None));
    }
    let instead = PathBuf::from(format!("/var/tmp/local-postgres-{:016x}", fingerprint(&wanted)));
    let note = format!(
        "The OS user `postgres`, which runs the server for root, cannot enter {}; the server's files are \
         in {} instead.",
        parent.display(),
        instead.display()
    );
    // Anybody can create folders there, so one that is not the server's own may be a trap.
    if let Ok(found) = fs::symlink_metadata(&instead)
        && !(found.is_dir() && (found.uid() == run_as.uid() || found.uid() == 0))
    {
        return Err(Error::Foreign { dir: instead });
    }
    Ok((instead, Some(note)))
}

/// FNV-1a, since the name has to be the same with every compiler, which the standard hasher does not promise.
fn fingerprint(path: &Path) -> u64 {
    let bytes = path.as_os_str().as_encoded_bytes();
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Makes the folder ours, but only if it is new, empty, or was ours already.
fn create(dir: &Path, run_as: RunAs) -> Result<(), Error> {
    match fs::read_dir(dir) {
        Ok(mut entries) => {
            if entries.next().is_some() && !dir.join("lock").exists() {
                return Err(Error::Foreign { dir: dir.to_owned() });
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().mode(0o700).create(dir).attempt("create", dir)?;
        }
        Err(error) => return Err(error).attempt("read", dir),
    }
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).attempt("restrict", dir)?;
    run_as.own(dir).attempt("change the owner of", dir)
}

fn lock(dir: &Path) -> Result<File, Error> {
    let path = dir.join("lock");
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .attempt("open", &path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let owner_pid = fs::read_to_string(&path).unwrap_or_default().trim().to_owned();
            return Err(Error::InUse {
                dir: dir.to_owned(),
                owner_pid,
            });
        }
        Err(TryLockError::Error(error)) => return Err(error).attempt("lock", &path),
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .attempt("write", &path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fallback_name_is_stable_and_differs_by_path() {
        assert_eq!(fingerprint(Path::new("")), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint(Path::new("a")), 0xaf63_dc4c_8601_ec8c);
        assert_ne!(fingerprint(Path::new("/a/b")), fingerprint(Path::new("/a/c")));
    }

    #[test]
    fn a_folder_with_foreign_files_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("thesis.txt"), "years of work").unwrap();
        let mode = fs::metadata(dir.path()).unwrap().mode();
        assert!(matches!(
            create(dir.path(), RunAs::Ourselves),
            Err(Error::Foreign { .. })
        ));
        assert_eq!(fs::metadata(dir.path()).unwrap().mode(), mode);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_password_is_made_once_and_for_the_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(&dir.path().join("new"), RunAs::Ourselves).unwrap();
        let password = folder.password(RunAs::Ourselves).unwrap();
        assert_eq!(password.len(), 32);
        assert_eq!(folder.password(RunAs::Ourselves).unwrap(), password);
        assert_eq!(
            fs::metadata(folder.password_file()).unwrap().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn a_second_owner_is_told_who_the_first_is() {
        let dir = tempfile::tempdir().unwrap();
        let first = Folder::open(&dir.path().join("new"), RunAs::Ourselves).unwrap();
        let refused = Folder::open(&dir.path().join("new"), RunAs::Ourselves).unwrap_err();
        assert!(
            refused.to_string().contains(&std::process::id().to_string()),
            "{refused}"
        );
        drop(first);
        Folder::open(&dir.path().join("new"), RunAs::Ourselves).unwrap();
    }
}
