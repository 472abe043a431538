//! Connections: how many, as whom, and what happens when the credentials change under us.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::TenantId;
use futures::future::BoxFuture;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, PgTransaction};
use tokio::sync::Mutex;

use crate::error::{Error, credentials_rejected};

/// What a connection becomes when it is made; none of the app roles owns a table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// Serves requests: sees the tenant that its transaction names.
    Api,
    /// Runs jobs of all tenants, within narrow grants.
    Worker,
    /// Operates: creates tenants and keys. Never used by a service.
    Owner,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Api => "tandem_api",
            Self::Worker => "tandem_worker",
            Self::Owner => "tandem_owner",
        }
    }
}

/// Bounds of the pool.
#[derive(Clone, Copy, Debug)]
pub struct PoolConfig {
    /// The most connections.
    pub max_connections: u32,
    /// The connections that are kept open while idle.
    pub min_connections: u32,
    /// A connection is closed when it is this old.
    pub max_lifetime: Duration,
    /// How long a caller waits for a connection before it is told that the database is not available.
    pub acquire_timeout: Duration,
    /// Postgres cancels a statement after this.
    pub statement_timeout: Duration,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            max_connections: 25,
            min_connections: 5,
            max_lifetime: Duration::from_mins(5),
            acquire_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(10),
        }
    }
}

/// Reads the database URL, with its credentials, anew. Called at start and whenever Postgres rejects them.
pub type CredentialSource = Arc<
    dyn Fn() -> BoxFuture<'static, Result<String, Box<dyn std::error::Error + Send + Sync>>> + Send + Sync,
>;

/// The database as one role sees it. Cloning shares the pool.
#[derive(Clone)]
pub struct Store {
    pub(crate) pool: PgPool,
    connector: Arc<Connector>,
}

struct Connector {
    role: Role,
    config: PoolConfig,
    source: CredentialSource,
    /// The URL in use; the lock makes one caller renew for all.
    url: Mutex<String>,
    /// How often the URL has changed.
    renewals: AtomicU64,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("role", &self.connector.role)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Prepares the pool. It does not connect yet, so that a process starts, and says that it is not ready, while
    /// the database is down.
    ///
    /// # Errors
    /// When the credentials can't be read, or don't make a Postgres URL.
    pub async fn open(source: CredentialSource, role: Role, config: PoolConfig) -> Result<Self, Error> {
        let url = source().await.map_err(Error::Credentials)?;
        let options = connect_options(&url, role, &config)?;
        let pool = PgPoolOptions::new()
            .max_connections(config.max_connections)
            .min_connections(config.min_connections)
            .max_lifetime(config.max_lifetime)
            .idle_timeout(config.max_lifetime)
            .acquire_timeout(config.acquire_timeout)
            // Asking before each use would double the round trips; a connection that was just used is fine.
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for < Duration::from_secs(1) {
                        return Ok(true);
                    }
                    Ok(connection.ping().await.is_ok())
                })
            })
            .connect_lazy_with(options);
        let connector = Arc::new(Connector {
            role,
            config,
            source,
            url: Mutex::new(url),
            renewals: AtomicU64::new(0),
        });
        Ok(Self { pool, connector })
    }

    /// Prepares a pool for a fixed URL.
    ///
    /// # Errors
    /// When it is no Postgres URL.
    pub async fn open_url(url: &str, role: Role, config: PoolConfig) -> Result<Self, Error> {
        let url = url.to_owned();
        let source: CredentialSource = Arc::new(move || {
            let url = url.clone();
            Box::pin(async move { Ok(url) })
        });
        Self::open(source, role, config).await
    }

    /// The pool itself, for what has its own statements: the embedded queue, and listening.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Answers when Postgres does, and with the newest migration that is applied.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn schema_version(&self) -> Result<Option<i64>, Error> {
        let mut connection = self.acquire().await?;
        Ok(newest_version(&mut connection).await?)
    }

    /// The schema version that this program was built for.
    #[must_use]
    pub fn expected_schema_version() -> i64 {
        crate::MIGRATOR
            .iter()
            .map(|migration| migration.version)
            .max()
            .unwrap_or_default()
    }

    /// Closes the pool after the statements under way.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    pub(crate) async fn acquire(&self) -> Result<sqlx::pool::PoolConnection<sqlx::Postgres>, Error> {
        let renewals = self.renewals();
        match self.pool.acquire().await {
            Err(error) if credentials_rejected(&error) => {
                self.renew_credentials(renewals).await?;
                Ok(self.pool.acquire().await?)
            }
            other => Ok(other?),
        }
    }

    /// Begins a transaction that sees one tenant, in one round trip.
    pub(crate) async fn begin(&self, tenant_id: TenantId) -> Result<PgTransaction<'static>, Error> {
        // A UUID has no character that could end the literal.
        let statement =
            format!("begin; set local app.tenant_id = '{tenant_id}'; set local lock_timeout = '2s'");
        let begin = || self.pool.begin_with(AssertSqlSafe(statement.clone()));
        let renewals = self.renewals();
        match begin().await {
            Err(error) if credentials_rejected(&error) => {
                self.renew_credentials(renewals).await?;
                Ok(begin().await?)
            }
            other => Ok(other?),
        }
    }

    fn renewals(&self) -> u64 {
        self.connector.renewals.load(Ordering::Acquire)
    }

    /// Reads the credentials again, unless somebody did since `seen` renewals: once for all callers that were rejected.
    async fn renew_credentials(&self, seen: u64) -> Result<(), Error> {
        let connector = &self.connector;
        let mut url = connector.url.lock().await;
        if self.renewals() != seen {
            return Ok(());
        }
        let fresh = (connector.source)().await.map_err(Error::Credentials)?;
        if *url != fresh {
            tracing::info!("the database credentials have changed");
            self.pool
                .set_connect_options(connect_options(&fresh, connector.role, &connector.config)?);
            *url = fresh;
            connector.renewals.fetch_add(1, Ordering::AcqRel);
        }
        Ok(())
    }
}

pub(crate) async fn newest_version(connection: &mut PgConnection) -> Result<Option<i64>, sqlx::Error> {
    // Not a checked statement: the table is the migrator's own.
    sqlx::query_scalar("select max(version) from _sqlx_migrations where success")
        .fetch_one(connection)
        .await
}

fn connect_options(url: &str, role: Role, config: &PoolConfig) -> Result<PgConnectOptions, Error> {
    let options = PgConnectOptions::from_str(url).map_err(|error| Error::Credentials(error.into()))?;
    let statement_timeout_ms = config.statement_timeout.as_millis().to_string();
    Ok(options.application_name(role.name()).options([
        ("role", role.name()),
        ("statement_timeout", &statement_timeout_ms),
        ("idle_in_transaction_session_timeout", &statement_timeout_ms),
        // The small tables are nearly empty until, suddenly, they are not, and a plan that was cached while they were
        // reads them as a whole. Every statement has an index that it is meant for, and walks it in order.
        ("enable_seqscan", "off"),
        ("enable_bitmapscan", "off"),
        ("jit", "off"),
        // A host that vanishes without a word loses its locks after half a minute, the leader's among them.
        ("tcp_keepalives_idle", "15"),
        ("tcp_keepalives_interval", "5"),
        ("tcp_keepalives_count", "3"),
    ]))
}
