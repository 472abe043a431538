//! The database cluster inside the folder: its version, and its creation.

use std::fs;
use std::io;
use std::path::Path;

use crate::binaries::Installation;
use crate::error::{Attempt, Error};
use crate::folder::Folder;
use crate::run_as::RunAs;

/// The major version that created the cluster; None when there is no cluster yet.
pub(crate) fn major_version(folder: &Folder) -> Result<Option<u32>, Error> {
    let cluster = folder.cluster();
    if !cluster.exists() {
        return Ok(None);
    }
    let damaged = |problem: String| Error::Damaged {
        dir: folder.dir().to_owned(),
        problem,
    };
    let written = fs::read_to_string(cluster.join("PG_VERSION"))
        .map_err(|error| damaged(format!("its PG_VERSION cannot be read ({error})")))?;
    let major = written
        .trim()
        .parse()
        .map_err(|_| damaged(format!("its PG_VERSION says {written:?}")))?;
    Ok(Some(major))
}

/// Creates the cluster.
pub(crate) fn create(folder: &Folder, installation: &Installation, run_as: RunAs) -> Result<(), Error> {
    folder.password(run_as)?;
    // Renamed when it is whole, so that an initdb that was killed half-way never passes for a cluster.
    let unfinished = folder.dir().join("cluster.new");
    remove_if_there(&unfinished).attempt("remove", &unfinished)?;
    let initdb = installation.bin_dir.join("initdb");
    let output = run_as
        .command(&initdb)
        .args([
            "--username=postgres",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
        ])
        // The files of a server for tests need not survive a power cut.
        .args(["--no-sync", "--no-instructions"])
        .arg("--pwfile")
        .arg(folder.password_file())
        .arg("--pgdata")
        .arg(&unfinished)
        .output()
        .attempt("run", &initdb)?;
    if !output.status.success() {
        let printed = [output.stdout, output.stderr].concat();
        return Err(Error::Init {
            status: output.status,
            output: String::from_utf8_lossy(&printed).trim_end().to_owned(),
        });
    }
    let cluster = folder.cluster();
    fs::rename(&unfinished, &cluster).attempt("create", &cluster)
}

fn remove_if_there(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
