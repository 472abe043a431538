//! What can go wrong, by what the caller can do about it.

/// Why a statement did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Postgres can't be reached, is restarting, or has no connection to spare: try again.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// A constraint refused the change; its name says which rule.
    #[error("the constraint {constraint} refused the change")]
    Conflict {
        /// The constraint's name.
        constraint: String,
    },
    /// A lock was not granted in time: somebody else is changing the same rows.
    #[error("another transaction holds the rows")]
    Locked(#[source] sqlx::Error),
    /// The lock that was not granted in time is that of an idempotency key: the first request with it has not ended yet.
    #[error("another transaction holds the idempotency key")]
    KeyHeld(#[source] sqlx::Error),
    /// A row holds what this program never writes.
    #[error("a row is corrupt: {what}")]
    Corrupt {
        /// What is wrong with it.
        what: String,
    },
    /// Credentials could not be read again.
    #[error("the database credentials could not be read")]
    Credentials(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A migration could not be applied.
    #[error("the schema could not be brought up to date")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// Anything else: a defect here or in the schema.
    #[error("the statement failed")]
    Other(#[source] sqlx::Error),
}

impl Error {
    /// Whether the same call may succeed later, unchanged.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Locked(_) | Self::KeyHeld(_) | Self::Credentials(_) => true,
            Self::Conflict { .. } | Self::Corrupt { .. } | Self::Migration(_) | Self::Other(_) => false,
        }
    }

    pub(crate) fn corrupt(what: impl std::fmt::Display) -> Self {
        Self::Corrupt {
            what: what.to_string(),
        }
    }
}

impl From<sqlx::Error> for Error {
    #[expect(clippy::wildcard_enum_match_arm, reason = "sqlx::Error is non-exhaustive")]
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        match &error {
            E::Database(refusal) => {
                if let Some(constraint) = refusal.constraint() {
                    return Self::Conflict {
                        constraint: constraint.to_owned(),
                    };
                }
                classify(refusal.code().as_deref().unwrap_or_default())(error)
            }
            E::Io(_) | E::Tls(_) | E::Protocol(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed => {
                Self::Unavailable(error)
            }
            _ => Self::Other(error),
        }
    }
}

/// By SQLSTATE: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn classify(code: &str) -> fn(sqlx::Error) -> Error {
    match code {
        // lock_not_available and query_canceled by lock or statement timeout, deadlock, serialization.
        "55P03" | "40P01" | "40001" => Error::Locked,
        // query_canceled: statement_timeout; the server is too busy for this statement.
        "57014" => Error::Unavailable,
        // Classes 08 connection, 53 resources, 57P operator intervention, 58 system; 28 while credentials rotate;
        // 25006 read-only: we still talk to the old primary of a failover. 25P03: this process stood still for so long that
        // Postgres has ended its transaction.
        _ if ["25006", "25P03"].contains(&code)
            || ["08", "53", "57P", "58", "28"]
                .iter()
                .any(|class| code.starts_with(class)) =>
        {
            Error::Unavailable
        }
        _ => Error::Other,
    }
}

/// Whether Postgres refused the credentials themselves.
pub(crate) fn credentials_rejected(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(refusal) = error else {
        return false;
    };
    refusal.code().is_some_and(|code| code.starts_with("28"))
}

/// Whether the connection itself is gone, or its server is going: another one may work.
pub(crate) fn connection_lost(error: &sqlx::Error) -> bool {
    if matches!(error, sqlx::Error::Io(_)) {
        return true;
    }
    let code = error.as_database_error().and_then(|refusal| refusal.code());
    code.is_some_and(|code| code.starts_with("57P") || code.starts_with("08"))
}
