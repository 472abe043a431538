//! Finding the server programs (`initdb`, `postgres`) that are installed on this machine.

use std::cmp::Reverse;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest major version that the product supports.
const OLDEST_MAJOR: u32 = 15;

/// A version of Postgres.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The major version, such as 17.
    pub major: u32,
    /// The minor version; 0 for a beta or release candidate.
    pub minor: u32,
}

impl Version {
    /// Reads what `postgres --version` prints, e.g. `postgres (PostgreSQL) 17.2 (Debian 17.2-1)`.
    fn parse(printed: &str) -> Option<Self> {
        let number = printed.split_once("(PostgreSQL) ")?.1.split_whitespace().next()?;
        let leading = |text: &str| {
            let digits = text
                .split(|c: char| !c.is_ascii_digit())
                .next()
                .unwrap_or_default();
            digits.parse().ok()
        };
        let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
        Some(Self {
            major: leading(major)?,
            minor: leading(minor)?,
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The machine has no server programs of a supported version. The message says how to install them.
#[derive(Clone, Debug)]
pub struct NotFound {
    /// What was found but is too old.
    pub too_old: Vec<(PathBuf, Version)>,
}

impl std::error::Error for NotFound {}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no Postgres {OLDEST_MAJOR} or newer is installed (`initdb` and `postgres`). Install it:\n  \
             Debian, Ubuntu:  sudo apt-get install postgresql\n  \
             Fedora, RHEL:    sudo dnf install postgresql-server\n  \
             Alpine:          sudo apk add postgresql\n  \
             macOS:           brew install postgresql@17"
        )?;
        for (bin_dir, version) in &self.too_old {
            write!(f, "\nToo old: {} has version {version}.", bin_dir.display())?;
        }
        Ok(())
    }
}

/// The folder with the newest server programs of this machine.
///
/// # Errors
///
/// [`NotFound`] when there are none of a supported version.
pub fn find_binaries() -> Result<PathBuf, NotFound> {
    // `installations` answers with at least one element or with an error.
    installations().map(|mut found| found.swap_remove(0).bin_dir)
}

/// One set of server programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Installation {
    pub(crate) bin_dir: PathBuf,
    pub(crate) version: Version,
}

impl Installation {
    /// Looks whether a folder has both programs, and which version they are.
    pub(crate) fn inspect(bin_dir: &Path) -> Option<Self> {
        let postgres = bin_dir.join("postgres");
        if !bin_dir.join("initdb").is_file() || !postgres.is_file() {
            return None;
        }
        let output = Command::new(postgres).arg("--version").output().ok()?;
        let version = Version::parse(&String::from_utf8_lossy(&output.stdout))?;
        Some(Self {
            bin_dir: bin_dir.to_owned(),
            version,
        })
    }
}

/// All supported installations, newest first; never an empty list.
pub(crate) fn installations() -> Result<Vec<Installation>, NotFound> {
    #[expect(
        clippy::disallowed_methods,
        reason = "where programs stand is the machine's affair, not our setting"
    )]
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut bin_dirs = on_path(&path);
    bin_dirs.extend(well_known());
    bin_dirs.sort();
    bin_dirs.dedup();
    supported(
        bin_dirs
            .iter()
            .filter_map(|dir| Installation::inspect(dir))
            .collect(),
    )
}

/// Keeps what is new enough and puts the newest first.
fn supported(found: Vec<Installation>) -> Result<Vec<Installation>, NotFound> {
    let (mut supported, too_old): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|it| it.version.major >= OLDEST_MAJOR);
    if supported.is_empty() {
        return Err(NotFound {
            too_old: too_old.into_iter().map(|it| (it.bin_dir, it.version)).collect(),
        });
    }
    supported.sort_by_key(|it| Reverse(it.version));
    Ok(supported)
}

/// What the programs on PATH lead to: the answer of `pg_config`, and where an `initdb` really stands, which
/// may be a link out of a folder that has no `postgres`.
fn on_path(path: &OsStr) -> Vec<PathBuf> {
    let mut dirs = Vec::new();
    for dir in std::env::split_paths(path) {
        if let Ok(initdb) = fs::canonicalize(dir.join("initdb")) {
            dirs.extend(initdb.parent().map(Path::to_owned));
        }
        dirs.extend(ask_pg_config(&dir.join("pg_config")));
    }
    dirs
}

