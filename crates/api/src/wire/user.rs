//! Users.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use store::User;
use utoipa::ToSchema;

use super::text;
use crate::body::Document;

/// A person to be made a user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateUser {
    /// What they are called. Not blank, and without control characters.
    #[schema(example = "Ann Onymous", value_type = text::Name)]
    pub(crate) name: String,
    /// Their e-mail address, unique within the tenant, whatever its case.
    #[schema(example = "ann@example.com", format = Email, max_length = 255)]
    pub(crate) email: String,
}

impl Document for CreateUser {
    const MAX_BYTES: usize = 256 << 10;
}

/// A person of the tenant.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserBody {
    #[schema(minimum = 1)]
    id: i64,
    name: String,
    email: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// A page of users, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserList {
    pub(crate) users: Vec<UserBody>,
    /// Gives the next page when sent as `cursor`; `null` on the last one.
    pub(crate) next_cursor: Option<String>,
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        Self {
            id: user.id.0,
            name: user.name,
            email: user.email,
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}
