//! The folder that `tandem dev` keeps between runs: the database, the pepper, and what clients `source`.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use runtime::Secret;
use runtime::credential::{ApiKey, KeyHasher};

use super::Access;
use crate::admin::Keyring;
use crate::failure::Failure;

/// The folder.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes the folder if it is new; others of this machine can't look into it, and version control does not.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let refuse = |error| Failure::new(format!("the folder {} can't be used: {error}", path.display()));
        // The server's own user must be able to pass through, hence not 0700.
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o711)
            .create(path)
            .map_err(refuse)?;
        fs::write(path.join(".gitignore"), "*\n").map_err(refuse)?;
        Ok(Self(path.to_owned()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// What keys are made with: the pepper of the first run.
    pub(crate) fn keyring(&self) -> Result<Keyring, Failure> {
        let path = self.0.join("pepper");
        let pepper = match fs::read_to_string(&path) {
            Ok(pepper) => pepper,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let random: [u8; 32] = runtime::random::secret_bytes();
                let pepper: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
                write_private(&path, &pepper)?;
                pepper
            }
            Err(error) => return Err(error.into()),
        };
        let environment = "dev".parse().expect("dev is a valid environment");
        Ok(Keyring {
            environment,
            hasher: KeyHasher::new(&Secret::new(pepper)),
        })
    }

    /// The key of the last run.
    pub(crate) fn read_key(&self) -> Option<ApiKey> {
        let env = fs::read_to_string(self.0.join("env")).ok()?;
        let line = env
            .lines()
            .find_map(|line| line.strip_prefix("export TANDEM_API_KEY="))?;
        line.trim_matches('\'').parse().ok()
    }

    /// Writes what a shell needs to talk to the running services.
    pub(crate) fn write_env(&self, url: &str, access: &Access, database_url: &str) -> Result<(), Failure> {
        // None of these values can have a quote in it.
        let env = format!(
            "export TANDEM_URL='{url}'\nexport TANDEM_API_KEY='{}'\nexport TANDEM_WEBHOOK_SECRET='{}'\n\
             export DATABASE_URL='{database_url}'\nexport TANDEM_KEY_PEPPER=\"$(cat '{}')\"\n",
            access.api_key,
            access.webhook_secret,
            fs::canonicalize(self.0.join("pepper"))?.display(),
        );
        write_private(&self.0.join("env"), &env)
    }
}

/// Writes a file that nobody else can read, all of it or nothing.
fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    let unfinished = path.with_extension("new");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    fs::rename(unfinished, path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_and_the_pepper_of_the_last_run_are_found_again() {
        let temporary = std::env::temp_dir().join(format!("tandem-dev-{}", runtime::random::id()));
        let open = || {
            Folder::open(&temporary)
                .map_err(|failure| failure.to_string())
                .unwrap()
        };
        let keyring = || open().keyring().map_err(|failure| failure.to_string()).unwrap();
        assert!(open().read_key().is_none());
        let key = ApiKey::generate(&keyring().environment);
        let access = Access {
            api_key: key.expose().to_owned(),
            webhook_secret: "whsec_x".to_owned(),
        };
        let written = open().write_env("http://127.0.0.1:1", &access, "postgres://h/d");
        written.map_err(|failure| failure.to_string()).unwrap();
        let found = open().read_key().unwrap();
        assert!(
            keyring()
                .hasher
                .verify(&found, Some(&keyring().hasher.hash(&key)))
        );
        fs::remove_dir_all(temporary).unwrap();
    }
}
