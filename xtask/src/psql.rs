//! Running SQL with the `psql` of the server's own version.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// A way to one database.
#[derive(Clone, Debug)]
pub struct Psql {
    program: PathBuf,
    /// Without the password, because everybody on the machine can see a command line.
    address: String,
    password: Option<String>,
}

impl Psql {
    /// For a database, with the programs in a folder.
    pub fn new(bin_dir: &Path, url: &str) -> Self {
        let (address, password) = without_password(url);
        Self {
            program: bin_dir.join("psql"),
            address,
            password,
        }
    }

    /// Runs statements and psql's own commands.
    ///
    /// # Errors
    ///
    /// When one of them fails; what psql has to say about it is shown already.
    pub fn execute(&self, sql: &str) -> Result<()> {
        let mut psql = self
            .command()
            .stdin(Stdio::piped())
            .spawn()
            .context("could not run psql")?;
        let mut input = psql.stdin.take().expect("the input was asked for");
        input
            .write_all(sql.as_bytes())
            .context("could not talk to psql")?;
        drop(input);
        if !psql.wait().context("could not wait for psql")?.success() {
            bail!("psql failed at: {}", sql.trim());
        }
        Ok(())
    }

    /// Runs a file, in one transaction if asked to.
    ///
    /// # Errors
    ///
    /// When a statement in it fails.
    pub fn execute_file(&self, file: &Path, in_transaction: bool) -> Result<()> {
        let mut command = self.command();
        if in_transaction {
            command.arg("--single-transaction");
        }
        let status = command
            .arg("--file")
            .arg(file)
            .stdin(Stdio::null())
            .status()
            .context("could not run psql")?;
        if !status.success() {
            bail!("psql failed at {}", file.display());
        }
        Ok(())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1"]);
        command.arg("--dbname").arg(&self.address).stdout(Stdio::null());
        if let Some(password) = &self.password {
            command.env("PGPASSWORD", password);
        }
        command
    }
}

/// The same server with another database, keeping the parameters after the question mark.
pub fn with_database(url: &str, database: &str) -> String {
    let (address, parameters) = url
        .split_once('?')
        .map_or((url, None), |(it, rest)| (it, Some(rest)));
    let authority = address.find("://").map_or(0, |at| at + "://".len());
    let end = address[authority..]
        .find('/')
        .map_or(address.len(), |at| authority + at);
    let parameters = parameters.map(|it| format!("?{it}")).unwrap_or_default();
    format!("{}/{database}{parameters}", &address[..end])
}

fn without_password(url: &str) -> (String, Option<String>) {
    let parts = || {
        let (scheme, rest) = url.split_once("://")?;
        let (login, place) = rest.split_once('@')?;
        let (user, password) = login.split_once(':')?;
        // An encoded one would have to be decoded for the environment; it stays where it is.
        (!password.contains('%')).then(|| (format!("{scheme}://{user}@{place}"), Some(password.to_owned())))
    };
    parts().unwrap_or_else(|| (url.to_owned(), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_leaves_the_address() {
        let plain = without_password("postgres://me:secret@127.0.0.1:5432/db");
        assert_eq!(
            plain,
            (
                "postgres://me@127.0.0.1:5432/db".to_owned(),
                Some("secret".to_owned())
            )
        );
        for url in ["postgres://me@127.0.0.1/db", "postgres://me:a%40b@127.0.0.1/db"] {
            assert_eq!(without_password(url), (url.to_owned(), None));
        }
    }

    #[test]
    fn only_the_database_of_an_address_is_exchanged() {
        assert_eq!(
            with_database("postgres://a:b@h:1/postgres", "x"),
            "postgres://a:b@h:1/x"
        );
        assert_eq!(
            with_database("postgres://a@h/postgres?sslmode=disable", "x"),
            "postgres://a@h/x?sslmode=disable"
        );
        assert_eq!(with_database("postgres://h", "x"), "postgres://h/x");
    }
}
