//! Tenants, as operators make them.

use domain::TenantId;

use crate::error::Error;
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
}

/// A tenant.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name.
    pub name: String,
}

impl Store {
    /// Makes a tenant. For [`crate::Role::Owner`].
    ///
    /// # Errors
    /// [`Error::Conflict`] by `tenant_name_key` when the name is taken.
    pub async fn create_tenant(&self, new: &NewTenant<'_>) -> Result<(), Error> {
        let mut connection = self.acquire().await?;
        sqlx::query!(
            "insert into tenant (id, name, webhook_secret) values ($1, $2, $3)",
            new.id.0,
            new.name,
            new.webhook_secret,
        )
        .execute(&mut *connection)
        .await?;
        Ok(())
    }

    /// Finds a tenant by name. For [`crate::Role::Owner`].
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn tenant_by_name(&self, name: &str) -> Result<Option<Tenant>, Error> {
        let mut connection = self.acquire().await?;
        let row = sqlx::query!("select id, name from tenant where name = $1", name)
            .fetch_optional(&mut *connection)
            .await?;
        Ok(row.map(|row| Tenant {
            id: TenantId(row.id),
            name: row.name,
        }))
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
