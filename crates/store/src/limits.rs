//! How much of a thing a tenant may have, whoever makes it. Kinds are not among them: they are the workers', not a
//! tenant's.

use domain::TenantId;
use sqlx::PgTransaction;

use crate::error::Error;

/// The most users of a tenant.
pub const MAX_USERS: i64 = 10_000;
/// The most API keys of a tenant that work at one time; those that were revoked or have expired do not count.
pub const MAX_KEYS: i64 = 1_000;
/// The most endpoints of a tenant.
pub const MAX_ENDPOINTS: i64 = 1_000;
/// The most schedules of a tenant.
pub const MAX_SCHEDULES: i64 = 1_000;

/// What a tenant may have only so many of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Limited {
    /// Users.
    Users,
    /// API keys that work.
    Keys,
    /// Endpoints.
    Endpoints,
    /// Schedules.
    Schedules,
}

impl Limited {
    /// How many.
    #[must_use]
    pub fn most(self) -> i64 {
        match self {
            Self::Users => MAX_USERS,
            Self::Keys => MAX_KEYS,
            Self::Endpoints => MAX_ENDPOINTS,
            Self::Schedules => MAX_SCHEDULES,
        }
    }

    /// Names the lock; no other advisory lock has these seeds.
    fn seed(self) -> i64 {
        match self {
            Self::Schedules => 7461,
            Self::Keys => 7463,
            Self::Endpoints => 7464,
            Self::Users => 7465,
        }
    }
}

/// Lets those that make such a thing for a tenant go one at a time until they commit, or two that come at once would both
/// be the last that the tenant may have. Answers whether there is room for another one.
pub(crate) async fn has_room(
    tx: &mut PgTransaction<'static>,
    tenant_id: TenantId,
    thing: Limited,
) -> Result<bool, Error> {
    lock(tx, tenant_id, thing).await?;
    // A statement of its own: only one that begins after the lock was granted sees what the last holder has made.
    Ok(count(tx, tenant_id, thing).await? < thing.most())
}

/// Lets those that make such a thing for a tenant go one at a time until they commit.
pub(crate) async fn lock(
    tx: &mut PgTransaction<'static>,
    tenant_id: TenantId,
    thing: Limited,
) -> Result<(), Error> {
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended($1::text, $2))",
        tenant_id.to_string(),
        thing.seed(),
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(())
}

async fn count(tx: &mut PgTransaction<'static>, tenant_id: TenantId, thing: Limited) -> Result<i64, Error> {
    let id = tenant_id.0;
    let connection = &mut **tx;
    let count = match thing {
        Limited::Users => {
            sqlx::query_scalar!(
                r#"select count(*) as "count!" from users where tenant_id = $1"#,
                id
            )
            .fetch_one(connection)
            .await
        }
        Limited::Keys => {
            sqlx::query_scalar!(
                r#"
                select count(*) as "count!" from api_key
                where tenant_id = $1 and revoked_at is null and (expires_at is null or expires_at > now())
                "#,
                id
            )
            .fetch_one(connection)
            .await
        }
        Limited::Endpoints => {
            sqlx::query_scalar!(
                r#"select count(*) as "count!" from endpoint where tenant_id = $1"#,
                id
            )
            .fetch_one(connection)
            .await
        }
        Limited::Schedules => {
            sqlx::query_scalar!(
                r#"select count(*) as "count!" from schedule where tenant_id = $1"#,
                id
            )
            .fetch_one(connection)
            .await
        }
    };
    Ok(count?)
}
