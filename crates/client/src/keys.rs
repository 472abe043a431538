//! API keys of a tenant.

use std::fmt;

use chrono::{DateTime, Utc};
use domain::{KeyId, Scope, UserId};
use http::Method;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::client::Client;
use crate::open::Open;
use crate::page::Pages;

/// An API key, without its secret.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct Key {
    /// The third part of the key.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Open<Scope>>,
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
#[derive(Clone, Deserialize, Eq, PartialEq)]
pub struct CreatedKey {
    /// The whole key. The api shows it this once.
    pub api_key: String,
    /// What is known about it.
    pub key: Key,
}

impl fmt::Debug for CreatedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreatedKey")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// A key to be made.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
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

/// How a key is to be rotated.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct RotateKey {
    /// How long the old key works yet, in seconds; a day, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlap_secs: Option<u64>,
    /// When the new key stops working; if absent, it lives as long as the old one was meant to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
}

impl Client {
    /// Makes an API key. Its secret is in one answer only: when that is lost, the api refuses the repeated request and names
    /// the key that nobody has.
    pub fn create_key(&self, new: &NewKey) -> Call<'_, CreatedKey> {
        self.post_once("/api/keys", new)
    }

    /// The tenant's keys, newest first.
    pub fn keys(&self) -> Pages<'_, Key> {
        Pages::new(self, "/api/keys", "keys", &())
    }

    /// Reads what is known about a key.
    pub fn key(&self, id: KeyId) -> Call<'_, Key> {
        self.get(format!("/api/keys/{id}"))
    }

    /// Makes another key in a key's place, which works for a while yet. It is refused for a key that does not work any more
    /// or was rotated already.
    pub fn rotate_key(&self, id: KeyId, rotation: RotateKey) -> Call<'_, CreatedKey> {
        self.post(format!("/api/keys/{id}/rotate"), &rotation)
    }

    /// Stops a key from working, for good.
    pub fn revoke_key(&self, id: KeyId) -> Call<'_, Key> {
        let request = self.request(Method::POST, format!("/api/keys/{id}/revoke"));
        Call::new(Ok(request.harmless()))
    }
}
