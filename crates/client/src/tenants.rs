//! Tenants, for those who operate the platform.

use std::fmt;

use chrono::{DateTime, Utc};
use domain::TenantId;
use http::Method;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::client::Client;
use crate::page::Pages;

/// A tenant.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name.
    pub name: String,
    /// Whether its keys with the scope `admin` manage all tenants.
    pub operator: bool,
    /// Requests per second and key; `None` is the platform's default.
    pub rate_limit_per_second: Option<u32>,
    /// Requests at once and key; `None` is the platform's default.
    pub rate_limit_burst: Option<u32>,
    /// The most jobs that run at once; `None` is no limit.
    pub max_running_jobs: Option<u32>,
    /// The most jobs that wait; `None` is no limit.
    pub max_queued_jobs: Option<u32>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A tenant to be made. A limit that is `None` has its default.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct NewTenant {
    /// Its name, unique.
    pub name: String,
    /// Requests per second and key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit_per_second: Option<u32>,
    /// Requests at once and key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit_burst: Option<u32>,
    /// The most jobs that run at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_running_jobs: Option<u32>,
    /// The most jobs that wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_queued_jobs: Option<u32>,
}

/// What to change about a tenant. What is `None` stays as it is; `Some(None)` brings a limit's default back.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct ChangeTenant {
    /// Its name, unique.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Requests per second and key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit_per_second: Option<Option<u32>>,
    /// Requests at once and key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit_burst: Option<Option<u32>>,
    /// The most jobs that run at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_running_jobs: Option<Option<u32>>,
    /// The most jobs that wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_queued_jobs: Option<Option<u32>>,
}

/// A tenant that was just made.
#[derive(Clone, Deserialize, Eq, PartialEq)]
pub struct CreatedTenant {
    /// What is known about it.
    pub tenant: Tenant,
    /// Its first key, with the scope `admin`: it makes the others. The api shows it this once.
    pub api_key: String,
    /// Signs what `http.request` sends to plain URLs. The api shows it this once.
    pub webhook_secret: String,
}

impl fmt::Debug for CreatedTenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreatedTenant")
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Makes a tenant with a key. The key's secret is in one answer only: when that is lost, the api refuses the repeated
    /// request and names the tenant, whose key nobody has.
    pub fn create_tenant(&self, new: &NewTenant) -> Call<'_, CreatedTenant> {
        self.post_once("/api/tenants", new)
    }

    /// The tenants that the key may see, newest first.
    pub fn tenants(&self) -> Pages<'_, Tenant> {
        Pages::new(self, "/api/tenants", "tenants", &())
    }

    /// Reads a tenant.
    pub fn tenant(&self, id: TenantId) -> Call<'_, Tenant> {
        self.get(format!("/api/tenants/{id}"))
    }

    /// Renames or limits a tenant.
    pub fn update_tenant(&self, id: TenantId, change: &ChangeTenant) -> Call<'_, Tenant> {
        let request = self.request(Method::PATCH, format!("/api/tenants/{id}"));
        Call::new(request.body(change))
    }
}