fn ask_pg_config(pg_config: &Path) -> Option<PathBuf> {
    if !pg_config.is_file() {
        return None;
    }
    let output = Command::new(pg_config).arg("--bindir").output().ok()?;
    let printed = String::from_utf8(output.stdout).ok()?;
    fs::canonicalize(printed.trim()).ok()
}

/// Where the systems' packages put the programs without adding them to PATH.
fn well_known() -> Vec<PathBuf> {
    [
        ("/usr/lib/postgresql", "", "bin"),                      // Debian, Ubuntu
        ("/usr", "pgsql-", "bin"),                               // the Postgres project's RPMs
        ("/usr/lib", "postgresql", "bin"),                       // openSUSE
        ("/usr/libexec", "postgresql", ""),                      // Alpine
        ("/opt/homebrew/opt", "postgresql", "bin"),              // Homebrew on Apple silicon
        ("/usr/local/opt", "postgresql", "bin"),                 // Homebrew on Intel
        ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"), // Homebrew on Linux
        ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
    ]
    .into_iter()
    .flat_map(|(parent, prefix, below)| children(Path::new(parent), prefix, below))
    .collect()
}

/// `parent/prefix*/below`, as far as it exists.
fn children(parent: &Path, prefix: &str, below: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else {
        return Vec::new();
    };
    let starts = |name: OsString| name.to_string_lossy().starts_with(prefix);
    entries
        .flatten()
        .filter(|entry| starts(entry.file_name()))
        .filter_map(|entry| fs::canonicalize(entry.path().join(below)).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installation(dir: &str, major: u32, minor: u32) -> Installation {
        Installation {
            bin_dir: dir.into(),
            version: Version { major, minor },
        }
    }

    #[test]
    fn versions_are_read_from_what_postgres_prints() {
        let read = |text| Version::parse(text).map(|v| (v.major, v.minor));
        assert_eq!(
            read("postgres (PostgreSQL) 15.10 (Debian 15.10-0+deb12u1)\n"),
            Some((15, 10))
        );
        assert_eq!(read("postgres (PostgreSQL) 17.2\n"), Some((17, 2)));
        assert_eq!(read("postgres (PostgreSQL) 18beta1\n"), Some((18, 0)));
        assert_eq!(read("bash: postgres: command not found"), None);
    }

    #[test]
    fn the_newest_comes_first_and_old_ones_are_left_out() {
        let found = vec![
            installation("/a", 15, 9),
            installation("/b", 14, 20),
            installation("/c", 15, 10),
        ];
        let supported = supported(found).unwrap();
        assert_eq!(supported, [installation("/c", 15, 10), installation("/a", 15, 9)]);
    }

    #[test]
    fn nothing_found_says_what_to_install_and_what_was_too_old() {
        let message = supported(vec![installation("/usr/lib/postgresql/14/bin", 14, 3)])
            .unwrap_err()
            .to_string();
        assert!(message.contains("apt-get install postgresql"), "{message}");
        assert!(
            message.contains("Too old: /usr/lib/postgresql/14/bin has version 14.3."),
            "{message}"
        );
    }

    #[test]
    fn a_link_on_path_leads_to_the_folder_it_points_into() {
        let root = tempfile::tempdir().unwrap();
        let (real, linked) = (root.path().join("real"), root.path().join("linked"));
        fs::create_dir(&real).unwrap();
        fs::create_dir(&linked).unwrap();
        fs::write(real.join("initdb"), "").unwrap();
        std::os::unix::fs::symlink(real.join("initdb"), linked.join("initdb")).unwrap();
        assert_eq!(on_path(linked.as_os_str()), [fs::canonicalize(real).unwrap()]);
    }

    #[test]
    fn this_machine_has_server_programs() {
        let bin_dir = find_binaries().unwrap();
        assert!(Installation::inspect(&bin_dir).unwrap().version.major >= OLDEST_MAJOR);
    }
}
