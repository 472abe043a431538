//! `local-postgres FOLDER`: runs a private Postgres in a folder, prints its address, and stops it when the
//! standard input ends.

use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use local_postgres::{Config, LocalPostgres};

fn main() -> ExitCode {
    let Some(data_dir) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return fail("usage: local-postgres FOLDER");
    };
    let server = match LocalPostgres::start(&Config {
        data_dir,
        ..Config::default()
    }) {
        Ok(server) => server,
        Err(error) => return fail(&error.to_string()),
    };
    let address = server.url("postgres");
    match writeln!(io::stdout(), "{address}").and_then(|()| io::stdin().read_to_end(&mut Vec::new())) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

fn fail(message: &str) -> ExitCode {
    // Without a standard error there is nowhere left to complain.
    drop(writeln!(io::stderr(), "{message}"));
    ExitCode::FAILURE
}
