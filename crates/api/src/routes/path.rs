//! What a path names.

use std::fmt::Display;

use axum::extract::{FromRequestParts, Path};
use domain::{EndpointName, JobId, KeyId, NameError, QueueName, ScheduleName, TenantId, UserId};
use http::request::Parts;

use crate::app::AppState;
use crate::problem::{FieldError, Place, Problem, ProblemType};
use crate::values;

/// The job that the `{id}` of a path names.
#[derive(Debug)]
pub(crate) struct JobPath(pub(crate) JobId);

/// The endpoint that the `{name}` of a path names.
#[derive(Debug)]
pub(crate) struct EndpointPath(pub(crate) EndpointName);

/// The user that the `{id}` of a path names.
#[derive(Debug)]
pub(crate) struct UserPath(pub(crate) UserId);

/// The schedule that the `{name}` of a path names.
#[derive(Debug)]
pub(crate) struct SchedulePath(pub(crate) ScheduleName);

/// The API key that the `{id}` of a path names.
#[derive(Debug)]
pub(crate) struct KeyPath(pub(crate) KeyId);

/// The tenant that the `{id}` of a path names.
#[derive(Debug)]
pub(crate) struct TenantPath(pub(crate) TenantId);

/// The lane that the `{name}` of a path names: one that jobs can be submitted to.
#[derive(Debug)]
pub(crate) struct QueuePath(pub(crate) QueueName);

impl FromRequestParts<AppState> for QueuePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Problem> {
        let name = Path::<String>::from_request_parts(parts, app).await;
        let name = name.map(|Path(name)| name).unwrap_or_default();
        let lane = app.lanes.iter().find(|lane| lane.as_str() == name);
        lane.cloned().map(Self).ok_or_else(|| {
            let lanes: Vec<&str> = app.lanes.iter().map(QueueName::as_str).collect();
            let detail = format!("There is no such queue; there are: {}.", lanes.join(", "));
            Problem::new(ProblemType::QueueNotFound, detail)
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for KeyPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        named(parts, state, "id", values::key_id).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for TenantPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        named(parts, state, "id", values::tenant_id).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for JobPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        named(parts, state, "id", values::job_id).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for EndpointPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        let text = text.map(|Path(text)| text).unwrap_or_default();
        text.parse().map(Self).map_err(|error: NameError| {
            let place = Place::Parameter("name".to_owned());
            let error = FieldError::new(place, "invalid_value", error.to_string());
            Problem::invalid(ProblemType::InvalidParameter, vec![error])
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for UserPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        named(parts, state, "id", values::user_id).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SchedulePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        named(parts, state, "name", str::parse).await.map(Self)
    }
}

/// What is no id, or name, is refused as such: to a client that mixed up its variables, "no such job" would be misleading.
async fn named<T, E: Display, S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
    parameter: &str,
    rule: fn(&str) -> Result<T, E>,
) -> Result<T, Problem> {
    let text = Path::<String>::from_request_parts(parts, state).await;
    let text = text.map(|Path(text)| text).unwrap_or_default();
    rule(&text).map_err(|error| {
        let place = Place::Parameter(parameter.to_owned());
        let wrong = FieldError::new(place, "invalid_value", error.to_string());
        Problem::invalid(ProblemType::InvalidParameter, vec![wrong])
    })
}
