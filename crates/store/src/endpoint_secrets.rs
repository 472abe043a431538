//! The secrets that sign what is sent to an endpoint, and their rotation: the new one signs at once, and the old ones
//! sign too until they expire, so a receiver is never without one that it knows.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::endpoint::MAX_LIVE_SECRETS;
use domain::{EndpointName, TenantId};
use serde_json::json;
use sqlx::PgTransaction;
use uuid::Uuid;

use crate::audit::{self, Actor, Change};
use crate::endpoint_changes::lock;
use crate::error::Error;
use crate::pool::Store;
use crate::row::ms;

/// A secret to be kept.
#[derive(Clone)]
pub struct NewSecret {
    /// Names it.
    pub id: Uuid,
    /// `whsec_` and base64 of 24 to 64 bytes (Standard Webhooks).
    pub secret: String,
}

impl fmt::Debug for NewSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSecret")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// What may be read of a secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EndpointSecret {
    /// Names it.
    pub id: Uuid,
    /// Since when it signs.
    pub created_at: DateTime<Utc>,
    /// When it stops; the newest one does not.
    pub expires_at: Option<DateTime<Utc>>,
}

/// What became of [`Store::rotate_endpoint_secret`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RotateSecret {
    /// These sign now, newest first.
    Rotated(Vec<EndpointSecret>),
    /// There is no such endpoint.
    NotFound,
    /// As many secrets as may sign at once do so already; the first of them expires then.
    TooMany {
        /// When the next rotation with an overlap is possible.
        until: Option<DateTime<Utc>>,
    },
}

impl Store {
    /// Has an endpoint sign with a new secret, and with the others for `overlap` at most. What has expired is deleted.
    ///
    /// # Errors
    /// When a statement failed.
    pub async fn rotate_endpoint_secret(
        &self,
        actor: &Actor,
        name: &EndpointName,
        new: &NewSecret,
        overlap: Duration,
    ) -> Result<RotateSecret, Error> {
        let tenant_id = actor.tenant_id;
        let mut tx = self.begin(tenant_id).await?;
        if lock(&mut tx, tenant_id, name).await?.is_none() {
            return Ok(RotateSecret::NotFound);
        }
        sqlx::query!(
            "update endpoint_secret
             set expires_at = least(expires_at, now() + $3::bigint * interval '1 millisecond')
             where tenant_id = $1 and endpoint = $2",
            tenant_id.0,
            name.as_str(),
            ms(overlap),
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "delete from endpoint_secret where tenant_id = $1 and endpoint = $2 and expires_at <= now()",
            tenant_id.0,
            name.as_str(),
        )
        .execute(&mut *tx)
        .await?;
        let live = live_secrets(&mut tx, tenant_id, name).await?;
        if live.len() >= MAX_LIVE_SECRETS {
            let until = live.iter().filter_map(|secret| secret.expires_at).min();
            // Nothing is committed, so the newest does not expire after all.
            return Ok(RotateSecret::TooMany { until });
        }
        insert_secret(&mut tx, tenant_id, name, new).await?;
        let live = live_secrets(&mut tx, tenant_id, name).await?;
        let rotation = Change {
            action: "endpoint.rotate_secret",
            target: name.as_str(),
            details: json!({ "secret_id": new.id, "overlap_secs": overlap.as_secs() }),
        };
        audit::append(&mut tx, actor, rotation).await?;
        tx.commit().await?;
        Ok(RotateSecret::Rotated(live))
    }

    /// Removes secrets that have expired, at most `limit`; answers how many. For [`crate::Role::Worker`].
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn purge_endpoint_secrets(&self, limit: i64) -> Result<u64, Error> {
        let mut connection = self.acquire().await?;
        let purged = sqlx::query!(
            r#"
            delete from endpoint_secret
            where id in (
                select id from endpoint_secret where expires_at <= now() order by expires_at limit $1
            )
            "#,
            limit,
        )
        .execute(&mut *connection)
        .await?;
        Ok(purged.rows_affected())
    }

    /// The secrets that sign now, newest first; `None` when there is no such endpoint.
    ///
    /// # Errors
    /// When a statement failed.
    pub async fn endpoint_secrets(
        &self,
        tenant_id: TenantId,
        name: &EndpointName,
    ) -> Result<Option<Vec<EndpointSecret>>, Error> {
        let mut tx = self.begin(tenant_id).await?;
        let secrets = live_secrets(&mut tx, tenant_id, name).await?;
        tx.commit().await?;
        // An endpoint always has one that does not expire.
        Ok((!secrets.is_empty()).then_some(secrets))
    }
}

async fn live_secrets(
    tx: &mut PgTransaction<'static>,
    tenant_id: TenantId,
    name: &EndpointName,
) -> Result<Vec<EndpointSecret>, Error> {
    Ok(sqlx::query_as!(
        EndpointSecret,
        "select id, created_at, expires_at from endpoint_secret
         where tenant_id = $1 and endpoint = $2 and (expires_at is null or expires_at > now())
         order by created_at desc, id desc",
        tenant_id.0,
        name.as_str(),
    )
    .fetch_all(&mut **tx)
    .await?)
}

pub(crate) async fn insert_secret(
    tx: &mut PgTransaction<'static>,
    tenant_id: TenantId,
    name: &EndpointName,
    new: &NewSecret,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into endpoint_secret (id, tenant_id, endpoint, secret) values ($1, $2, $3, $4)",
        new.id,
        tenant_id.0,
        name.as_str(),
        new.secret,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
