use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use local_postgres::{Config, LocalPostgres};
use tempfile::TempDir;

/// A temporary folder that the OS user `postgres` can enter, which matters when the tests run as root.
pub(crate) struct Scratch(TempDir);

impl Scratch {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self(dir)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.path().join("postgres")
    }

    pub(crate) fn config(&self) -> Config {
        Config {
            data_dir: self.data_dir(),
            ..Config::default()
        }
    }

    pub(crate) fn start(&self) -> LocalPostgres {
        LocalPostgres::start(&self.config()).unwrap()
    }
}

/// What a query prints, or psql's complaint.
pub(crate) fn try_query(server: &LocalPostgres, url: &str, sql: &str) -> Result<String, String> {
    let output = Command::new(server.bin_dir().join("psql"))
        .args([
            "-X",
            "--no-password",
            "-At",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            sql,
            url,
        ])
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim().to_owned();
    if output.status.success() {
        Ok(text(output.stdout))
    } else {
        Err(text(output.stderr))
    }
}

pub(crate) fn query(server: &LocalPostgres, sql: &str) -> String {
    try_query(server, &server.url("postgres"), sql).unwrap()
}

/// Waits for a condition that another process brings about.
pub(crate) fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        std::thread::yield_now();
    }
}
