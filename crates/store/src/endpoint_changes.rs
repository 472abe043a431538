//! Changing endpoints: each change meets the version that it is meant for, or changes nothing.

use domain::{EndpointName, Precondition, TenantId};
use serde_json::json;
use sqlx::PgTransaction;

use crate::audit::{self, Actor, Change};
use crate::endpoint_secrets::{NewSecret, insert_secret};
use crate::endpoints::{DeleteEndpoint, Endpoint, EndpointRow, EndpointSettings, PutEndpoint};
use crate::error::Error;
use crate::limits::{Limited, has_room};
use crate::pool::Store;
use crate::row::{count, ms};

impl Store {
    /// Makes an endpoint with its first secret, or changes the one that is there. Another URL forgets what was known
    /// about the old one's health.
    ///
    /// # Errors
    /// When a statement failed.
    pub async fn put_endpoint(
        &self,
        actor: &Actor,
        settings: &EndpointSettings,
        precondition: &Precondition,
        first_secret: &NewSecret,
    ) -> Result<PutEndpoint, Error> {
        let mut tx = self.begin(actor.tenant_id).await?;
        let mut there = lock(&mut tx, actor.tenant_id, &settings.name).await?;
        if there.is_none() && precondition.holds(None) {
            if !has_room(&mut tx, actor.tenant_id, Limited::Endpoints).await? {
                // Unless somebody has made this one since it was looked for.
                return Ok(match lock(&mut tx, actor.tenant_id, &settings.name).await? {
                    None => PutEndpoint::TooMany,
                    Some(_) => PutEndpoint::Unexpected,
                });
            }
            if let Some(made) = insert(&mut tx, actor.tenant_id, settings).await? {
                insert_secret(&mut tx, actor.tenant_id, &settings.name, first_secret).await?;
                audit::append(&mut tx, actor, change("endpoint.create", settings)).await?;
                tx.commit().await?;
                return Ok(PutEndpoint::Created(made));
            }
            // Somebody else has made it since it was looked for.
            there = lock(&mut tx, actor.tenant_id, &settings.name).await?;
        }
        if there.is_none() || !precondition.holds(there) {
            return Ok(PutEndpoint::Unexpected);
        }
        if let Some(headers) = &settings.headers {
            set_headers(&mut tx, actor.tenant_id, &settings.name, headers).await?;
        }
        let changed = update(&mut tx, actor.tenant_id, settings).await?;
        audit::append(&mut tx, actor, change("endpoint.update", settings)).await?;
        tx.commit().await?;
        Ok(PutEndpoint::Replaced(changed))
    }

    /// Removes an endpoint with its secrets.
    ///
    /// # Errors
    /// When a statement failed.
    pub async fn delete_endpoint(
        &self,
        actor: &Actor,
        name: &EndpointName,
        precondition: &Precondition,
    ) -> Result<DeleteEndpoint, Error> {
        let mut tx = self.begin(actor.tenant_id).await?;
        let there = lock(&mut tx, actor.tenant_id, name).await?;
        if !precondition.holds(there) {
            return Ok(DeleteEndpoint::Unexpected);
        }
        if there.is_none() {
            return Ok(DeleteEndpoint::NotFound);
        }
        sqlx::query!(
            r#"
            with forgotten as (delete from breaker where tenant_id = $1 and target = 'endpoint:' || $2)
            delete from endpoint where tenant_id = $1 and name = $2
            "#,
            actor.tenant_id.0,
            name.as_str(),
        )
        .execute(&mut *tx)
        .await?;
        let deletion = Change {
            action: "endpoint.delete",
            target: name.as_str(),
            details: json!({}),
        };
        audit::append(&mut tx, actor, deletion).await?;
        tx.commit().await?;
        Ok(DeleteEndpoint::Deleted)
    }
}

/// Keeps others from changing an endpoint until the transaction ends; answers its version.
pub(crate) async fn lock(
    tx: &mut PgTransaction<'static>,
    tenant_id: TenantId,
    name: &EndpointName,
) -> Result<Option<u32>, Error> {
    let version = sqlx::query_scalar!(
        "select version from endpoint where tenant_id = $1 and name = $2 for update",
        tenant_id.0,
        name.as_str(),
    )
    .fetch_optional(&mut **tx)
    .await?;
    version.map(count).transpose()
}

async fn insert(
    tx: &mut PgTransaction<'static>,
    tenant_id: TenantId,
    settings: &EndpointSettings,
) -> Result<Option<Endpoint>, Error> {
    let (names, values): (Vec<String>, Vec<String>) =
        settings.headers.clone().unwrap_or_default().into_iter().unzip();
    let row = sqlx::query_as!(
        EndpointRow,
        "insert into endpoint (tenant_id, name, url, header_names, header_values, timeout_ms, disabled_at)
         values ($1, $2, $3, $4, $5, $6, case when $7 then now() end)
         on conflict (tenant_id, name) do nothing
         returning name, url, header_names, timeout_ms, disabled_at, version, created_at, updated_at",
        tenant_id.0,
        settings.name.as_str(),
        settings.url,
        &names,
        &values,
        settings.timeout.map(ms),
        settings.disabled,
    )
    .fetch_optional(&mut **tx)
    .await?;
    row.map(Endpoint::try_from).transpose()
}

/// A statement of its own, because one that may keep the values would have to read them.
async fn set_headers(
    tx: &mut PgTransaction<'static>,
    tenant_id: TenantId,
    name: &EndpointName,
    headers: &[(String, String)],
) -> Result<(), Error> {
    let (names, values): (Vec<String>, Vec<String>) = headers.iter().cloned().unzip();
    sqlx::query!(
        "update endpoint set header_names = $3, header_values = $4 where tenant_id = $1 and name = $2",
        tenant_id.0,
        name.as_str(),
        &names,
        &values,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn update(
    tx: &mut PgTransaction<'static>,
    tenant_id: TenantId,
    settings: &EndpointSettings,
) -> Result<Endpoint, Error> {
    // The breaker's part reads the endpoint as it was before this statement.
    let row = sqlx::query_as!(
        EndpointRow,
        r#"
        with forgotten as (
            delete from breaker b using endpoint e
            where e.tenant_id = $1 and e.name = $2 and e.url <> $3 and b.tenant_id = $1 and b.target = 'endpoint:' || $2
        )
        update endpoint
        set url = $3, timeout_ms = $4, disabled_at = case when $5 then coalesce(disabled_at, now()) end,
            version = version + 1, updated_at = now()
        where tenant_id = $1 and name = $2
        returning name, url, header_names, timeout_ms, disabled_at, version, created_at, updated_at
        "#,
        tenant_id.0,
        settings.name.as_str(),
        settings.url,
        settings.timeout.map(ms),
        settings.disabled,
    )
    .fetch_one(&mut **tx)
    .await?;
    row.try_into()
}

/// The audit tells the URL without its query, where tokens are often put.
fn change<'a>(action: &'static str, settings: &'a EndpointSettings) -> Change<'a> {
    let url = settings.url.split('?').next();
    let names = settings
        .headers
        .as_ref()
        .map(|headers| headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>());
    Change {
        action,
        target: settings.name.as_str(),
        details: json!({ "url": url, "headers": names, "disabled": settings.disabled }),
    }
}
