//! The audit log.

use chrono::{DateTime, Utc};
use domain::AuditEntry;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

/// Something that was done.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(crate) struct AuditBody {
    tenant_id: Uuid,
    /// Its place in the tenant's log, from 1 without gaps.
    #[schema(minimum = 1)]
    number: i64,
    /// With microseconds, which are part of what is hashed.
    at: String,
    /// The key by which it was done; `null` when it was done at the database, by an operator's command.
    key_id: Option<String>,
    /// The request by which it was done.
    request_id: Option<String>,
    /// What was done.
    #[schema(example = "key.create")]
    action: String,
    /// To what: an id or a name.
    target: String,
    /// What else there is to know. Its text, byte for byte, is part of what is hashed.
    #[schema(value_type = Object)]
    details: Box<RawValue>,
    /// The hash of the entry before it, 64 hexadecimal digits; zeros for the first.
    #[schema(min_length = 64, max_length = 64)]
    previous_hash: String,
    /// SHA-256 of `previous_hash` and of this entry's fields.
    #[schema(min_length = 64, max_length = 64)]
    hash: String,
}

/// A page of the log, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditList {
    pub(crate) entries: Vec<AuditBody>,
    /// Gives the next page when sent as `cursor`; `null` on the last one.
    pub(crate) next_cursor: Option<String>,
}

impl From<AuditEntry> for AuditBody {
    fn from(entry: AuditEntry) -> Self {
        Self {
            tenant_id: entry.tenant_id.0,
            number: entry.number,
            at: time(entry.at),
            key_id: entry.key_id,
            request_id: entry.request_id.map(|id| id.to_string()),
            action: entry.action,
            target: entry.target,
            details: RawValue::from_string(entry.details).unwrap_or_default(),
            previous_hash: entry.previous_hash.to_string(),
            hash: entry.hash.to_string(),
        }
    }
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}
