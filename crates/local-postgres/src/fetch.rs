//! Downloading the server programs when the machine has none.

use std::fs;
use std::path::{Path, PathBuf};

use postgresql_embedded::Settings;
use postgresql_embedded::blocking::PostgreSQL;

use crate::binaries::{Installation, NotFound};
use crate::error::{Attempt, Error};
use crate::run_as::RunAs;

/// Downloads the newest release once for all folders of this user.
pub(crate) fn fetch(run_as: RunAs, not_found: NotFound) -> Result<Installation, Error> {
    let mut settings = Settings::new();
    if let RunAs::ServerUser { .. } = run_as {
        // Root's home is closed to the user that has to run the programs.
        settings.installation_dir = PathBuf::from("/var/cache/local-postgres");
    }
    install(settings, not_found)
}

fn install(mut settings: Settings, not_found: NotFound) -> Result<Installation, Error> {
    fs::create_dir_all(&settings.installation_dir).attempt("create", &settings.installation_dir)?;
    // The crate downloads and creates a cluster in one go. Ours is created elsewhere and otherwise, so it
    // gets a folder that looks as if the cluster were there already.
    let pretended = settings.installation_dir.join("no-cluster");
    fs::create_dir_all(&pretended)
        .and_then(|()| fs::write(pretended.join("postgresql.conf"), ""))
        .attempt("create", &pretended)?;
    settings.data_dir = pretended;
    let mut downloaded = PostgreSQL::new(settings);
    if let Err(source) = downloaded.setup() {
        return Err(Error::Fetch {
            not_found,
            source: Box::new(source),
        });
    }
    inspect(&downloaded.settings().binary_dir(), not_found)
}

fn inspect(bin_dir: &Path, not_found: NotFound) -> Result<Installation, Error> {
    Installation::inspect(bin_dir).ok_or(Error::NotFound(not_found))
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn a_failed_download_says_what_to_install_and_why_it_failed() {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = Settings::new();
        settings.installation_dir = dir.path().join("programs");
        settings.releases_url = "https://127.0.0.1:1/releases".to_owned();
        let error = install(settings, NotFound { too_old: Vec::new() }).unwrap_err();
        assert!(matches!(error, Error::Fetch { .. }), "{error:?}");
        assert!(
            error.to_string().contains("apt-get install postgresql"),
            "{error}"
        );
        assert!(error.source().is_some());
    }
}
