//! Tenants.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use store::Tenant;
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use super::text;
use crate::body::Document;

/// A tenant to be made.
#[derive(Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateTenant {
    /// Its name, unique. Not blank, and without control characters.
    #[schema(example = "Acme", value_type = text::Name)]
    pub(crate) name: String,
    /// Requests per second and key; the platform's default, if absent.
    #[schema(minimum = 1, maximum = 1_000_000)]
    #[validate(range(min = 1, max = 1_000_000))]
    pub(crate) rate_limit_per_second: Option<u32>,
    /// Requests at once and key; the platform's default, if absent.
    #[schema(minimum = 1, maximum = 1_000_000)]
    #[validate(range(min = 1, max = 1_000_000))]
    pub(crate) rate_limit_burst: Option<u32>,
    /// The most jobs that run at once, in all queues together; no limit, if absent.
    #[schema(minimum = 1, maximum = 1_000_000)]
    #[validate(range(min = 1, max = 1_000_000))]
    pub(crate) max_running_jobs: Option<u32>,
    /// The most jobs that wait, in all queues together; no limit, if absent.
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    #[validate(range(min = 1, max = 1_000_000_000))]
    pub(crate) max_queued_jobs: Option<u32>,
}

/// What to change about a tenant. What is absent stays as it is; `null` brings a limit's default back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateTenant {
    /// Its name, unique. Not blank, and without control characters.
    #[schema(value_type = Option<text::Name>)]
    pub(crate) name: Option<String>,
    /// Requests per second and key.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1_000_000)]
    #[serde(default, deserialize_with = "present")]
    pub(crate) rate_limit_per_second: Option<Option<u32>>,
    /// Requests at once and key.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1_000_000)]
    #[serde(default, deserialize_with = "present")]
    pub(crate) rate_limit_burst: Option<Option<u32>>,
    /// The most jobs that run at once, in all queues together.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1_000_000)]
    #[serde(default, deserialize_with = "present")]
    pub(crate) max_running_jobs: Option<Option<u32>>,
    /// The most jobs that wait, in all queues together.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1_000_000_000)]
    #[serde(default, deserialize_with = "present")]
    pub(crate) max_queued_jobs: Option<Option<u32>>,
}

/// Tells `null` from a field that is absent.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u32>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Document for CreateTenant {
    const MAX_BYTES: usize = 256 << 10;
}

impl Document for UpdateTenant {
    const MAX_BYTES: usize = 256 << 10;
}

/// A tenant.
#[derive(Serialize, ToSchema)]
#[schema(as = Tenant)]
pub(crate) struct TenantBody {
    id: Uuid,
    name: String,
    /// Whether its keys with the scope `admin` manage all tenants.
    operator: bool,
    /// Requests per second and key; `null` is the platform's default.
    rate_limit_per_second: Option<u32>,
    /// Requests at once and key; `null` is the platform's default.
    rate_limit_burst: Option<u32>,
    /// The most jobs that run at once; `null` is no limit.
    max_running_jobs: Option<u32>,
    /// The most jobs that wait; `null` is no limit.
    max_queued_jobs: Option<u32>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// A tenant that was just made.
#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedTenant {
    pub(crate) tenant: TenantBody,
    /// Its first key, with the scope `admin`: it makes the others. Shown this once.
    pub(crate) api_key: String,
    /// Signs what `http.request` sends to plain URLs (Standard Webhooks). Shown this once.
    pub(crate) webhook_secret: String,
}

/// A page of tenants, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct TenantList {
    pub(crate) tenants: Vec<TenantBody>,
    /// Gives the next page when sent as `cursor`; `null` on the last one.
    pub(crate) next_cursor: Option<String>,
}

impl From<Tenant> for TenantBody {
    fn from(tenant: Tenant) -> Self {
        let limits = tenant.limits;
        Self {
            id: tenant.id.0,
            name: tenant.name,
            operator: tenant.operator,
            rate_limit_per_second: limits.rate_limit_per_second,
            rate_limit_burst: limits.rate_limit_burst,
            max_running_jobs: limits.max_running_jobs,
            max_queued_jobs: limits.max_queued_jobs,
            created_at: tenant.created_at,
            updated_at: tenant.updated_at,
        }
    }
}
