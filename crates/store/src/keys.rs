//! API keys: who a request comes from, and how keys are made and revoked.

use chrono::{DateTime, Utc};
use domain::{KeyId, Scopes, TenantId, UserId};
use serde_json::json;

use crate::audit::{self, Actor, Change};
use crate::error::Error;
use crate::idempotency::Idempotency;
use crate::limits::{Limited, has_room};
use crate::once::{Made, remember, turn};
use crate::pool::Store;

/// A key to be made; its secret is known to its owner only.
#[derive(Debug)]
pub struct NewApiKey<'a> {
    /// The public part that names it.
    pub id: &'a str,
    /// The owner.
    pub tenant_id: TenantId,
    /// The user of the tenant whose key it is; `None` for a program's.
    pub user_id: Option<UserId>,
    /// What it is for, in its owner's words.
    pub name: &'a str,
    /// Keyed hash of the secret, 32 bytes.
    pub secret_hash: &'a [u8],
    /// What it may do.
    pub scopes: &'a Scopes,
    /// When it stops working.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A key as its tenant sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApiKeyRecord {
    /// The public part that names it.
    pub id: KeyId,
    /// The user whose key it is.
    pub user_id: Option<UserId>,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it stops working, or has stopped.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// The key that took its place.
    pub replaced_by: Option<KeyId>,
    /// Whether it works.
    pub live: bool,
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
    /// Whether the tenant operates the others.
    pub operator: bool,
}

struct KeyRow {
    id: String,
    user_id: Option<i64>,
    name: String,
    scopes: Vec<String>,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
    replaced_by: Option<String>,
    live: bool,
}

impl KeyRow {
    fn read(self) -> Result<ApiKeyRecord, Error> {
        let replaced_by = self.replaced_by.map(|id| id.parse()).transpose();
        Ok(ApiKeyRecord {
            id: self.id.parse().map_err(Error::corrupt)?,
            user_id: self.user_id.map(UserId),
            name: self.name,
            scopes: Scopes::parse(&self.scopes).map_err(Error::corrupt)?,
            created_at: self.created_at,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
            last_used_at: self.last_used_at,
            replaced_by: replaced_by.map_err(Error::corrupt)?,
            live: self.live,
        })
    }
}

impl Store {
    /// Makes a key for the actor's tenant, once for a request with an idempotency key; [`Made::Before`] tells the id.
    ///
    /// # Errors
    /// [`Error::Conflict`] by `api_key_user_fkey` when the tenant has no such user.
    pub async fn issue_api_key(
        &self,
        actor: &Actor,
        new: &NewApiKey<'_>,
        wish: Option<&Idempotency>,
    ) -> Result<Made<ApiKeyRecord>, Error> {
        let mut tx = self.begin(actor.tenant_id).await?;
        if let Some(answer) = turn(&mut tx, actor.tenant_id, wish).await?.answer() {
            return Ok(answer);
        }
        if !has_room(&mut tx, actor.tenant_id, Limited::Keys).await? {
            return Ok(Made::TooMany(Limited::Keys));
        }
        let key = insert(&mut tx, new).await?;
        audit::append(&mut tx, actor, creation(new)).await?;
        remember(&mut tx, actor.tenant_id, wish, new.id).await?;
        tx.commit().await?;
        Ok(Made::New(key))
    }

