//! Connections: how many, as whom, and what happens when the credentials change under us.

mod config;

use std::fmt;
use std::io;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use domain::TenantId;
use futures::future::try_join_all;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPoolOptions;
use sqlx::{
    AssertSqlSafe, Connection, PgConnection, PgPool, PgTransaction, Postgres, SqlSafeStr, Transaction,
};
use tokio::time::{sleep, timeout, timeout_at};

use self::config::connect_options;
pub use self::config::{PoolConfig, Role};
use crate::credentials::{CredentialSource, Credentials};
use crate::error::{Error, connection_lost, credentials_rejected};

/// How long a connection may take to show that it is alive, before it is replaced.
const PING_PATIENCE: Duration = Duration::from_secs(1);
/// How long after one broken connection others are suspected: until whatever hangs on them has been given up.
const SUSPICION: Duration = Duration::from_secs(30);
/// The pause before a connection is tried instead of one that was broken.
const NEXT_TRY: Duration = Duration::from_millis(20);
/// The pause before credentials that were rejected and have not changed are tried again: they may be changing now.
const REJECTED_AGAIN: Duration = Duration::from_millis(200);

/// The database as one role sees it. Cloning shares the pool.
#[derive(Clone)]
pub struct Store {
    pub(crate) pool: PgPool,
    connector: Arc<Connector>,
}

struct Connector {
    role: Role,
    config: PoolConfig,
    credentials: Credentials,
    suspicion: Arc<Suspicion>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("role", &self.connector.role)
            .finish_non_exhaustive()
    }
}

/// The connections of one process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Connections {
    /// Those that wait for work.
    pub idle: u32,
    /// Those that work.
    pub busy: u32,
}

