//! What RDS gives: an empty database, and the secret of its administrator, who is no superuser. The emulator has no Postgres, so
//! both are made on the one of this machine.

use anyhow::{Context, Result, ensure};
use local_postgres::LocalPostgres;
use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::emulated::task::{self, Task};
use crate::psql::Psql;
use crate::terraform::state;

const ADDRESS: &str = "module.platform.module.database.aws_db_instance.this";
const SECRET: &str = "rds-db-emulated";
const PASSWORD: &str = "a-password-that-only-a-test-has";
/// Roles belong to the whole server, and tests may have made these. An instance of RDS has them from nobody else.
const ROLES: &str = "'tandem_owner', 'tandem_api', 'tandem_worker'";
/// What the first migration calls the programs' logins.
const LOGINS: &str = "tandem_api_login, tandem_worker_login";

/// A database with an administrator.
pub(super) struct Database<'a> {
    postgres: &'a LocalPostgres,
    cloud: &'a Cloud,
    name: String,
    administrator: String,
    secret: AdministratorSecret,
}

/// Where the administrator's name and password are.
enum AdministratorSecret {
    /// In the secret that the instance has, as in an account.
    Managed(String),
    /// In one that was made here, because the emulator makes none.
    Made(String),
}

impl<'a> Database<'a> {
    /// Makes what the instance of a state has. What an earlier run has left goes first.
    pub(super) fn make(postgres: &'a LocalPostgres, cloud: &'a Cloud, made: &Value) -> Result<Self> {
        let resources = state::resources(made);
        let instance = resources
            .get(ADDRESS)
            .with_context(|| format!("the state has no {ADDRESS}"))?;
        let text = |field: &str| -> Result<String> {
            let text = instance[field].as_str();
            Ok(text
                .with_context(|| format!("{ADDRESS} has no {field}"))?
                .to_owned())
        };
        let administrator = text("username")?;
        let (secret, password) = match instance["master_user_secret"][0]["secret_arn"].as_str() {
            Some(arn) => (
                AdministratorSecret::Managed(arn.to_owned()),
                password(cloud, arn)?,
            ),
            None => (
                AdministratorSecret::Made(make_secret(cloud, &administrator)?),
                PASSWORD.to_owned(),
            ),
        };
        let database = Self {
            postgres,
            cloud,
            name: text("db_name")?,
            administrator,
            secret,
        };
        database.drop_all()?;
        let Self {
            name, administrator, ..
        } = &database;
        database.execute(&format!(
            "create role {administrator} login createrole createdb password $pw${password}$pw$;\n\
             create database {name} owner {administrator};\n\
             select format('grant %I to {administrator} with admin option', rolname) from pg_roles \
             where rolname in ({ROLES}) \\gexec\n"
        ))?;
        Ok(database)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The task with the administrator's login. Where the emulator makes no secret for it, Terraform names another one in its
    /// place, only for the definition to have one.
    pub(super) fn administered(&self, task: Task) -> Result<Task> {
        let named = task.secret_of("PGUSER")?.to_owned();
        ensure!(
            task.secret_of("PGPASSWORD")? == named,
            "the administrator's name and password must come from one secret"
        );
        match &self.secret {
            AdministratorSecret::Managed(arn) => {
                ensure!(
                    named == *arn,
                    "the administrator's login must come from {arn}, not from {named}"
                );
                Ok(task)
            }
            AdministratorSecret::Made(arn) => Ok(task.reading(arn, &named)),
        }
    }

    /// Takes everything away again, with what the first migration made.
    pub(super) fn remove(self) -> Result<()> {
        if let AdministratorSecret::Made(arn) = &self.secret {
            let parameters = json!({"SecretId": arn, "ForceDeleteWithoutRecovery": true});
            self.cloud.call("secretsmanager", "delete_secret", parameters)?;
        }
        self.drop_all()
    }

    fn drop_all(&self) -> Result<()> {
        let Self {
            name, administrator, ..
        } = self;
        self.execute(&format!(
            "drop database if exists {name} with (force);\n\
             drop role if exists {LOGINS};\n\
             select format('drop owned by %I', rolname), format('drop role %I', rolname) from pg_roles \
             where rolname = '{administrator}' \\gexec\n"
        ))
    }

    fn execute(&self, sql: &str) -> Result<()> {
        Psql::new(self.postgres.bin_dir(), &self.postgres.url("postgres")).execute(sql)
    }
}

fn make_secret(cloud: &Cloud, administrator: &str) -> Result<String> {
    let value = json!({"username": administrator, "password": PASSWORD}).to_string();
    let parameters = json!({"Name": SECRET, "SecretString": value});
    let made = cloud.call("secretsmanager", "create_secret", parameters)?;
    Ok(made["ARN"].as_str().context("a secret has no ARN")?.to_owned())
}

fn password(cloud: &Cloud, secret: &str) -> Result<String> {
    let value: Value = serde_json::from_str(&task::secret(cloud, secret)?)
        .context("the administrator's secret is no JSON")?;
    let password = value["password"].as_str();
    Ok(password
        .context("the administrator's secret has no password")?
        .to_owned())
}
