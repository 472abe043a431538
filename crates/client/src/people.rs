//! Users, API keys, tenants and the audit log: what the scope `admin` is for.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{AuditEntry, AuditHash, KeyId, RequestId, Scope, TenantId, UserId};
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use crate::client::Client;
use crate::error::Error;
use crate::page::Pages;

/// A person of the tenant.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// What they are called.
    pub name: String,
    /// Their e-mail address.
    pub email: String,
    /// When they were made a user.
    pub created_at: DateTime<Utc>,
    /// When what is known about them was last changed.
    pub updated_at: DateTime<Utc>,
}

/// An API key, without its secret.
#[derive(Clone, Debug, Deserialize)]
pub struct Key {
    /// The third part of the key.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The user whose key it is.
    pub user_id: Option<UserId>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it stops working, or has stopped.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// The key that took its place.
    pub replaced_by: Option<String>,
    /// Whether it works.
    pub live: bool,
}

/// A key that was just made.
#[derive(Clone, Deserialize)]
pub struct CreatedKey {
    /// The whole key. The api shows it this once.
    pub api_key: String,
    /// What is known about it.
    pub key: Key,
}

impl std::fmt::Debug for CreatedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedKey")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// A key to be made.
#[derive(Clone, Debug, Serialize)]
pub struct NewKey {
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The user whose key it is, if it is a person's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// When it stops working; never, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
}

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
}

impl Client {
    /// Makes a user.
    ///
    /// # Errors
    /// When the address is taken, the api refused for another reason, or did not answer.
    pub async fn create_user(&self, name: &str, email: &str) -> Result<User, Error> {
        let request = self.request(Method::POST, "/api/users");
        request
            .body(&json!({ "name": name, "email": email }))?
            .json()
            .await
    }

    /// The users, newest first.
    #[must_use]
    pub fn users(&self) -> Pages<'_, User> {
        Pages::new(self, "/api/users", "users", [])
    }

    /// Reads a user.
    ///
    /// # Errors
    /// When there is no such user, or the api did not answer.
    pub async fn user(&self, id: UserId) -> Result<User, Error> {
        self.get(format!("/api/users/{}", id.0)).await
    }

    /// Makes an API key.
    ///
    /// # Errors
    /// When the api refused or did not answer; in that case a key may have been made that nobody has.
    pub async fn create_key(&self, new: &NewKey) -> Result<CreatedKey, Error> {
        self.request(Method::POST, "/api/keys").body(new)?.json().await
    }

    /// The tenant's keys, newest first.
    #[must_use]
    pub fn keys(&self) -> Pages<'_, Key> {
        Pages::new(self, "/api/keys", "keys", [])
    }

    /// Makes another key in a key's place; the old one works for `overlap` yet.
    ///
    /// # Errors
    /// When there is no such key, it does not work any more, was rotated already, or the api did not answer.
    pub async fn rotate_key(&self, id: KeyId, overlap: Duration) -> Result<CreatedKey, Error> {
        let request = self.request(Method::POST, format!("/api/keys/{id}/rotate"));
        let body = json!({ "overlap_secs": overlap.as_secs() });
        request.body(&body)?.json().await
    }

    /// Stops a key from working, for good.
    ///
    /// # Errors
    /// When there is no such key, or the api did not answer.
    pub async fn revoke_key(&self, id: KeyId) -> Result<Key, Error> {
        let request = self.request(Method::POST, format!("/api/keys/{id}/revoke"));
        request.harmless().json().await
    }

    /// The tenants that the key may see, newest first.
    #[must_use]
    pub fn tenants(&self) -> Pages<'_, Tenant> {
        Pages::new(self, "/api/tenants", "tenants", [])
    }

    /// Reads a tenant.
    ///
    /// # Errors
    /// When there is no such tenant, it is not the caller's to see, or the api did not answer.
    pub async fn tenant(&self, id: TenantId) -> Result<Tenant, Error> {
        self.get(format!("/api/tenants/{id}")).await
    }

    /// One page of the audit log, newest first, ready to be checked with [`AuditEntry::check`]; and the cursor of the next
    /// page.
    ///
    /// # Errors
    /// When the api refused or did not answer.
    pub async fn audit_page(&self, cursor: Option<&str>) -> Result<(Vec<AuditEntry>, Option<String>), Error> {
        let request = self.request(Method::GET, "/api/audit").query("limit", Some(100));
        // As text, because the details are hashed byte for byte.
        let text = request.query("cursor", cursor).text().await?;
        let page: AuditPage = serde_json::from_str(&text).map_err(|error| Error::Answer(error.into()))?;
        let entries: Option<Vec<AuditEntry>> = page.entries.into_iter().map(ShownEntry::read).collect();
        let entries = entries.ok_or_else(|| Error::Answer("an entry of the audit log is none".into()))?;
        Ok((entries, page.next_cursor))
    }
}

#[derive(Deserialize)]
struct AuditPage {
    entries: Vec<ShownEntry>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct ShownEntry {
    tenant_id: TenantId,
    number: i64,
    at: DateTime<Utc>,
    key_id: Option<String>,
    request_id: Option<String>,
    action: String,
    target: String,
    details: Box<RawValue>,
    previous_hash: String,
    hash: String,
}

impl ShownEntry {
    fn read(self) -> Option<AuditEntry> {
        Some(AuditEntry {
            tenant_id: self.tenant_id,
            number: self.number,
            at: self.at,
            key_id: self.key_id,
            request_id: match self.request_id {
                Some(id) => Some(RequestId::parse(&id)?),
                None => None,
            },
            action: self.action,
            target: self.target,
            details: self.details.get().to_owned(),
            previous_hash: AuditHash::parse(&self.previous_hash)?,
            hash: AuditHash::parse(&self.hash)?,
        })
    }
}
