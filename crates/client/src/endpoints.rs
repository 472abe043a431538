//! Endpoints: HTTP targets by name, with their signing secrets.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::call::Call;
use crate::client::Client;
use crate::expected::{Expected, with_version};
use crate::page::Pages;

const PATH: &str = "/api/endpoints";

/// An HTTP target of the tenant.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct Endpoint {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// The names of its headers, in lower case. The values can't be read.
    pub header_names: Vec<String>,
    /// How long an exchange may take, if a job does not say otherwise.
    pub timeout_ms: Option<u64>,
    /// Whether its jobs wait.
    pub disabled: bool,
    /// Since when they do.
    pub disabled_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// Grows with every change.
    pub version: u32,
    /// Its first signing secret; only when it was just made.
    pub secret: Option<NewSecret>,
}

/// A signing secret that was just made: it can't be read again.
#[derive(Clone, Deserialize, Eq, PartialEq)]
pub struct NewSecret {
    /// Its id.
    pub id: Uuid,
    /// As [`webhook::Verifier`](crate::webhook::Verifier) takes it: `whsec_…`.
    pub secret: String,
}

impl fmt::Debug for NewSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSecret")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// What may be read of a signing secret.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct EndpointSecret {
    /// Its id.
    pub id: Uuid,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it stops signing; `None` for the newest one.
    pub expires_at: Option<DateTime<Utc>>,
}

/// What a rotation has made.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct RotatedSecret {
    /// The new secret.
    pub secret: NewSecret,
    /// The secrets that sign now, newest first.
    pub secrets: Vec<EndpointSecret>,
}

/// What an endpoint is to be. What is `None` has its default, but for `headers`.
#[derive(Clone, Default, Eq, PartialEq, Serialize)]
pub struct PutEndpoint {
    /// Where it is: `http` or `https`.
    pub url: String,
    /// Headers that every request carries; those that are there stay, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<BTreeMap<String, String>>,
    /// How long an exchange may take, if a job does not say otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Whether its jobs wait until it is enabled again.
    pub disabled: bool,
}

/// Without the values of headers, which may be secrets.
impl fmt::Debug for PutEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Option<Vec<_>> = self.headers.as_ref().map(|headers| headers.keys().collect());
        f.debug_struct("PutEndpoint")
            .field("url", &self.url)
            .field("headers", &names)
            .field("timeout_ms", &self.timeout_ms)
            .field("disabled", &self.disabled)
            .finish()
    }
}

impl Client {
    /// The endpoints, by name.
    pub fn endpoints(&self) -> Pages<'_, Endpoint> {
        Pages::new(self, PATH, "endpoints", &())
    }

    /// Reads an endpoint.
    pub fn endpoint(&self, name: &str) -> Call<'_, Endpoint> {
        Call::new(self.named(Method::GET, PATH, name, ""))
    }

    /// Makes an endpoint, or changes the one of this name, if there is what is expected. A new one's answer has its signing
    /// secret; when that answer was lost, another one is made by a rotation.
    pub fn put_endpoint(&self, name: &str, endpoint: &PutEndpoint, expected: Expected) -> Call<'_, Endpoint> {
        let request = self.named(Method::PUT, PATH, name, "");
        Call::new(request.and_then(|request| expected.ask(request.body(endpoint)?)))
    }

    /// Deletes an endpoint with its secrets, only this version of it if one is given; its jobs fail for good.
    pub fn delete_endpoint(&self, name: &str, version: Option<u32>) -> Call<'_, ()> {
        let request = self.named(Method::DELETE, PATH, name, "");
        Call::new(request.and_then(|request| with_version(request, version)))
    }

    /// The signing secrets of an endpoint, newest first, without the secrets themselves.
    pub fn endpoint_secrets(&self, name: &str) -> Call<'_, Vec<EndpointSecret>> {
        Call::new(self.named(Method::GET, PATH, name, "/secrets")).field("secrets")
    }

    /// Makes a new signing secret; the old ones sign too for `overlap`. Zero is for a secret that has leaked.
    pub fn rotate_endpoint_secret(&self, name: &str, overlap: Duration) -> Call<'_, RotatedSecret> {
        let request = self.named(Method::POST, PATH, name, "/rotate-secret");
        let body = json!({ "overlap_secs": overlap.as_secs() });
        Call::new(request.and_then(|request| request.body(&body)))
    }
}
