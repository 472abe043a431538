//! Bringing a database's schema up to date.

use sqlx::{Connection, PgConnection};

use crate::error::Error;

/// The schema, applied by `tandem migrate`; never at the start of a process in production.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations");

/// From Postgres 16 on, whoever makes a role without being a superuser can become it only if that is said before, and the
/// administrator of RDS is none.
const BECOME_WHAT_IS_MADE: &str = "select set_config('createrole_self_grant', 'set, inherit', false)
    where current_setting('server_version_num')::int >= 160000";

/// What a migration came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Migrated {
    /// The newest version before; `None` on an empty database.
    pub from: Option<i64>,
    /// The newest version now.
    pub to: i64,
}

/// Applies what is missing, each migration in a transaction of its own. Two callers take turns.
///
/// # Errors
/// When the database can't be reached or refuses a statement; what was applied before stays.
pub async fn migrate(url: &str) -> Result<Migrated, Error> {
    let mut connection = PgConnection::connect(url).await?;
    let exists: bool = sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null")
        .fetch_one(&mut connection)
        .await?;
    let from = if exists {
        crate::pool::newest_version(&mut connection).await?
    } else {
        None
    };
    sqlx::query(BECOME_WHAT_IS_MADE).execute(&mut connection).await?;
    MIGRATOR.run(&mut connection).await.map_err(Error::Migration)?;
    connection.close().await?;
    Ok(Migrated {
        from,
        to: crate::Store::expected_schema_version(),
    })
}
