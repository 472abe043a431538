//! The Postgres of a run, which nobody else uses: it is stopped and started as the faults want, on one port.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use local_postgres::{Config, LocalPostgres, StopMode};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection as _, PgConnection, PgPool};
use tokio::task::spawn_blocking;

use crate::guard::Guard;

/// The product's database.
const NAME: &str = "tandem";
/// How long somebody who only looks waits for the database.
const PATIENCE: Duration = Duration::from_secs(2);

/// The server, and our own connections to it.
#[derive(Debug)]
pub(crate) struct Database {
    config: Config,
    server: Mutex<Option<LocalPostgres>>,
    url: String,
    pub(crate) pool: PgPool,
}

/// How much is left to do, and how much is done.
#[derive(Clone, Copy, Debug, Default, sqlx::FromRow)]
pub(crate) struct Outlook {
    /// Doorbells, jobs that are due later, and claims.
    pub(crate) remaining: i64,
    /// Claims.
    pub(crate) running: i64,
    /// Jobs that have ended.
    pub(crate) ended: i64,
}

impl Database {
    /// Starts a server in a folder of its own, with an empty database.
    pub(crate) async fn start(folder: &Path, port: u16, guard: &Guard) -> Result<Self> {
        let settings = [("max_connections", "300"), ("shared_buffers", "128MB")];
        let config = Config {
            data_dir: folder.join("postgres"),
            port: Some(port),
            settings: settings
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            bin_dir: None,
        };
        guard.watch(&pid_file(&config.data_dir));
        let server = launch(&config).await?;
        // It may be elsewhere, when the server's user can't enter this folder.
        guard.watch(&pid_file(server.data_dir()));
        let (postgres, url) = (server.url("postgres"), server.url(NAME));
        let pool = PgPoolOptions::new()
            .max_connections(3)
            .acquire_timeout(PATIENCE)
            .connect_lazy(&url)
            .context("the database has no address")?;
        let database = Self {
            config,
            server: Mutex::new(Some(server)),
            url,
            pool,
        };
        // The server's folder may be that of an earlier run, when the one that was asked for can't be entered.
        let mut connection = PgConnection::connect(&postgres)
            .await
            .context("could not connect to Postgres")?;
        for statement in [
            "drop database if exists tandem with (force)",
            "create database tandem",
        ] {
            sqlx::query(statement)
                .execute(&mut connection)
                .await
                .with_context(|| format!("could not {statement}"))?;
        }
        Ok(database)
    }

    /// The database's address, as a superuser.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Stops the server.
    pub(crate) async fn stop(&self, mode: StopMode) -> Result<()> {
        let Some(server) = self.server().take() else {
            return Ok(());
        };
        spawn_blocking(move || server.stop(mode))
            .await
            .context("stopping Postgres panicked")?
            .context("could not stop Postgres")
    }

    /// Starts the server again, and waits until it accepts connections.
    pub(crate) async fn start_again(&self) -> Result<()> {
        let server = launch(&self.config).await?;
        *self.server() = Some(server);
        Ok(())
    }

    /// How far the work is.
    pub(crate) async fn outlook(&self) -> Result<Outlook> {
        let query = "select (select count(*) from outbox) + (select count(*) from due) + (select count(*) from claim) as remaining, \
                     (select count(*) from claim) as running, \
                     (select count(*) from job where finished_at is not null) as ended";
        sqlx::query_as(query)
            .fetch_one(&self.pool)
            .await
            .context("could not look at the database")
    }

    /// How many attempts the process of this name holds.
    pub(crate) async fn claims_of(&self, host: &str) -> Result<i64> {
        let query =
            "select count(*) from claim join worker on worker.id = claim.worker_id where worker.host = $1";
        sqlx::query_scalar(query)
            .bind(host)
            .fetch_one(&self.pool)
            .await
            .context("could not count the claims")
    }

    /// Stops the server for good; with `remove`, its files are deleted.
    pub(crate) async fn end(&self, remove: bool) -> Result<()> {
        self.pool.close().await;
        let folder = self.server().as_ref().map(|server| server.data_dir().to_owned());
        self.stop(StopMode::Immediate).await?;
        match folder {
            Some(folder) if remove => std::fs::remove_dir_all(&folder)
                .with_context(|| format!("could not remove {}", folder.display())),
            _ => Ok(()),
        }
    }

    fn server(&self) -> MutexGuard<'_, Option<LocalPostgres>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a server writes down its pid.
fn pid_file(data_dir: &Path) -> PathBuf {
    data_dir.join("cluster/postmaster.pid")
}

async fn launch(config: &Config) -> Result<LocalPostgres> {
    let config = config.clone();
    spawn_blocking(move || LocalPostgres::start(&config))
        .await
        .context("starting Postgres panicked")?
        .context("could not start Postgres")
}
