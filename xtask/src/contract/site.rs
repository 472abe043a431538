//! The product on a database of its own, for somebody who tries what its description says.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use domain::Scope;
use local_postgres::LocalPostgres;
use serde_json::Value;

use crate::http;
use crate::interrupt::Interrupts;
use crate::programs::built;
use crate::psql::Psql;

/// The programs that a site is made of.
pub(crate) const PROGRAMS: [&str; 3] = ["api", "worker", "tandem"];
const TENANT: &str = "contract";
const START_LIMIT: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// An api and a worker that Postgres alone serves, with a key that may do everything. Dropping it ends them.
#[derive(Debug)]
pub(crate) struct Site {
    /// The port of the api.
    pub(crate) port: u16,
    /// A key that may do everything, of a tenant that operates the others.
    pub(crate) key: String,
    /// The tenant's id.
    pub(crate) tenant_id: String,
    /// The command line `tandem`.
    pub(crate) program: PathBuf,
    /// Where the processes' output is kept.
    folder: PathBuf,
    processes: Vec<Child>,
    psql: Psql,
    database: String,
}

impl Site {
    /// Builds the programs, makes a database and starts the processes.
    ///
    /// # Errors
    ///
    /// When something does not build, or an api does not get ready.
    pub(crate) fn start(
        root: &Path,
        interrupts: &Interrupts,
        postgres: &LocalPostgres,
        name: &str,
    ) -> Result<Self> {
        Self::start_with(root, interrupts, postgres, name, &[])
    }

    /// The same with more settings, such as those of another queue.
    ///
    /// # Errors
    ///
    /// As [`Self::start`].
    pub(crate) fn start_with(
        root: &Path,
        interrupts: &Interrupts,
        postgres: &LocalPostgres,
        name: &str,
        settings: &[(&'static str, String)],
    ) -> Result<Self> {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(root).args(["build", "--workspace"]);
        let programs = built(interrupts, cargo, &PROGRAMS)?;
        let folder = root.join(".testenv").join(name);
        fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
        let database = format!("{name}_{}", std::process::id());
        let psql = Psql::new(postgres.bin_dir(), &postgres.url("postgres"));
        psql.execute(&format!("create database {database}"))?;
        let mut site = Self {
            port: http::free_port().context("could not find a free port")?,
            key: String::new(),
            tenant_id: String::new(),
            program: PathBuf::new(),
            folder,
            processes: Vec::new(),
            psql,
            database,
        };
        let mut environment = environment(&postgres.url(&site.database), site.port);
        environment.extend_from_slice(settings);
        site.program = programs["tandem"].clone();
        let operator = Operator {
            program: &programs["tandem"],
            environment: &environment,
        };
        operator.run(&["migrate"])?;
        let tenant = operator.run(&["tenants", "create", TENANT, "--operator", "--json"])?;
        let tenant: Value = serde_json::from_str(&tenant).context("tandem did not print JSON")?;
        tenant["id"]
            .as_str()
            .unwrap_or_default()
            .clone_into(&mut site.tenant_id);
        let scopes = Scope::ALL.map(Scope::as_str).join(",");
        let key = [
            "keys", "create", "--tenant", TENANT, "--name", name, "--scopes", &scopes,
        ];
        site.key = operator.run(&key)?.trim().to_owned();
        for name in ["api", "worker"] {
            site.spawn(name, &programs, &environment)?;
        }
        site.wait_until_ready()?;
        Ok(site)
    }

    /// Where the api is.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The public part of the key.
    pub(crate) fn key_id(&self) -> &str {
        self.key.split('_').nth(2).unwrap_or_default()
    }

    /// The folder for what is found out about the site.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Fails when a process has ended, which nobody asked it to, or the key does not work any more: then what was asked
    /// last has proved nothing.
    pub(crate) fn check(&mut self) -> Result<()> {
        for process in &mut self.processes {
            if let Some(status) = process.try_wait().context("could not look after a process")? {
                bail!("a process ended with {status}; see {}", self.folder.display());
            }
        }
        if !http::is_fine_for(self.port, "/api/jobs", &self.key) {
            bail!("the key of the run does not work; see {}", self.folder.display());
        }
        Ok(())
    }

    fn spawn(
        &mut self,
        name: &str,
        programs: &BTreeMap<String, PathBuf>,
        environment: &[(&str, String)],
    ) -> Result<()> {
        let log = self.folder.join(format!("{name}.log"));
        let log = File::create(&log).with_context(|| format!("could not create {}", log.display()))?;
        let errors = log.try_clone().context("could not open a log")?;
        let process = Command::new(&programs[name])
            .env_clear()
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .with_context(|| format!("could not run {name}"))?;
        self.processes.push(process);
        Ok(())
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        while !http::is_fine(self.port, "/ready") {
            if Instant::now() > deadline {
                bail!("the api is not ready after {} s", START_LIMIT.as_secs());
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for process in &mut self.processes {
            // It fails only if the process has ended already.
            drop(process.kill().and_then(|()| process.wait()));
        }
        // What is left behind is dropped by the next `cargo xtask test`.
        let drop_database = format!("drop database if exists {} with (force)", self.database);
        drop(self.psql.execute(&drop_database));
    }
}

fn environment(database_url: &str, port: u16) -> Vec<(&'static str, String)> {
    vec![
        ("DATABASE_URL", database_url.to_owned()),
        ("TANDEM_API_ADDR", format!("127.0.0.1:{port}")),
        (
            "TANDEM_KEY_PEPPER",
            "a pepper that only tests use, long enough".to_owned(),
        ),
        ("TANDEM_RATE_LIMIT_PER_SECOND", "1000000".to_owned()),
        ("TANDEM_RATE_LIMIT_BURST", "1000000".to_owned()),
        ("TANDEM_TEST_HANDLERS", "true".to_owned()),
        // Generated requests have URLs that nobody chose; none of them may lead off this machine.
        ("TANDEM_HTTP_TARGETS", "local".to_owned()),
    ]
}

struct Operator<'a> {
    program: &'a Path,
    environment: &'a [(&'static str, String)],
}

impl Operator<'_> {
    /// Runs a command of `tandem`, and gives what it prints.
    fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new(self.program)
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter().cloned())
            .output()
            .context("could not run tandem")?;
        if !output.status.success() {
            bail!(
                "tandem {} ended with {}: {}",
                arguments.join(" "),
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
