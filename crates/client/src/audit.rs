//! The audit log: who did what, in a form that can be checked.

use std::ops::Deref;

use chrono::{DateTime, Utc};
use domain::{AuditHash, RequestId, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::client::Client;
use crate::page::Pages;

/// An entry of the audit log, to be checked by [`domain::AuditEntry::check`].
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "ShownEntry")]
pub struct AuditEntry(pub domain::AuditEntry);

impl Deref for AuditEntry {
    type Target = domain::AuditEntry;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// Which entries to list: those that fit everything that is given.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct AuditFilter {
    /// Of this action, such as `key.create`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// About this: an id or a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// By this key: the third part of the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Done at or after this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<DateTime<Utc>>,
    /// Done before this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<DateTime<Utc>>,
}

/// An entry as the api shows it.
#[derive(Deserialize)]
struct ShownEntry {
    tenant_id: TenantId,
    number: i64,
    at: DateTime<Utc>,
    key_id: Option<String>,
    request_id: Option<String>,
    action: String,
    target: String,
    /// As text, because it is hashed byte for byte.
    details: Box<RawValue>,
    previous_hash: String,
    hash: String,
}

impl TryFrom<ShownEntry> for AuditEntry {
    type Error = &'static str;

    fn try_from(shown: ShownEntry) -> Result<Self, Self::Error> {
        let hash = |text: &str| AuditHash::parse(text).ok_or("a hash of the audit log is none");
        let request_id = shown
            .request_id
            .map(|id| RequestId::parse(&id).ok_or("a request id of the audit log is none"));
        Ok(Self(domain::AuditEntry {
            tenant_id: shown.tenant_id,
            number: shown.number,
            at: shown.at,
            key_id: shown.key_id,
            request_id: request_id.transpose()?,
            action: shown.action,
            target: shown.target,
            details: shown.details.get().to_owned(),
            previous_hash: hash(&shown.previous_hash)?,
            hash: hash(&shown.hash)?,
        }))
    }
}

impl Client {
    /// What was done, newest first. Entries that are to be checked are read without a filter.
    pub fn audit(&self, filter: &AuditFilter) -> Pages<'_, AuditEntry> {
        Pages::new(self, "/api/audit", "entries", filter)
    }
}
