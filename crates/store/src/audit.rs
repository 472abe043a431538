//! The audit log: every change that somebody makes is written down in the transaction that makes it.

use chrono::{DateTime, Utc};
use domain::{AuditEntry, AuditHash, RequestId, TenantId};
use serde_json::Value;
use serde_json::value::RawValue;
use sqlx::types::Json;

use crate::error::Error;
use crate::pool::Store;

/// Who changes something, and by which request.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Whose things are changed, and whose log tells it.
    pub tenant_id: TenantId,
    /// The id of the API key.
    pub key_id: String,
    /// The request.
    pub request_id: RequestId,
}

/// What is written down.
#[derive(Clone, Debug)]
pub(crate) struct Change<'a> {
    /// What was done: the thing and the verb, such as `queue.pause`.
    pub(crate) action: &'static str,
    /// To what: an id or a name.
    pub(crate) target: &'a str,
    /// What else there is to know; no secrets and no personal data.
    pub(crate) details: Value,
}

/// Which entries to read.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Of this action.
    pub action: Option<String>,
    /// About this.
    pub target: Option<String>,
    /// By this key.
    pub key_id: Option<String>,
    /// At or after this.
    pub after: Option<DateTime<Utc>>,
    /// Before this.
    pub before: Option<DateTime<Utc>>,
}

/// Appends to the log of the transaction's tenant. The last statement before the commit, because it holds the log until then.
pub(crate) async fn append(
    tx: &mut sqlx::PgTransaction<'static>,
    actor: &Actor,
    change: Change<'_>,
) -> Result<(), Error> {
    let written = sqlx::query!(
        r#"
        select entry_number as "number!", entry_hash as "hash!" from append_audit($1, $2, $3, $4, $5)
        "#,
        actor.key_id,
        actor.request_id.as_str(),
        change.action,
        change.target,
        change.details.to_string(),
    )
    .fetch_one(&mut **tx)
    .await?;
    tell(actor.tenant_id, change.action, written.number, &written.hash)
}

/// The same for the log of a tenant whom an operator's command at the database changes. For [`crate::Role::Owner`].
pub(crate) async fn append_as_owner(
    connection: &mut sqlx::PgConnection,
    tenant_id: TenantId,
    change: Change<'_>,
) -> Result<(), Error> {
    let written = sqlx::query!(
        r#"
        select entry_number as "number!", entry_hash as "hash!" from append_audit_of($1, null, null, $2, $3, $4)
        "#,
        tenant_id.0,
        change.action,
        change.target,
        change.details.to_string(),
    )
    .fetch_one(connection)
    .await?;
    tell(tenant_id, change.action, written.number, &written.hash)
}

/// The process's own log is kept elsewhere: it bears witness against a chain that was made anew as a whole.
fn tell(tenant_id: TenantId, action: &str, number: i64, hash: &[u8]) -> Result<(), Error> {
    let hash = read_hash(hash)?;
    tracing::info!(tenant.id = %tenant_id, audit.action = action, audit.number = number, audit.hash = %hash, "audited");
    Ok(())
}

fn read_hash(bytes: &[u8]) -> Result<AuditHash, Error> {
    bytes.try_into().map(AuditHash).map_err(Error::corrupt)
}

impl Store {
    /// Reads up to `limit` entries of the tenant's log, newest first, from the one before the number `before`.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn list_audit(
        &self,
        tenant_id: TenantId,
        filter: &AuditFilter,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<AuditEntry>, Error> {
        let mut tx = self.begin(tenant_id).await?;
        let rows = sqlx::query!(
            r#"
            select number, at, key_id, request_id, action, target, details as "details: Json<Box<RawValue>>",
                   previous_hash, hash
            from audit_entry
            where tenant_id = $1 and ($2::bigint is null or number < $2)
              and ($3::text is null or action = $3) and ($4::text is null or target = $4)
              and ($5::text is null or key_id = $5)
              and ($6::timestamptz is null or at >= $6) and ($7::timestamptz is null or at < $7)
            order by number desc
            limit $8
            "#,
            tenant_id.0,
            before,
            filter.action,
            filter.target,
            filter.key_id,
            filter.after,
            filter.before,
            limit,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        rows.into_iter()
            .map(|row| {
                Ok(AuditEntry {
                    tenant_id,
                    number: row.number,
                    at: row.at,
                    key_id: row.key_id,
                    request_id: row.request_id.as_deref().and_then(RequestId::parse),
                    action: row.action,
                    target: row.target,
                    details: row.details.0.get().to_owned(),
                    previous_hash: read_hash(&row.previous_hash)?,
                    hash: read_hash(&row.hash)?,
                })
            })
            .collect()
    }
}
