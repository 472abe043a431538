//! What the tests need to be running: a private Postgres and a local SQS server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use local_postgres::{Config, LocalPostgres, StopMode};

use crate::emulator::Emulator;
use crate::interrupt::{Interrupts, exit_code};
use crate::{machine, postgres17, python};

/// Both servers. Dropping them stops them.
#[derive(Debug)]
pub struct Services {
    postgres: LocalPostgres,
    ministack: Emulator,
    python: PathBuf,
    postgres17: Option<PathBuf>,
}

impl Services {
    /// Installs what is missing, starts both servers and waits until they answer.
    ///
    /// # Errors
    ///
    /// When the machine lacks something or a server does not start.
    pub fn start(root: &Path, interrupts: &Interrupts) -> Result<Self> {
        let python = python::ensure_venv(root, interrupts)?;
        let postgres17 = postgres17::ensure(root, interrupts)?;
        let postgres = start_postgres(root, interrupts)?;
        interrupts.check()?;
        let ministack = Emulator::start(root, &python)?;
        Ok(Self {
            postgres,
            ministack,
            python,
            postgres17,
        })
    }

    /// What the tests read from their environment.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let programs = self
            .postgres17
            .as_ref()
            .map(|folder| folder.display().to_string());
        vec![
            ("TANDEM_TEST_POSTGRES_URL", self.postgres.url("postgres")),
            ("TANDEM_TEST_SQS_ENDPOINT", self.ministack.endpoint()),
            ("TANDEM_TEST_PYTHON", self.python.display().to_string()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            // Empty where nobody builds it for this machine.
            ("TANDEM_TEST_POSTGRES_17", programs.unwrap_or_default()),
        ]
    }

    /// Where the SQS-protocol server answers.
    pub fn sqs_endpoint(&self) -> String {
        self.ministack.endpoint()
    }

    /// The private Postgres.
    pub fn postgres(&self) -> &LocalPostgres {
        &self.postgres
    }

    /// Stops both.
    ///
    /// # Errors
    ///
    /// When Postgres does not stop.
    pub fn stop(self) -> Result<()> {
        drop(self.ministack);
        // Nothing in it is worth an orderly end, and tests that were interrupted may still hold connections.
        self.postgres
            .stop(StopMode::Immediate)
            .context("could not stop Postgres")
    }
}

/// Starts the private Postgres in `.testenv/postgres`.
///
/// # Errors
///
/// When there is no Postgres on the machine or it does not start.
pub fn start_postgres(root: &Path, interrupts: &Interrupts) -> Result<LocalPostgres> {
    machine::ensure_postgres(interrupts)?;
    // Every test has its own database and pool, so there are many connections but little data. Nothing has to
    // survive a power cut; a killed server process loses nothing with these settings.
    let settings = [
        ("fsync", "off"),
        ("max_connections", "400"),
        ("shared_buffers", "128MB"),
    ];
    let settings = settings
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
    let config = Config {
        data_dir: root.join(".testenv/postgres"),
        port: None,
        settings,
        bin_dir: None,
    };
    let postgres = LocalPostgres::start(&config).or_else(|error| {
        // Without fsync a power cut may well damage the files, and there is nothing in them to be kept.
        let Some(folder) = error.unusable_folder() else {
            return Err(error.into());
        };
        println!("{error}\nStarting over with an empty cluster.");
        fs::remove_dir_all(folder).with_context(|| format!("could not remove {}", folder.display()))?;
        LocalPostgres::start(&config).map_err(anyhow::Error::from)
    })?;
    if let Some(note) = postgres.note() {
        println!("{note}");
    }
    Ok(postgres)
}

/// `cargo xtask services`: runs a command with the services' addresses in its environment, or waits for
/// Ctrl-C.
///
/// # Errors
///
/// When the services or the command cannot be started.
pub fn run(root: &Path, interrupts: &Interrupts, command: &[String]) -> Result<ExitCode> {
    let services = Services::start(root, interrupts)?;
    for (name, value) in services.variables() {
        println!("export {name}={value}");
    }
    let result = match command {
        [] => {
            println!("Ctrl-C stops the services.");
            interrupts.wait_for_one();
            Ok(ExitCode::SUCCESS)
        }
        [program, arguments @ ..] => interrupts
            .run_interactive(Command::new(program).args(arguments).envs(services.variables()))
            .map(|status| ExitCode::from(exit_code(status))),
    };
    services.stop()?;
    result
}
