//! Users: the people of a tenant.

use chrono::{DateTime, Utc};
use domain::UserId;
use serde::Deserialize;
use serde_json::json;

use crate::call::Call;
use crate::client::Client;
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

impl Client {
    /// Makes a user. It is refused when the address is taken.
    pub fn create_user(&self, name: &str, email: &str) -> Call<'_, User> {
        self.post_once("/api/users", &json!({ "name": name, "email": email }))
    }

    /// The users, newest first.
    pub fn users(&self) -> Pages<'_, User> {
        Pages::new(self, "/api/users", "users", &())
    }

    /// Reads a user.
    pub fn user(&self, id: UserId) -> Call<'_, User> {
        self.get(format!("/api/users/{}", id.0))
    }
}
