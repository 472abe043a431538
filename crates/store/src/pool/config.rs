//! As whom a process connects, and within which bounds.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;

use crate::error::Error;

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
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Api, Self::Worker, Self::Owner];

    pub(crate) fn name(self) -> &'static str {
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
    /// A statement gives up waiting for a lock that another transaction holds after this.
    pub lock_timeout: Duration,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            max_connections: 25,
            min_connections: 5,
            max_lifetime: Duration::from_mins(5),
            // A submit waits for this after as long in line, and should have its answer within five seconds.
            acquire_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(10),
            lock_timeout: Duration::from_secs(2),
        }
    }
}

pub(super) fn connect_options(url: &str, role: Role, config: &PoolConfig) -> Result<PgConnectOptions, Error> {
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
        // Postgres ends the session of a host that has vanished without a word, and rolls back what it had begun, after
        // a quarter of a minute: by keepalives where it waits for the host, and by the last one where it can't hand it
        // an answer, which also holds for a process that is stopped and reads nothing.
        ("tcp_keepalives_idle", "5"),
        ("tcp_keepalives_interval", "5"),
        ("tcp_keepalives_count", "2"),
        ("tcp_user_timeout", "15000"),
    ]))
}
