//! The programs with the queues, secrets and settings that Terraform made: they get what ECS would give them, but for where
//! Postgres is, since an emulator of RDS has none, and for the addresses that they listen at.

mod database;
mod published;
mod running;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use domain::Scope;
use local_postgres::LocalPostgres;
use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::http;

use super::alarm;
use super::task::{self, Task};
use database::Database;
use running::{Running, until};

/// What is built for this.
pub(super) const PROGRAMS: [&str; 3] = ["api", "worker", "tandem"];
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

/// Variables of a process.
type Environment = BTreeMap<String, String>;

impl Trial<'_> {
    /// Sets the environment up as `docs/deployment.md` says, starts both programs and lets one job succeed and one fail.
    pub(super) fn run(&self, told: &mut super::Told) -> Result<()> {
        fs::create_dir_all(&self.folder)
            .with_context(|| format!("could not create {}", self.folder.display()))?;
        let database = Database::make(self.postgres, self.cloud, self.made)?;
        let tried = self.try_programs(&database, told);
        let removed = database.remove();
        tried.and(removed)
    }

    fn try_programs(&self, database: &Database<'_>, told: &mut super::Told) -> Result<()> {
        let operators_key = self.found(database)?;
        told.look(
            "a task migrates, fills the secrets and makes the first key",
            Ok(Vec::new()),
        );

        let mut running = Running::new(&self.folder);
        let port = self.start(&mut running)?;
        told.look("programs start with what Terraform tells them", Ok(Vec::new()));

        let client = self.admit(port, &operators_key)?;
        told.look(
            "the first key makes a tenant, and its key another",
            Ok(Vec::new()),
        );

        self.run_jobs(&client, &mut running, told)?;
        running.stop()?;
        let logs = ["api", "worker"].map(|name| running.log(name));
        let logs: Vec<String> = logs.into_iter().collect::<Result<_>>()?;
        let alarms = json!({"AlarmTypes": ["MetricAlarm"]});
        let alarms = self.cloud.call("cloudwatch", "describe_alarms", alarms)?;
        told.look(
            "they tell what alarms and dashboards ask for",
            Ok(published::complaints(self.made, &alarms, &logs)),
        );
        Ok(())
    }

    /// Runs the task that migrates and the same task with the command that founds the operators, and fetches their key.
    fn found(&self, database: &Database<'_>) -> Result<String> {
        let migrate = Task::of(self.made, "migrate")?;
        let api = Task::of(self.made, "api")?;
        let (host, port) = (
            api.told("TANDEM_DATABASE_HOST")?,
            api.told("TANDEM_DATABASE_PORT")?,
        );
        let url = migrate.told("DATABASE_URL")?;
        ensure!(
            url == format!("postgres://{host}:{port}/{}?sslmode=verify-full", database.name()),
            "migrations must go to the programs' database, and check who that is, not to {url}"
        );
        let key_secret = migrate.told("TANDEM_OPERATOR_KEY_SECRET_ARN")?.to_owned();
        let key_environment = migrate.told("TANDEM_KEY_ENVIRONMENT")?.to_owned();
        let migrate = database.administered(migrate)?;
        let mut environment = self.environment(&migrate)?;
        let here = format!(
            "postgres://127.0.0.1:{}/{}",
            self.postgres.port(),
            database.name()
        );
        environment.insert("DATABASE_URL".to_owned(), format!("{here}?sslmode=disable"));

        let (program, arguments) = migrate.command()?;
        ensure!(
            program == "tandem",
            "migrations are done by tandem, not by {program}"
        );
        self.tandem(&environment, &arguments)?;
        self.tandem(&environment, &["found-operator"])?;
        let key = task::secret(self.cloud, &key_secret)?;
        ensure!(
            key.starts_with(&format!("tdm_{key_environment}_")),
            "the operators' secret holds no key of {key_environment}"
        );
        Ok(key)
    }

    /// Starts both programs with what their tasks are told, and waits for them. Gives the port of the api.
    fn start(&self, running: &mut Running<'_>) -> Result<u16> {
        let port = http::free_port().context("could not find a free port")?;
        let ops = http::free_port().context("could not find a free port")?;
        let mut api = self.environment(&Task::of(self.made, "api")?)?;
        api.insert("TANDEM_API_ADDR".to_owned(), format!("127.0.0.1:{port}"));
        let mut worker = self.environment(&Task::of(self.made, "worker")?)?;
        // The trial is short, and what a process could not write before its end is lost.
        for environment in [&mut api, &mut worker] {
            environment.insert("TANDEM_METRICS_EMF_INTERVAL_SECS".to_owned(), "1".to_owned());
        }
        worker.insert("TANDEM_OPS_ADDR".to_owned(), format!("127.0.0.1:{ops}"));
        // Jobs must not lead off this machine.
        worker.insert("TANDEM_HTTP_TARGETS".to_owned(), "local".to_owned());
        running.start(&self.programs["api"], &[], &api)?;
        running.start(&self.programs["worker"], &[], &worker)?;
        until("the api and the worker are ready", || {
            running.check()?;
            Ok(http::is_fine(port, "/ready") && http::is_fine(ops, "/ready"))
        })?;
        Ok(port)
    }

    /// Makes a tenant, and gives what a client with a key for all of its work is told.
    fn admit(&self, port: u16, operators_key: &str) -> Result<Environment> {
        let with = |key: &str| {
            Environment::from([
                ("TANDEM_URL".to_owned(), format!("http://127.0.0.1:{port}")),
                ("TANDEM_API_KEY".to_owned(), key.to_owned()),
            ])
        };
        let tenant = ["tenants", "create", "first", "--json"];
        let tenant = parse(&self.tandem(&with(operators_key), &tenant)?)?;
        let first_key = tenant["api_key"]
            .as_str()
            .context("a new tenant has no first key")?;
        let scopes = Scope::ALL.map(Scope::as_str).join(",");
        let key = ["keys", "create", "--name", "test", "--scopes", &scopes];
        Ok(with(self.tandem(&with(first_key), &key)?.trim()))
    }

    fn run_jobs(
        &self,
        client: &Environment,
        running: &mut Running<'_>,
        told: &mut super::Told,
    ) -> Result<()> {
        let receiver = http::free_port().context("could not find a free port")?;
        let receive = ["receive", "--port", &receiver.to_string()];
        running.start(&self.programs["tandem"], &receive, &Environment::new())?;
        until("the receiver listens", || Ok(http::is_open(receiver)))?;
        let done = self.submit(client, receiver)?;
        ensure!(done["state"] == "succeeded", "a job did not succeed: {done}");
        told.look("a job is submitted and run", Ok(Vec::new()));

        let nobody = http::free_port().context("could not find a free port")?;
        let failed = self.submit(client, nobody)?;
        ensure!(failed["state"] == "failed", "a job did not fail: {failed}");
        let letters = self.tandem(client, &["dead-letters", "list", "--json"])?;
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
        Ok(())
    }

    /// The environment of a container, on this machine.
    fn environment(&self, task: &Task) -> Result<Environment> {
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

    /// Submits a job that sends to a port of this machine once, and gives what became of it.
    fn submit(&self, environment: &Environment, port: u16) -> Result<Value> {
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
        let job = parse(&self.tandem(environment, &arguments)?)?;
        let id = job["id"].as_str().context("a job has no id")?;
        let mut last = Value::Null;
        until("the job has ended", || {
            last = parse(&self.tandem(environment, &["jobs", "get", id, "--json"])?)?;
            Ok(last["state"] == "succeeded" || last["state"] == "failed")
        })?;
        Ok(last)
    }

    /// Runs a command of `tandem`, and gives what it prints.
    fn tandem(&self, environment: &Environment, arguments: &[&str]) -> Result<String> {
        let output = Command::new(&self.programs["tandem"])
            .args(arguments)
            .env_clear()
            .envs(environment)
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

fn parse(text: &str) -> Result<Value> {
    serde_json::from_str(text).with_context(|| format!("tandem did not print JSON but {text}"))
}