impl Store {
    /// Prepares the pool. It does not connect yet, so that a process starts, and says that it is not ready, while
    /// the database is down.
    ///
    /// # Errors
    /// When the credentials can't be read, or don't make a Postgres URL.
    pub async fn open(source: CredentialSource, role: Role, config: PoolConfig) -> Result<Self, Error> {
        let credentials = Credentials::read(source).await?;
        let options = connect_options(credentials.first_url(), role, &config)?;
        let suspicion = Arc::<Suspicion>::default();
        let (before, after) = (Arc::clone(&suspicion), Arc::clone(&suspicion));
        let pool = PgPoolOptions::new()
            .max_connections(config.max_connections)
            .min_connections(config.min_connections)
            .max_lifetime(config.max_lifetime)
            .idle_timeout(config.max_lifetime)
            .acquire_timeout(config.acquire_timeout)
            // Asking before each use would double the round trips; a connection that was just used is fine, unless
            // another one has just turned out to be broken.
            .test_before_acquire(false)
            .before_acquire(move |connection, meta| {
                let suspicion = Arc::clone(&before);
                Box::pin(async move {
                    if meta.idle_for >= Duration::from_secs(1) || suspicion.stands() {
                        suspicion.ask(connection).await?;
                    }
                    Ok(true)
                })
            })
            // What was given up on a connection that went silent would keep its place in the pool until TCP gives up
            // too, after a quarter of an hour.
            .after_release(move |connection, _| {
                let suspicion = Arc::clone(&after);
                Box::pin(async move {
                    if suspicion.stands() {
                        suspicion.ask(connection).await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(options);
        let connector = Arc::new(Connector {
            role,
            config,
            credentials,
            suspicion,
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

    /// How many connections this process holds now.
    #[must_use]
    pub fn connections(&self) -> Connections {
        let idle = u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX);
        Connections {
            idle,
            busy: self.pool.size().saturating_sub(idle),
        }
    }

    /// Opens as many connections as are kept open while idle, so that nobody's first statement waits for one.
    ///
    /// # Errors
    /// When one of them can't be opened; the others stay.
    pub async fn warm_up(&self) -> Result<(), Error> {
        let wanted = self.connector.config.min_connections;
        // Together: one that is handed back would be taken for the next one.
        try_join_all((0..wanted).map(|_| self.acquire())).await?;
        Ok(())
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

    pub(crate) async fn acquire(&self) -> Result<PoolConnection<Postgres>, Error> {
        let tested = self.connector.role == Role::Api;
        self.first_use(|| async {
            let mut connection = self.pool.acquire().await?;
            // The api begins transactions; what it asks without one is rare (a key, once in a few seconds), and worth a
            // round trip more, because it could not be asked again.
            if tested {
                self.connector.suspicion.ask(&mut connection).await?;
            }
            Ok(connection)
        })
        .await
    }

    /// Begins a transaction that sees one tenant, in one round trip.
    pub(crate) async fn begin(&self, tenant_id: TenantId) -> Result<PgTransaction<'static>, Error> {
        // A UUID has no character that could end the literal.
        let begin = self.begin_waiting_for_locks();
        let statement = format!("{begin}; set local app.tenant_id = '{tenant_id}'");
        self.first_use(|| self.begin_with(AssertSqlSafe(statement.clone())))
            .await
    }

    /// Begins a transaction of a worker, who serves all tenants.
    pub(crate) async fn begin_for_all(&self) -> Result<PgTransaction<'static>, Error> {
        let statement = self.begin_waiting_for_locks();
        self.first_use(|| self.begin_with(AssertSqlSafe(statement.clone())))
            .await
    }

    fn begin_waiting_for_locks(&self) -> String {
        let lock_timeout_ms = self.connector.config.lock_timeout.as_millis();
        format!("begin; set local lock_timeout = {lock_timeout_ms}")
    }

    /// Begins a transaction that sees all tenants. For [`Role::Owner`].
    pub(crate) async fn begin_as_owner(&self) -> Result<PgTransaction<'static>, Error> {
        self.begin_plainly().await
    }

    /// Begins a transaction with nothing set in it.
    pub(crate) async fn begin_plainly(&self) -> Result<PgTransaction<'static>, Error> {
        self.first_use(|| self.begin_with("begin")).await
    }

    /// Begins a transaction by this statement, also when nobody waits for its answer any more. sqlx 0.9.0 does not count a
    /// transaction before that (<https://github.com/transact-rs/sqlx/issues/4393>): whoever left in between would hand back
    /// a connection that is in it, and the next one's statements would see its tenant and be rolled back with it.
    async fn begin_with(&self, statement: impl SqlSafeStr) -> Result<PgTransaction<'static>, sqlx::Error> {
        let connection = self.pool.acquire().await?;
        #[expect(
            clippy::disallowed_methods,
            reason = "it is one round trip, and ends by being rolled back when nobody waits for it"
        )]
        let beginning = tokio::spawn(Transaction::begin(connection, Some(statement.into_sql_str())));
        beginning.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
    }

    /// Uses a connection for the first time, and another one should that fail: nothing was done on the first one yet.
    /// So connections that broke while they were idle (a restart, a fail-over) and credentials that have changed cost
    /// time but no request. Trying again ends when the first try had to have its connection.
    async fn first_use<T, U>(&self, using: impl Fn() -> U) -> Result<T, Error>
    where
        U: Future<Output = Result<T, sqlx::Error>>,
    {
        let connector = &self.connector;
        let deadline = self.connected_by();
        let mut seen = connector.credentials.renewals();
        let mut used = using().await;
        loop {
            let error = match used {
                Ok(used) => return Ok(used),
                Err(error) => error,
            };
            let pause = if credentials_rejected(&error) {
                if self.renew_credentials(seen).await? {
                    NEXT_TRY
                } else {
                    REJECTED_AGAIN
                }
            } else if connection_lost(&error) {
                connector.suspicion.raise();
                NEXT_TRY
            } else {
                return Err(error.into());
            };
            let again = async {
                sleep(pause).await;
                seen = connector.credentials.renewals();
                using().await
            };
            used = timeout_at(deadline, again).await.map_err(|_late| error)?;
        }
    }

    /// Bounds what takes several statements, whose own limit is Postgres': of one that has vanished without a word
    /// nothing would be heard.
    pub(crate) async fn in_time<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let done = timeout(self.connector.config.statement_timeout, work).await;
        done.unwrap_or_else(|_| {
            self.connector.suspicion.raise();
            Err(Error::Unavailable(
                io::Error::from(io::ErrorKind::TimedOut).into(),
            ))
        })
    }

    /// When a caller that asks for a connection now is told that there is none.
    pub(crate) fn connected_by(&self) -> tokio::time::Instant {
        tokio::time::Instant::now() + self.connector.config.acquire_timeout
    }

    async fn renew_credentials(&self, seen: u64) -> Result<bool, Error> {
        let Connector { role, config, .. } = &*self.connector;
        let make_use = |url: &str| {
            self.pool
                .set_connect_options(connect_options(url, *role, config)?);
            Ok(())
        };
        self.connector.credentials.renew(seen, make_use).await
    }
}

/// Remembers for a while that a connection turned out to be broken, and so others may be.
#[derive(Debug, Default)]
struct Suspicion(std::sync::Mutex<Option<Instant>>);

impl Suspicion {
    fn raise(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn stands(&self) -> bool {
        let raised_at = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        raised_at.is_some_and(|at| at.elapsed() < SUSPICION)
    }

    /// Asks a connection whether it works. One that does not is to be broken off: a goodbye might hang.
    async fn ask(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let answer = timeout(PING_PATIENCE, connection.ping()).await;
        let answer = answer.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()));
        if answer.is_err() {
            self.raise();
        }
        answer
    }
}

pub(crate) async fn newest_version(connection: &mut PgConnection) -> Result<Option<i64>, sqlx::Error> {
    // Not a checked statement: the table is the migrator's own.
    sqlx::query_scalar("select max(version) from _sqlx_migrations where success")
        .fetch_one(connection)
        .await
}
