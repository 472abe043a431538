//! The programs with the queues, secrets and settings that Terraform made: they get what ECS would give them, but for where
//! Postgres is, since an emulator of RDS has none, and for the addresses that they listen at.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use domain::Scope;
use local_postgres::LocalPostgres;
use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::http;
use crate::psql::Psql;

use super::alarm;
use super::task::Task;

/// What is built for this.
pub(super) const PROGRAMS: [&str; 3] = ["api", "worker", "tandem"];
const LIMIT: Duration = Duration::from_secs(120);
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// As an operator would make them up.
const PASSWORD: &str = "a-password-that-only-a-test-has";
const PEPPER: &str = "a pepper that only a test has, long enough";
const LOGINS: [(&str, &str); 2] = [("api", "tandem_api"), ("worker", "tandem_worker")];
const LANE: &str = "default";

/// What the programs are tried with.
pub(super) struct Trial<'a> {
    pub(super) programs: &'a BTreeMap<String, PathBuf>,
    pub(super) postgres: &'a LocalPostgres,
    pub(super) cloud: &'a Cloud,
    /// The state of the environment.
    pub(super) made: &'a Value,
    /// Where logs are kept.
    pub(super) folder: PathBuf,
}

impl Trial<'_> {
    /// Sets the environment up as an operator does, starts both programs and lets one job succeed and one fail.
    pub(super) fn run(&self, told: &mut super::Told) -> Result<()> {
        fs::create_dir_all(&self.folder)
            .with_context(|| format!("could not create {}", self.folder.display()))?;
        let api = Task::of(self.made, "api")?;
        let worker = Task::of(self.made, "worker")?;
        let database = api.told("TANDEM_DATABASE_NAME")?;
        let psql = Psql::new(self.postgres.bin_dir(), &self.postgres.url("postgres"));
        psql.execute(&format!("drop database if exists {database} with (force)"))?;
        psql.execute(&format!("create database {database}"))?;
        let tried = self.try_programs(&api, &worker, database, told);
        psql.execute(&format!("drop database {database} with (force)"))?;
        for (service, _) in LOGINS {
            psql.execute(&format!("drop role if exists {}", login(service)))?;
        }
        tried
    }

    fn try_programs(&self, api: &Task, worker: &Task, database: &str, told: &mut super::Told) -> Result<()> {
        let migrate = Task::of(self.made, "migrate")?;
        ensure!(
            migrate
                .told("DATABASE_URL")?
                .ends_with(&format!("/{database}?sslmode=verify-full")),
            "migrations must go to the programs' database, and check who that is"
        );
        let administrator = vec![("DATABASE_URL".to_owned(), self.postgres.url(database))];
        self.tandem(&administrator, &["migrate"])?;
        self.fill_secrets(api, worker, database)?;
        told.look("secrets are filled and the schema is made", Ok(Vec::new()));

        let port = http::free_port().context("could not find a free port")?;
        let ops = http::free_port().context("could not find a free port")?;
        let mut api_environment = self.environment(api)?;
        api_environment.insert("TANDEM_API_ADDR".to_owned(), format!("127.0.0.1:{port}"));
        let mut worker_environment = self.environment(worker)?;
        worker_environment.insert("TANDEM_OPS_ADDR".to_owned(), format!("127.0.0.1:{ops}"));
        // Jobs must not lead off this machine.
        worker_environment.insert("TANDEM_HTTP_TARGETS".to_owned(), "local".to_owned());
        let mut running = Running::default();
        running.start(&self.programs["api"], &[], &api_environment, &self.folder)?;
        running.start(&self.programs["worker"], &[], &worker_environment, &self.folder)?;
        until("the api and the worker are ready", || {
            running.check()?;
            Ok(http::is_fine(port, "/ready") && http::is_fine(ops, "/ready"))
        })?;
        told.look("programs start with what Terraform tells them", Ok(Vec::new()));

        let mut client = administrator;
        client.push((
            "TANDEM_KEY_PEPPER".to_owned(),
            api_environment["TANDEM_KEY_PEPPER"].clone(),
        ));
        client.push((
            "TANDEM_KEY_ENVIRONMENT".to_owned(),
            api_environment["TANDEM_KEY_ENVIRONMENT"].clone(),
        ));
        let key = self.make_key(&client)?;
        let client = vec![
            ("TANDEM_URL".to_owned(), format!("http://127.0.0.1:{port}")),
            ("TANDEM_API_KEY".to_owned(), key),
        ];
        let receiver = http::free_port().context("could not find a free port")?;
        let receive = ["receive", "--port", &receiver.to_string()];
        running.start(&self.programs["tandem"], &receive, &BTreeMap::new(), &self.folder)?;
        until("the receiver listens", || Ok(http::is_open(receiver)))?;
        let done = self.submit(&client, receiver)?;
        ensure!(done["state"] == "succeeded", "a job did not succeed: {done}");
        told.look("a job is submitted and run", Ok(Vec::new()));

        let nobody = http::free_port().context("could not find a free port")?;
        let failed = self.submit(&client, nobody)?;
        ensure!(failed["state"] == "failed", "a job did not fail: {failed}");
        let letters = self.tandem(&client, &["dead-letters", "list", "--json"])?;
        let id = failed["id"].as_str().unwrap_or_default();
        ensure!(
            letters.contains(id),
            "a failed job is not among the dead letters: {letters}"
        );
        until("the failed job has a message in the dead-letter queue", || {
            running.check()?;
            Ok(alarm::depth(self.cloud, self.made, LANE)? == 1)
        })?;
        told.look("a job that fails is a dead letter in both places", Ok(Vec::new()));
        told.look("its alarm calls", alarm::complaints(self.cloud, self.made, LANE));
        running.stop()
    }

    /// The environment of a container, on this machine.
    fn environment(&self, task: &Task) -> Result<BTreeMap<String, String>> {
        let mut environment = task.resolve(self.cloud)?;
        environment.insert("TANDEM_DATABASE_HOST".to_owned(), "127.0.0.1".to_owned());
        environment.insert(
            "TANDEM_DATABASE_PORT".to_owned(),
            self.postgres.port().to_string(),
        );
        // Its certificate would be RDS's, which is in the image.
        environment.insert("TANDEM_DATABASE_SSLMODE".to_owned(), "disable".to_owned());
        environment.remove("PGSSLROOTCERT");
        let variables = self.cloud.variables();
        environment.extend(variables.map(|(name, value)| (name.to_owned(), value)));
        Ok(environment)
    }

    /// Makes the logins, and puts them and the pepper into the secrets that wait for them, as the README of the platform says.
    fn fill_secrets(&self, api: &Task, worker: &Task, database: &str) -> Result<()> {
        let psql = Psql::new(self.postgres.bin_dir(), &self.postgres.url(database));
        for ((service, role), task) in LOGINS.into_iter().zip([api, worker]) {
            let name = login(service);
            psql.execute(&format!(
                "create role {name} login noinherit password '{PASSWORD}'; grant {role} to {name}"
            ))?;
            let value = json!({"username": name, "password": PASSWORD}).to_string();
            self.put(task.told("TANDEM_DATABASE_SECRET_ARN")?, &value)?;
        }
        self.put(api.place_of("TANDEM_KEY_PEPPER")?, PEPPER)
    }

    fn put(&self, secret: &str, value: &str) -> Result<()> {
        let parameters = json!({"SecretId": secret, "SecretString": value});
        self.cloud
            .call("secretsmanager", "put_secret_value", parameters)?;
        Ok(())
    }

    /// Makes a tenant and a key that may do everything.
    fn make_key(&self, environment: &[(String, String)]) -> Result<String> {
        self.tandem(environment, &["tenants", "create", "first"])?;
        let scopes = Scope::ALL.map(Scope::as_str).join(",");
        let arguments = [
            "keys", "create", "--tenant", "first", "--name", "test", "--scopes", &scopes,
        ];
        Ok(self.tandem(environment, &arguments)?.trim().to_owned())
    }

    /// Submits a job that sends to a port of this machine once, and gives what became of it.
    fn submit(&self, environment: &[(String, String)], port: u16) -> Result<Value> {
        let payload = json!({"url": format!("http://127.0.0.1:{port}/")}).to_string();
        let arguments = [
            "jobs",
            "submit",
            "http.request",
            "--payload",
            &payload,
            "--max-attempts",
            "1",
            "--json",
        ];
        let job: Value = parse(&self.tandem(environment, &arguments)?)?;
        let id = job["id"].as_str().context("a job has no id")?;
        let mut last = Value::Null;
        until("the job has ended", || {
            last = parse(&self.tandem(environment, &["jobs", "get", id, "--json"])?)?;
            Ok(last["state"] == "succeeded" || last["state"] == "failed")
        })?;
        Ok(last)
    }

    /// Runs a command of `tandem`, and gives what it prints.
    fn tandem(&self, environment: &[(String, String)], arguments: &[&str]) -> Result<String> {
        let output = Command::new(&self.programs["tandem"])
            .args(arguments)
            .env_clear()
            .envs(environment.iter().cloned())
            .output()
            .context("could not run tandem")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!(
                "tandem {} ended with {}: {said}",
                arguments.join(" "),
                output.status
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// The name of a program's login.
fn login(service: &str) -> String {
    format!("emulated_{service}")
}

fn parse(text: &str) -> Result<Value> {
    serde_json::from_str(text).with_context(|| format!("tandem did not print JSON but {text}"))
}

/// Asks until it is so.
fn until(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + LIMIT;
    while !is_so()? {
        ensure!(
            Instant::now() < deadline,
            "after {} s it is not so that {what}",
            LIMIT.as_secs()
        );
        std::thread::sleep(POLL_INTERVAL);
    }
    Ok(())
}

/// Processes that end with this value.
#[derive(Default)]
struct Running(Vec<(String, Child)>);

impl Running {
    fn start(
        &mut self,
        program: &Path,
        arguments: &[&str],
        environment: &BTreeMap<String, String>,
        folder: &Path,
    ) -> Result<()> {
        let name = program
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let log = folder.join(format!("{name}.log"));
        let log = File::create(&log).with_context(|| format!("could not create {}", log.display()))?;
        let errors = log.try_clone().context("could not open a log")?;
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .with_context(|| format!("could not run {name}"))?;
        self.0.push((name, child));
        Ok(())
    }

    /// Fails when one of them has ended.
    fn check(&mut self) -> Result<()> {
        for (name, child) in &mut self.0 {
            if let Some(status) = child.try_wait().context("could not look after a process")? {
                bail!("{name} ended with {status}; its log is in .testenv/emulated");
            }
        }
        Ok(())
    }

    /// Ends them as ECS does, which they must take for what it is.
    fn stop(mut self) -> Result<()> {
        for (name, child) in &mut self.0 {
            let pid =
                nix::unistd::Pid::from_raw(i32::try_from(child.id()).context("a process id is too big")?);
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM)
                .context("could not end a process")?;
            let status = child.wait().context("could not wait for a process")?;
            ensure!(
                status.success() || name == "tandem",
                "{name} ended with {status} when it was asked to stop"
            );
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for (_, child) in &mut self.0 {
            // It fails only if the process has ended already.
            drop(child.kill().and_then(|()| child.wait()));
        }
    }
}
