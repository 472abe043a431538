//! Tenants, as operators make and limit them.

use chrono::{DateTime, Utc};
use domain::TenantId;
use serde_json::json;

use crate::audit::{self, Actor, Change};
use crate::error::Error;
use crate::idempotency::Idempotency;
use crate::keys::{self, NewApiKey};
use crate::once::{Made, remember, turn};
use crate::pool::Store;

/// A tenant to be made.
#[derive(Debug)]
pub struct NewTenant<'a> {
    /// Its id.
    pub id: TenantId,
    /// Its name, unique.
    pub name: &'a str,
    /// Signs what `http.request` sends for it: `whsec_` and base64 of 24 to 64 bytes (Standard Webhooks).
    pub webhook_secret: &'a str,
    /// What it may use.
    pub limits: TenantLimits,
}

/// What a tenant may use; `None` is the default of the api's configuration for rates, and no limit for jobs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TenantLimits {
    /// Requests per second and key.
    pub rate_limit_per_second: Option<u32>,
    /// Requests at once and key.
    pub rate_limit_burst: Option<u32>,
    /// Jobs that run at once.
    pub max_running_jobs: Option<u32>,
    /// Jobs that wait.
    pub max_queued_jobs: Option<u32>,
}

/// A tenant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name.
    pub name: String,
    /// Whether its keys with the scope `admin` manage all tenants.
    pub operator: bool,
    /// What it may use.
    pub limits: TenantLimits,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What is changed about a tenant; `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct TenantChange {
    /// Its name, unique.
    pub name: Option<String>,
    /// Requests per second and key.
    pub rate_limit_per_second: Option<Option<u32>>,
    /// Requests at once and key.
    pub rate_limit_burst: Option<Option<u32>>,
    /// Jobs that run at once.
    pub max_running_jobs: Option<Option<u32>>,
    /// Jobs that wait.
    pub max_queued_jobs: Option<Option<u32>>,
}

impl TenantChange {
    fn apply(self, tenant: &mut Tenant) {
        tenant.name = self.name.unwrap_or_else(|| tenant.name.clone());
        let limits = &mut tenant.limits;
        for (limit, change) in [
            (&mut limits.rate_limit_per_second, self.rate_limit_per_second),
            (&mut limits.rate_limit_burst, self.rate_limit_burst),
            (&mut limits.max_running_jobs, self.max_running_jobs),
            (&mut limits.max_queued_jobs, self.max_queued_jobs),
        ] {
            *limit = change.unwrap_or(*limit);
        }
    }
}

struct TenantRow {
    id: uuid::Uuid,
    name: String,
    operator: bool,
    rate_limit_per_second: Option<i32>,
    rate_limit_burst: Option<i32>,
    max_running_jobs: Option<i32>,
    max_queued_jobs: Option<i32>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<TenantRow> for Tenant {
    fn from(row: TenantRow) -> Self {
        // Positive by constraint.
        let limit = |limit: Option<i32>| limit.map(i32::unsigned_abs);
        Self {
            id: TenantId(row.id),
            name: row.name,
            operator: row.operator,
            limits: TenantLimits {
                rate_limit_per_second: limit(row.rate_limit_per_second),
                rate_limit_burst: limit(row.rate_limit_burst),
                max_running_jobs: limit(row.max_running_jobs),
                max_queued_jobs: limit(row.max_queued_jobs),
            },
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl Store {
    /// Makes a tenant, and its first key, once for a request with an idempotency key; [`Made::Before`] tells the id. The
    /// actor's tenant must operate the others.
    ///
    /// # Errors
    /// [`Error::Conflict`] by `tenant_name_key` when the name is taken.
    pub async fn create_tenant(
        &self,
        actor: &Actor,
        new: &NewTenant<'_>,
        first_key: &NewApiKey<'_>,
        wish: Option<&Idempotency>,
    ) -> Result<Made<Tenant>, Error> {
        let mut tx = self.begin(actor.tenant_id).await?;
        if let Some(answer) = turn(&mut tx, actor.tenant_id, wish).await?.answer() {
            return Ok(answer);
        }
        insert(&mut tx, new).await?;
        let tenant = read(&mut tx, new.id)
            .await?
            .ok_or(Error::Other(sqlx::Error::RowNotFound))?;
        let id = new.id.to_string();
        audit::append(&mut tx, actor, creation(new, &id)).await?;
        remember(&mut tx, actor.tenant_id, wish, &id).await?;
        // What belongs to the tenant is made, and told, as the tenant.
        sqlx::query!("select set_config('app.tenant_id', $1, true)", id)
            .fetch_one(&mut *tx)
            .await?;
        keys::insert(&mut tx, first_key).await?;
        let on_behalf = Actor {
            tenant_id: new.id,
            ..actor.clone()
        };
        audit::append(&mut tx, &on_behalf, keys::creation(first_key)).await?;
        tx.commit().await?;
        Ok(Made::New(tenant))
    }

    /// Reads a tenant; `None` when there is none, or it is not the caller's to see.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn tenant(&self, caller: TenantId, id: TenantId) -> Result<Option<Tenant>, Error> {
        let mut tx = self.begin(caller).await?;
        let tenant = read(&mut tx, id).await?;
        tx.commit().await?;
        Ok(tenant)
    }

    /// Reads up to `limit` tenants that the caller may see, newest first, from the one after `before`.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn list_tenants(
        &self,
        caller: TenantId,
        before: Option<TenantId>,
        limit: i64,
    ) -> Result<Vec<Tenant>, Error> {
        let mut tx = self.begin(caller).await?;
        let rows = sqlx::query_as!(
            TenantRow,
            "select id, name, operator, rate_limit_per_second, rate_limit_burst, max_running_jobs, max_queued_jobs,
                    created_at, updated_at
             from tenant
             where $1::uuid is null or (created_at, id) < (select p.created_at, p.id from tenant p where p.id = $1)
             order by created_at desc, id desc
             limit $2",
            before.map(|id| id.0),
            limit,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(rows.into_iter().map(Tenant::from).collect())
    }

    /// Changes a tenant; `None` when there is none, or the actor's tenant does not operate the others. Limits take effect within
    /// seconds.
    ///
    /// # Errors
    /// [`Error::Conflict`] by `tenant_name_key` when the name is taken.
    pub async fn update_tenant(
        &self,
        actor: &Actor,
        id: TenantId,
        change: TenantChange,
    ) -> Result<Option<Tenant>, Error> {
        let mut tx = self.begin(actor.tenant_id).await?;
        let locked = sqlx::query!("select id from tenant where id = $1 for update", id.0);
        if locked.fetch_optional(&mut *tx).await?.is_none() {
            return Ok(None);
        }
        let Some(mut tenant) = read(&mut tx, id).await? else {
            return Ok(None);
        };
        let before = tenant.clone();
        change.apply(&mut tenant);
        if tenant == before {
            return Ok(Some(tenant));
        }
        let limits = tenant.limits;
        tenant.updated_at = sqlx::query_scalar!(
            "update tenant
             set name = $2, rate_limit_per_second = $3, rate_limit_burst = $4, max_running_jobs = $5,
                 max_queued_jobs = $6, updated_at = now()
             where id = $1
             returning updated_at",
            id.0,
            tenant.name,
            column(limits.rate_limit_per_second),
            column(limits.rate_limit_burst),
            column(limits.max_running_jobs),
            column(limits.max_queued_jobs),
        )
        .fetch_one(&mut *tx)
        .await?;
        let change = Change {
            action: "tenant.update",
            target: &id.to_string(),
            details: json!({ "before": told(&before.name, before.limits), "after": told(&tenant.name, limits) }),
        };
        audit::append(&mut tx, actor, change).await?;
        tx.commit().await?;
        Ok(Some(tenant))
    }

    /// Makes a tenant, which operates the others or does not. For [`crate::Role::Owner`].
    ///
    /// # Errors
    /// [`Error::Conflict`] by `tenant_name_key` when the name is taken.
    pub async fn found_tenant(&self, new: &NewTenant<'_>, operator: bool) -> Result<(), Error> {
        let mut tx = self.begin_as_owner().await?;
        insert(&mut tx, new).await?;
        sqlx::query!(
            "update tenant set operator = $2 where id = $1",
            new.id.0,
            operator
        )
        .execute(&mut *tx)
        .await?;
        audit::append_as_owner(&mut tx, new.id, creation(new, &new.id.to_string())).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Finds a tenant by name. For [`crate::Role::Owner`].
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn tenant_by_name(&self, name: &str) -> Result<Option<Tenant>, Error> {
        let mut connection = self.acquire().await?;
        let row = sqlx::query_as!(
            TenantRow,
            "select id, name, operator, rate_limit_per_second, rate_limit_burst, max_running_jobs, max_queued_jobs,
                    created_at, updated_at
             from tenant where name = $1",
            name
        )
        .fetch_optional(&mut *connection)
        .await?;
        Ok(row.map(Tenant::from))
    }

    /// The tenants' signing secret. For [`crate::Role::Worker`].
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn webhook_secret(&self, id: TenantId) -> Result<Option<String>, Error> {
        let mut connection = self.acquire().await?;
        Ok(
            sqlx::query_scalar!("select webhook_secret from tenant where id = $1", id.0)
                .fetch_optional(&mut *connection)
                .await?,
        )
    }
}

fn creation<'a>(new: &NewTenant<'_>, id: &'a str) -> Change<'a> {
    Change {
        action: "tenant.create",
        target: id,
        details: told(new.name, new.limits),
    }
}

fn told(name: &str, limits: TenantLimits) -> serde_json::Value {
    json!({
        "name": name,
        "rate_limit_per_second": limits.rate_limit_per_second,
        "rate_limit_burst": limits.rate_limit_burst,
        "max_running_jobs": limits.max_running_jobs,
        "max_queued_jobs": limits.max_queued_jobs,
    })
}

async fn insert(tx: &mut sqlx::PgTransaction<'static>, new: &NewTenant<'_>) -> Result<(), Error> {
    sqlx::query!(
        "insert into tenant (id, name, webhook_secret, rate_limit_per_second, rate_limit_burst, max_running_jobs,
                             max_queued_jobs)
         values ($1, $2, $3, $4, $5, $6, $7)",
        new.id.0,
        new.name,
        new.webhook_secret,
        column(new.limits.rate_limit_per_second),
        column(new.limits.rate_limit_burst),
        column(new.limits.max_running_jobs),
        column(new.limits.max_queued_jobs),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn read(tx: &mut sqlx::PgTransaction<'static>, id: TenantId) -> Result<Option<Tenant>, Error> {
    let row = sqlx::query_as!(
        TenantRow,
        "select id, name, operator, rate_limit_per_second, rate_limit_burst, max_running_jobs, max_queued_jobs,
                created_at, updated_at
         from tenant where id = $1",
        id.0
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(Tenant::from))
}

/// A limit as its column holds it.
fn column(limit: Option<u32>) -> Option<i32> {
    limit.map(|limit| i32::try_from(limit).unwrap_or(i32::MAX))
}
