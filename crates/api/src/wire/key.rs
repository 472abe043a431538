//! API keys.

use chrono::{DateTime, Utc};
use domain::Scopes;
use serde::{Deserialize, Serialize};
use store::ApiKeyRecord;
use utoipa::ToSchema;
use validator::Validate;

use super::text;
use crate::body::Document;

/// What an API key may do.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[expect(dead_code, reason = "it describes values")]
pub(crate) enum Scope {
    /// Read jobs and queues.
    #[serde(rename = "jobs:read")]
    JobsRead,
    /// Submit, cancel and retry jobs.
    #[serde(rename = "jobs:write")]
    JobsWrite,
    /// Operate queues and endpoints.
    #[serde(rename = "ops")]
    Ops,
    /// Manage users and keys, and read the audit log.
    #[serde(rename = "admin")]
    Admin,
}

/// A key to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateKey {
    /// What it is for. Not blank, and without control characters.
    #[schema(example = "nightly import", value_type = text::Name)]
    pub(crate) name: String,
    /// What it may do; no scope implies another.
    #[schema(value_type = std::collections::BTreeSet<Scope>, min_items = 1, max_items = 4)]
    pub(crate) scopes: Vec<String>,
    /// The user whose key it is, if it is a person's.
    #[schema(minimum = 1)]
    pub(crate) user_id: Option<i64>,
    /// When it stops working, at most 10 years ahead; never by default.
    #[schema(value_type = Option<DateTime<Utc>>)]
    pub(crate) expires_at: Option<String>,
}

/// How a key is to be rotated.
#[derive(Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateKey {
    /// How long the old key works yet, in seconds; 86,400, a day, by default.
    #[schema(maximum = 604_800)]
    #[validate(range(max = 604_800))]
    pub(crate) overlap_secs: Option<u64>,
    /// When the new key stops working, at most 10 years ahead. By default it lives as long as the old one was meant to.
    #[schema(value_type = Option<DateTime<Utc>>)]
    pub(crate) expires_at: Option<String>,
}

impl Document for CreateKey {
    const MAX_BYTES: usize = 256 << 10;
}

impl Document for RotateKey {
    const MAX_BYTES: usize = 256 << 10;
}

/// An API key, without its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
pub(crate) struct KeyBody {
    /// The third part of the key.
    #[schema(min_length = 16, max_length = 16)]
    id: String,
    name: String,
    #[schema(value_type = Vec<Scope>)]
    scopes: Vec<String>,
    /// The user whose key it is.
    #[schema(minimum = 1)]
    user_id: Option<i64>,
    created_at: DateTime<Utc>,
    /// When it stops working, or has stopped.
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    /// To the minute.
    last_used_at: Option<DateTime<Utc>>,
    /// The key that took its place.
    replaced_by: Option<String>,
    /// Whether it works.
    live: bool,
}

/// A key that was just made.
#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedKey {
    /// The whole key, for the header `X-API-Key`. Shown this once.
    pub(crate) api_key: String,
    pub(crate) key: KeyBody,
}

/// A page of keys, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyList {
    pub(crate) keys: Vec<KeyBody>,
    /// Gives the next page when sent as `cursor`; `null` on the last one.
    pub(crate) next_cursor: Option<String>,
}

impl From<ApiKeyRecord> for KeyBody {
    fn from(key: ApiKeyRecord) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name,
            scopes: Scopes::to_strings(&key.scopes),
            user_id: key.user_id.map(|id| id.0),
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            last_used_at: key.last_used_at,
            replaced_by: key.replaced_by.map(|id| id.to_string()),
            live: key.live,
        }
    }
}
