//! Endpoints and their secrets.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use store::{Endpoint, EndpointSecret, NewSecret};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use super::text;
use crate::body::Document;

/// What an endpoint is to be. What is left out has its default, but for `headers`.
#[derive(Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutEndpoint {
    /// Where it is: `http` or `https`, without user, password and fragment. It is shown to whoever may read jobs, so
    /// credentials belong into `headers`.
    #[schema(example = "https://example.com/hooks/tandem", value_type = text::HttpUrl)]
    pub(crate) url: String,
    /// Headers that every request carries, at most 20, and that jobs can't replace. Their values can't be read back: left out, those
    /// that are there stay; `{}` removes them.
    #[schema(value_type = Option<std::collections::HashMap<text::HeaderName, text::HeaderValue>>, example = json!({ "Authorization": "Bearer abc" }))]
    pub(crate) headers: Option<BTreeMap<String, String>>,
    /// How long an exchange may take, where the job does not say; the job's timeout by default.
    #[schema(minimum = 1, maximum = 86_400_000)]
    #[validate(range(min = 1, max = 86_400_000))]
    pub(crate) timeout_ms: Option<u64>,
    /// Whether its jobs wait until it is enabled again, without spending their attempts; `false` by default.
    pub(crate) disabled: Option<bool>,
}

impl Document for PutEndpoint {
    const MAX_BYTES: usize = 256 << 10;
}

/// A rotation.
#[derive(Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateSecret {
    /// How long the secrets that are there go on signing; a day by default. 0 ends them now, which is for a secret that
    /// has leaked: a receiver that does not know the new one yet refuses requests.
    #[schema(minimum = 0, maximum = 604_800)]
    #[validate(range(max = 604_800))]
    pub(crate) overlap_secs: Option<u64>,
}

impl Document for RotateSecret {
    const MAX_BYTES: usize = 4 << 10;
}

/// An HTTP target of the tenant.
#[derive(Serialize, ToSchema)]
#[schema(as = Endpoint)]
pub(crate) struct EndpointBody {
    name: String,
    url: String,
    /// The names of its headers, in lower case. The values can't be read.
    header_names: Vec<String>,
    timeout_ms: Option<u64>,
    disabled: bool,
    /// Since when its jobs wait.
    disabled_at: Option<DateTime<Utc>>,
    /// Grows with every change; the `ETag` is made of it.
    #[schema(minimum = 1)]
    version: u32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// An endpoint that was just made, with its first signing secret: it can't be read again.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedEndpoint)]
pub(crate) struct CreatedEndpointBody {
    #[serde(flatten)]
    pub(crate) endpoint: EndpointBody,
    pub(crate) secret: NewSecretBody,
}

/// A signing secret that was just made: it can't be read again.
#[derive(Serialize, ToSchema)]
#[schema(as = NewSecret)]
pub(crate) struct NewSecretBody {
    id: Uuid,
    /// As libraries of Standard Webhooks take it: `whsec_` and 32 bytes in base64.
    secret: String,
}

/// What may be read of a signing secret.
#[derive(Serialize, ToSchema)]
#[schema(as = Secret)]
pub(crate) struct SecretBody {
    id: Uuid,
    created_at: DateTime<Utc>,
    /// When it stops signing; `null` for the newest one.
    expires_at: Option<DateTime<Utc>>,
}

/// The secrets that sign, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct SecretList {
    pub(crate) secrets: Vec<SecretBody>,
}

/// What a rotation has made.
#[derive(Serialize, ToSchema)]
pub(crate) struct RotatedSecret {
    pub(crate) secret: NewSecretBody,
    /// The secrets that sign now, newest first.
    pub(crate) secrets: Vec<SecretBody>,
}

/// A page of endpoints, by name.
#[derive(Serialize, ToSchema)]
pub(crate) struct EndpointList {
    pub(crate) endpoints: Vec<EndpointBody>,
    /// Gives the next page when sent as `cursor`; `null` on the last one.
    pub(crate) next_cursor: Option<String>,
}

impl From<Endpoint> for EndpointBody {
    fn from(endpoint: Endpoint) -> Self {
        let ms = |timeout: std::time::Duration| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        Self {
            name: endpoint.name.into(),
            url: endpoint.url,
            header_names: endpoint.header_names,
            timeout_ms: endpoint.timeout.map(ms),
            disabled: endpoint.disabled_at.is_some(),
            disabled_at: endpoint.disabled_at,
            version: endpoint.version,
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
        }
    }
}

impl From<NewSecret> for NewSecretBody {
    fn from(new: NewSecret) -> Self {
        Self {
            id: new.id,
            secret: new.secret,
        }
    }
}

impl From<EndpointSecret> for SecretBody {
    fn from(secret: EndpointSecret) -> Self {
        Self {
            id: secret.id,
            created_at: secret.created_at,
            expires_at: secret.expires_at,
        }
    }
}
