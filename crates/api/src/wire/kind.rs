//! Kinds.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::kinds::KnownKind;

/// What a handler takes.
#[derive(Serialize, ToSchema)]
#[schema(as = Kind)]
pub(crate) struct KindBody {
    /// What jobs name it by.
    #[schema(example = "http.request")]
    name: String,
    /// JSON Schema of the payload, which submits are checked against; `null` when the handler has none.
    #[schema(value_type = Option<serde_json::Value>)]
    schema: Option<Box<RawValue>>,
    /// JSON Pointers to what of the payload is personal in every job of this kind.
    sensitive: Vec<String>,
    /// Whether a worker is there that has the handler.
    live: bool,
    /// When it was declared as it is.
    registered_at: DateTime<Utc>,
}

/// All kinds, by name.
#[derive(Serialize, ToSchema)]
pub(crate) struct KindList {
    pub(crate) kinds: Vec<KindBody>,
}

impl From<&KnownKind> for KindBody {
    fn from(kind: &KnownKind) -> Self {
        let kind = kind.registered.clone();
        Self {
            name: kind.name,
            schema: kind.schema,
            sensitive: kind.sensitive,
            live: kind.live,
            registered_at: kind.registered_at,
        }
    }
}
