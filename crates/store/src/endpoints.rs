//! Endpoints: HTTP targets of a tenant, by name. What they send along and sign with can be written here, not read.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{EndpointName, TenantId};

use crate::error::Error;
use crate::pool::Store;
use crate::row::{count, duration_ms, parse};

/// An endpoint as its tenant reads it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    /// Its name.
    pub name: EndpointName,
    /// Where it is.
    pub url: String,
    /// The names of the headers that every request carries, in lower case. Their values can't be read back.
    pub header_names: Vec<String>,
    /// How long an exchange may take, if a job does not say otherwise.
    pub timeout: Option<Duration>,
    /// Since when its jobs wait.
    pub disabled_at: Option<DateTime<Utc>>,
    /// Grows with every change.
    pub version: u32,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What an endpoint is to be.
#[derive(Clone, Debug)]
pub struct EndpointSettings {
    /// Its name.
    pub name: EndpointName,
    /// Where it is, at most [`domain::endpoint::MAX_URL_BYTES`].
    pub url: String,
    /// Headers for every request, by their names in lower case, at most [`domain::endpoint::MAX_HEADERS`]. Absent, those
    /// that are there stay.
    pub headers: Option<Vec<(String, String)>>,
    /// How long an exchange may take.
    pub timeout: Option<Duration>,
    /// Whether its jobs wait.
    pub disabled: bool,
}

/// What became of [`Store::put_endpoint`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PutEndpoint {
    /// It is made, and the secret is its first.
    Created(Endpoint),
    /// It is changed; its secrets are not.
    Replaced(Endpoint),
    /// It is not as it was expected to be, and was not changed.
    Unexpected,
    /// There is none of this name, and the tenant has [`crate::MAX_ENDPOINTS`] others.
    TooMany,
}

/// What became of [`Store::delete_endpoint`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DeleteEndpoint {
    /// It is gone.
    Deleted,
    /// There is none of this name.
    NotFound,
    /// It is not as it was expected to be, and is still there.
    Unexpected,
}

/// What a worker needs to send to an endpoint.
#[derive(Clone)]
pub struct EndpointTarget {
    /// Where it is.
    pub url: String,
    /// Headers for every request.
    pub headers: Vec<(String, String)>,
    /// How long an exchange may take.
    pub timeout: Option<Duration>,
    /// Whether its jobs wait.
    pub disabled: bool,
    /// The secrets that sign now, newest first.
    pub secrets: Vec<String>,
}

impl std::fmt::Debug for EndpointTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EndpointTarget").finish_non_exhaustive()
    }
}

pub(crate) struct EndpointRow {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) header_names: Vec<String>,
    pub(crate) timeout_ms: Option<i64>,
    pub(crate) disabled_at: Option<DateTime<Utc>>,
    pub(crate) version: i32,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

impl TryFrom<EndpointRow> for Endpoint {
    type Error = Error;

    fn try_from(row: EndpointRow) -> Result<Self, Error> {
        Ok(Self {
            name: parse(&row.name)?,
            url: row.url,
            header_names: row.header_names,
            timeout: row.timeout_ms.map(duration_ms),
            disabled_at: row.disabled_at,
            version: count(row.version)?,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

impl Store {
    /// Reads one endpoint; `None` when the tenant has none of this name.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn endpoint(
        &self,
        tenant_id: TenantId,
        name: &EndpointName,
    ) -> Result<Option<Endpoint>, Error> {
        let mut tx = self.begin(tenant_id).await?;
        let row = sqlx::query_as!(
            EndpointRow,
            "select name, url, header_names, timeout_ms, disabled_at, version, created_at, updated_at
             from endpoint where tenant_id = $1 and name = $2",
            tenant_id.0,
            name.as_str(),
        )
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        row.map(Endpoint::try_from).transpose()
    }

    /// Reads up to `limit` endpoints in the order of their names, from the one after `after`.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn list_endpoints(
        &self,
        tenant_id: TenantId,
        after: Option<&EndpointName>,
        limit: i64,
    ) -> Result<Vec<Endpoint>, Error> {
        let mut tx = self.begin(tenant_id).await?;
        let rows = sqlx::query_as!(
            EndpointRow,
            "select name, url, header_names, timeout_ms, disabled_at, version, created_at, updated_at
             from endpoint
             where tenant_id = $1 and ($2::text is null or name > $2)
             order by name
             limit $3",
            tenant_id.0,
            after.map(EndpointName::as_str),
            limit,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        rows.into_iter().map(Endpoint::try_from).collect()
    }

    /// What it takes to send to an endpoint now. For [`crate::Role::Worker`].
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn endpoint_target(
        &self,
        tenant_id: TenantId,
        name: &EndpointName,
    ) -> Result<Option<EndpointTarget>, Error> {
        let mut connection = self.acquire().await?;
        let row = sqlx::query!(
            r#"
            select url, header_names, header_values, timeout_ms, disabled_at is not null as "disabled!",
                   array(
                       select secret from endpoint_secret s
                       where s.tenant_id = e.tenant_id and s.endpoint = e.name
                         and (s.expires_at is null or s.expires_at > now())
                       order by s.created_at desc, s.id desc
                   ) as "secrets!"
            from endpoint e
            where tenant_id = $1 and name = $2
            "#,
            tenant_id.0,
            name.as_str(),
        )
        .fetch_optional(&mut *connection)
        .await?;
        Ok(row.map(|row| EndpointTarget {
            url: row.url,
            headers: row.header_names.into_iter().zip(row.header_values).collect(),
            timeout: row.timeout_ms.map(duration_ms),
            disabled: row.disabled,
            secrets: row.secrets,
        }))
    }
}
