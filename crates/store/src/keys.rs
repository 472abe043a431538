//! API keys: who a request comes from.

use chrono::{DateTime, Utc};
use domain::{Scopes, TenantId};

use crate::error::Error;
use crate::pool::Store;

/// A key to be made; its secret is known to its owner only.
#[derive(Debug)]
pub struct NewApiKey<'a> {
    /// The public part that names it.
    pub id: &'a str,
    /// The owner.
    pub tenant_id: TenantId,
    /// What it is for, in its owner's words.
    pub name: &'a str,
    /// Keyed hash of the secret, 32 bytes.
    pub secret_hash: &'a [u8],
    /// What it may do.
    pub scopes: &'a Scopes,
    /// When it stops working.
    pub expires_at: Option<DateTime<Utc>>,
}

/// What is known about a key that was presented. The caller compares the hash.
#[derive(Clone, Debug)]
pub struct Authenticated {
    /// The owner.
    pub tenant_id: TenantId,
    /// Keyed hash of the secret.
    pub secret_hash: Vec<u8>,
    /// What it may do.
    pub scopes: Scopes,
    /// Whether it is neither revoked nor expired.
    pub live: bool,
    /// The tenant's own rate limit per key, in requests per second.
    pub rate_limit_per_second: Option<u32>,
    /// The tenant's own burst per key.
    pub rate_limit_burst: Option<u32>,
}

impl Store {
    /// Makes a key. For [`crate::Role::Owner`].
    ///
    /// # Errors
    /// [`Error::Conflict`] by `api_key_tenant_fkey` when there is no such tenant.
    pub async fn create_api_key(&self, new: &NewApiKey<'_>) -> Result<(), Error> {
        let mut connection = self.acquire().await?;
        sqlx::query!(
            "insert into api_key (id, tenant_id, name, secret_hash, scopes, expires_at) values ($1, $2, $3, $4, $5, $6)",
            new.id,
            new.tenant_id.0,
            new.name,
            new.secret_hash,
            &new.scopes.to_strings(),
            new.expires_at,
        )
        .execute(&mut *connection)
        .await?;
        Ok(())
    }

    /// Stops a key from working; `false` when there is none. For [`crate::Role::Owner`].
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn revoke_api_key(&self, id: &str) -> Result<bool, Error> {
        let mut connection = self.acquire().await?;
        let revoked = sqlx::query!(
            "update api_key set revoked_at = coalesce(revoked_at, now()) where id = $1",
            id
        )
        .execute(&mut *connection)
        .await?;
        Ok(revoked.rows_affected() > 0)
    }

    /// Reads the key of this id, before a tenant is known. For [`crate::Role::Api`].
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn authenticate(&self, key_id: &str) -> Result<Option<Authenticated>, Error> {
        let mut connection = self.acquire().await?;
        let row = sqlx::query!(
            r#"
            select tenant_id as "tenant_id!", secret_hash as "secret_hash!", scopes as "scopes!", live as "live!",
                   rate_limit_per_second, rate_limit_burst
            from authenticate($1)
            "#,
            key_id,
        )
        .fetch_optional(&mut *connection)
        .await?;
        row.map(|row| {
            Ok(Authenticated {
                tenant_id: TenantId(row.tenant_id),
                secret_hash: row.secret_hash,
                scopes: Scopes::parse(&row.scopes).map_err(Error::corrupt)?,
                live: row.live,
                rate_limit_per_second: row
                    .rate_limit_per_second
                    .and_then(|limit| u32::try_from(limit).ok()),
                rate_limit_burst: row.rate_limit_burst.and_then(|burst| u32::try_from(burst).ok()),
            })
        })
        .transpose()
    }
}
