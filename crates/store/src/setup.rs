//! The logins of the programs, which their roles are reached by.

use std::str::FromStr as _;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor as _, PgConnection};

use crate::error::{Error, credentials_rejected};
use crate::pool::Role;

/// The advisory lock of whoever sets up. No other one has this number.
const LOCK: i64 = 7_465;

/// A database that is being set up, by its administrator: one who may create roles, and has migrated it. Others who want to
/// set it up wait, for a minute.
#[derive(Debug)]
pub struct Setup {
    administrator: PgConnection,
    options: PgConnectOptions,
}

/// A login that a program shall have.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// The user.
    pub name: &'a str,
    /// What they log in with, to try it.
    pub password: &'a str,
    /// What Postgres keeps of the password: `SCRAM-SHA-256$…`.
    pub verifier: &'a str,
    /// What the program becomes.
    pub role: Role,
}

/// What has become of a login.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LoginOutcome {
    /// It worked before.
    Kept,
    /// It is made.
    Made,
    /// It was there, and now has this password and this role.
    Changed,
    /// It is as it should be, and the server refuses it all the same: by `pg_hba.conf`, or because it has run out.
    Refused,
    /// The name is the administrator's own, or that of a role which is no login; nothing was changed.
    Reserved,
}

impl Setup {
    /// Waits until nobody else sets the database up.
    ///
    /// # Errors
    /// [`Error::Locked`] when somebody does for longer than a minute; or when the database can't be reached.
    pub async fn begin(url: &str) -> Result<Self, Error> {
        let options = PgConnectOptions::from_str(url).map_err(|error| Error::Credentials(error.into()))?;
        let mut administrator = PgConnection::connect_with(&options).await?;
        administrator.execute("set lock_timeout = '60s'").await?;
        sqlx::query!("select pg_advisory_lock($1)", LOCK)
            .fetch_one(&mut administrator)
            .await?;
        Ok(Self {
            administrator,
            options,
        })
    }

    /// The server's host and port, and the database's name.
    #[must_use]
    pub fn place(&self) -> (&str, u16, &str) {
        let options = &self.options;
        let name = options.get_database().unwrap_or_else(|| options.get_username());
        (options.get_host(), options.get_port(), name)
    }

    /// Has a user be there who logs in with this password and may become the role. One who can already is left as they
    /// are.
    ///
    /// # Errors
    /// When the administrator may not make the login, or the database can't be reached; nothing was changed.
    pub async fn ensure_login(&mut self, login: &Login<'_>) -> Result<LoginOutcome, Error> {
        let reserved = sqlx::query_scalar!(
            r#"select $1 = current_user or $1 = any($2) as "reserved!""#,
            login.name,
            &Role::ALL.map(|role| role.name().to_owned()),
        )
        .fetch_one(&mut self.administrator)
        .await?;
        if reserved {
            return Ok(LoginOutcome::Reserved);
        }
        if self.logs_in(login).await? {
            return Ok(LoginOutcome::Kept);
        }
        let was_there = self.write(login).await?;
        if !self.logs_in(login).await? {
            return Ok(LoginOutcome::Refused);
        }
        Ok(if was_there {
            LoginOutcome::Changed
        } else {
            LoginOutcome::Made
        })
    }

    /// Lets others set up.
    ///
    /// # Errors
    /// When the connection is gone, which lets them too.
    pub async fn end(self) -> Result<(), Error> {
        Ok(self.administrator.close().await?)
    }

    /// Whether the login works, and may become its role.
    async fn logs_in(&self, login: &Login<'_>) -> Result<bool, Error> {
        let options = self.options.clone().username(login.name).password(login.password);
        let mut connection = match PgConnection::connect_with(&options).await {
            Ok(connection) => connection,
            Err(error) if credentials_rejected(&error) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let is_member = sqlx::query_scalar!(
            r#"select pg_has_role(current_user, $1, 'member') as "is_member!""#,
            login.role.name(),
        )
        .fetch_one(&mut connection)
        .await?;
        connection.close().await?;
        Ok(is_member)
    }

    /// Makes or changes the user; answers whether they were there.
    async fn write(&mut self, login: &Login<'_>) -> Result<bool, Error> {
        #[expect(clippy::disallowed_methods, reason = "nobody else gets this connection")]
        let mut tx = self.administrator.begin().await?;
        // A name and a password can't be parameters of these statements, so Postgres writes them into them.
        let written = sqlx::query!(
            r#"
            select exists (select from pg_roles where rolname = $1) as "was_there!",
                   format('role %I login password %L', $1::text, $2::text) as "login!",
                   format('grant %I to %I', $3::text, $1::text) as "membership!"
            "#,
            login.name,
            login.verifier,
            login.role.name(),
        )
        .fetch_one(&mut *tx)
        .await?;
        let verb = if written.was_there { "alter" } else { "create" };
        tx.execute(AssertSqlSafe(format!("{verb} {}", written.login)))
            .await?;
        tx.execute(AssertSqlSafe(written.membership)).await?;
        tx.commit().await?;
        Ok(written.was_there)
    }
}
