//! What a path names.

use axum::extract::{FromRequestParts, Path};
use domain::{JobId, KeyId, TenantId, UserId};
use http::request::Parts;

use crate::problem::{FieldError, Place, Problem, ProblemType};
use crate::values;

/// The job that the `{id}` of a path names.
#[derive(Debug)]
pub(crate) struct JobPath(pub(crate) JobId);

/// The user that the `{id}` of a path names.
#[derive(Debug)]
pub(crate) struct UserPath(pub(crate) UserId);

/// The API key that the `{id}` of a path names.
#[derive(Debug)]
pub(crate) struct KeyPath(pub(crate) KeyId);

/// The tenant that the `{id}` of a path names.
#[derive(Debug)]
pub(crate) struct TenantPath(pub(crate) TenantId);

impl<S: Send + Sync> FromRequestParts<S> for KeyPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        id(parts, state, values::key_id).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for TenantPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        id(parts, state, values::tenant_id).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for JobPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        id(parts, state, values::job_id).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for UserPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        id(parts, state, values::user_id).await.map(Self)
    }
}

/// What is no id is refused as such: to a client that mixed up its variables, "no such job" would be misleading.
async fn id<T, E: ToString, S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
    rule: fn(&str) -> Result<T, E>,
) -> Result<T, Problem> {
    let text = Path::<String>::from_request_parts(parts, state).await;
    let text = text.map(|Path(text)| text).unwrap_or_default();
    rule(&text).map_err(|message| {
        let place = Place::Parameter("id".to_owned());
        let error = FieldError::new(place, "invalid_value", message.to_string());
        Problem::invalid(ProblemType::InvalidParameter, vec![error])
    })
}