    /// Reads one key; `None` when the tenant has no such key.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn api_key(&self, tenant_id: TenantId, id: KeyId) -> Result<Option<ApiKeyRecord>, Error> {
        let mut tx = self.begin(tenant_id).await?;
        let key = read(&mut tx, id).await?;
        tx.commit().await?;
        Ok(key)
    }

    /// Reads up to `limit` keys, newest first, from the one after `before`; also those that don't work any more.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn list_api_keys(
        &self,
        tenant_id: TenantId,
        before: Option<KeyId>,
        limit: i64,
    ) -> Result<Vec<ApiKeyRecord>, Error> {
        let before = before.as_ref().map(KeyId::as_str);
        let mut tx = self.begin(tenant_id).await?;
        let rows = sqlx::query_as!(
            KeyRow,
            r#"
            select id, user_id, name, scopes, created_at, expires_at, revoked_at, last_used_at, replaced_by,
                   revoked_at is null and (expires_at is null or expires_at > now()) as "live!"
            from api_key
            where tenant_id = $1
              and ($2::text is null or (created_at, id) < (select p.created_at, p.id from api_key p where p.id = $2))
            order by created_at desc, id desc
            limit $3
            "#,
            tenant_id.0,
            before,
            limit,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        rows.into_iter().map(KeyRow::read).collect()
    }

    /// Stops a key of the actor's tenant from working, once and for all; `None` when the tenant has no such key.
    ///
    /// # Errors
    /// When a statement failed; nothing was changed.
    pub async fn revoke_api_key(&self, actor: &Actor, id: KeyId) -> Result<Option<ApiKeyRecord>, Error> {
        let mut tx = self.begin(actor.tenant_id).await?;
        if revoke(&mut tx, id.as_str()).await?.is_some() {
            let change = Change {
                action: "key.revoke",
                target: id.as_str(),
                details: json!({}),
            };
            audit::append(&mut tx, actor, change).await?;
        }
        let key = read(&mut tx, id).await?;
        tx.commit().await?;
        Ok(key)
    }

    /// Writes down that a key is used, unless that is known for the last minute.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn touch_api_key(&self, tenant_id: TenantId, id: &str) -> Result<(), Error> {
        let mut tx = self.begin(tenant_id).await?;
        sqlx::query!(
            r#"
            update api_key set last_used_at = now()
            where id = $1 and coalesce(last_used_at < now() - interval '1 minute', true)
            "#,
            id,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Makes a key of any tenant. For [`crate::Role::Owner`].
    ///
    /// # Errors
    /// [`Error::Conflict`] by `api_key_tenant_fkey` when there is no such tenant.
    pub async fn create_api_key(&self, new: &NewApiKey<'_>) -> Result<(), Error> {
        let mut tx = self.begin_as_owner().await?;
        insert(&mut tx, new).await?;
        audit::append_as_owner(&mut tx, new.tenant_id, creation(new)).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Stops a key of any tenant from working; `false` when there is none. For [`crate::Role::Owner`].
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn revoke_any_api_key(&self, id: &str) -> Result<bool, Error> {
        let mut tx = self.begin_as_owner().await?;
        if let Some(tenant_id) = revoke(&mut tx, id).await? {
            let change = Change {
                action: "key.revoke",
                target: id,
                details: json!({}),
            };
            audit::append_as_owner(&mut tx, tenant_id, change).await?;
        }
        let known = sqlx::query_scalar!(
            r#"select exists (select from api_key where id = $1) as "known!""#,
            id
        )
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(known)
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
                   rate_limit_per_second, rate_limit_burst, operator as "operator!"
            from authenticate($1)
            "#,
            key_id,
        )
        .fetch_optional(&mut *connection)
        .await?;
        let limit = |limit: Option<i32>| limit.and_then(|limit| u32::try_from(limit).ok());
        row.map(|row| {
            Ok(Authenticated {
                tenant_id: TenantId(row.tenant_id),
                secret_hash: row.secret_hash,
                scopes: Scopes::parse(&row.scopes).map_err(Error::corrupt)?,
                live: row.live,
                rate_limit_per_second: limit(row.rate_limit_per_second),
                rate_limit_burst: limit(row.rate_limit_burst),
                operator: row.operator,
            })
        })
        .transpose()
    }
}

/// What the log says of a new key.
pub(crate) fn creation<'a>(new: &NewApiKey<'a>) -> Change<'a> {
    Change {
        action: "key.create",
        target: new.id,
        details: json!({
            "scopes": new.scopes.to_strings(), "expires_at": new.expires_at, "user_id": new.user_id,
        }),
    }
}

pub(crate) async fn insert(
    tx: &mut sqlx::PgTransaction<'static>,
    new: &NewApiKey<'_>,
) -> Result<ApiKeyRecord, Error> {
    let row = sqlx::query_as!(
        KeyRow,
        r#"
        insert into api_key (id, tenant_id, user_id, name, secret_hash, scopes, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7)
        returning id, user_id, name, scopes, created_at, expires_at, revoked_at, last_used_at, replaced_by,
                  true as "live!"
        "#,
        new.id,
        new.tenant_id.0,
        new.user_id.map(|id| id.0),
        new.name,
        new.secret_hash,
        &new.scopes.to_strings(),
        new.expires_at,
    )
    .fetch_one(&mut **tx)
    .await?;
    row.read()
}

pub(crate) async fn read(
    tx: &mut sqlx::PgTransaction<'static>,
    id: KeyId,
) -> Result<Option<ApiKeyRecord>, Error> {
    let row = sqlx::query_as!(
        KeyRow,
        r#"
        select id, user_id, name, scopes, created_at, expires_at, revoked_at, last_used_at, replaced_by,
               revoked_at is null and (expires_at is null or expires_at > now()) as "live!"
        from api_key where id = $1
        "#,
        id.as_str(),
    )
    .fetch_optional(&mut **tx)
    .await?;
    row.map(KeyRow::read).transpose()
}

/// Answers whose key it was, when it worked until now.
async fn revoke(tx: &mut sqlx::PgTransaction<'static>, id: &str) -> Result<Option<TenantId>, Error> {
    let tenant_id = sqlx::query_scalar!(
        "update api_key set revoked_at = now() where id = $1 and revoked_at is null returning tenant_id",
        id,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(tenant_id.map(TenantId))
}
