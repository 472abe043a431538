//! Users: the people of a tenant.

use chrono::{DateTime, Utc};
use domain::{TenantId, UserId};
use serde_json::json;

use crate::audit::{self, Actor, Change};
use crate::error::Error;
use crate::idempotency::Idempotency;
use crate::limits::{Limited, has_room};
use crate::once::{Made, remember, turn};
use crate::pool::Store;

/// A user to be made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewUser {
    /// What they are called, 1 to 100 characters.
    pub name: String,
    /// Their e-mail address, at most 255 ASCII characters; unique within the tenant, whatever its case.
    pub email: String,
}

/// A person of a tenant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// What they are called.
    pub name: String,
    /// Their e-mail address, as it was given.
    pub email: String,
    /// When they were made a user.
    pub created_at: DateTime<Utc>,
    /// When what is known about them was last changed.
    pub updated_at: DateTime<Utc>,
}

struct UserRow {
    id: i64,
    name: String,
    email: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: UserId(row.id),
            name: row.name,
            email: row.email,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl Store {
    /// Makes a user, once for a request with a key; [`Made::Before`] tells the id.
    ///
    /// # Errors
    /// [`Error::Conflict`] by `users_tenant_email_key` when the tenant has a user with this address.
    pub async fn create_user(
        &self,
        actor: &Actor,
        new: &NewUser,
        wish: Option<&Idempotency>,
    ) -> Result<Made<User>, Error> {
        let mut tx = self.begin(actor.tenant_id).await?;
        if let Some(answer) = turn(&mut tx, actor.tenant_id, wish).await?.answer() {
            return Ok(answer);
        }
        if !has_room(&mut tx, actor.tenant_id, Limited::Users).await? {
            return Ok(Made::TooMany(Limited::Users));
        }
        let row = sqlx::query_as!(
            UserRow,
            "insert into users (tenant_id, name, email) values ($1, $2, $3)
             returning id, name, email, created_at, updated_at",
            actor.tenant_id.0,
            new.name,
            new.email,
        )
        .fetch_one(&mut *tx)
        .await?;
        let id = row.id.to_string();
        let change = Change {
            action: "user.create",
            target: &id,
            details: json!({}),
        };
        audit::append(&mut tx, actor, change).await?;
        remember(&mut tx, actor.tenant_id, wish, &id).await?;
        tx.commit().await?;
        Ok(Made::New(row.into()))
    }

    /// Reads one user; `None` when the tenant has no such user.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn user(&self, tenant_id: TenantId, id: UserId) -> Result<Option<User>, Error> {
        let mut tx = self.begin(tenant_id).await?;
        let row = sqlx::query_as!(
            UserRow,
            "select id, name, email, created_at, updated_at from users where id = $1",
            id.0,
        )
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(row.map(User::from))
    }

    /// Reads up to `limit` users, newest first, from the one after `before`.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn list_users(
        &self,
        tenant_id: TenantId,
        before: Option<UserId>,
        limit: i64,
    ) -> Result<Vec<User>, Error> {
        let mut tx = self.begin(tenant_id).await?;
        let rows = sqlx::query_as!(
            UserRow,
            "select id, name, email, created_at, updated_at from users
             where tenant_id = $1 and ($2::bigint is null or id < $2)
             order by id desc
             limit $3",
            tenant_id.0,
            before.map(|id| id.0),
            limit,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(rows.into_iter().map(User::from).collect())
    }
}
