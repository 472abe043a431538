//! The signing secrets of endpoints.

use axum::Json;
use axum::extract::State;
use store::RotateSecret;

use super::EndpointPath;
use super::endpoints::not_found;
use crate::app::AppState;
use crate::auth::{Ops, Reader};
use crate::body::JsonBody;
use crate::endpoint_secret;
use crate::openapi::{BodyProblems, CommonProblems, NameProblems};
use crate::problem::{Problem, ProblemBody, ProblemType};
use crate::validate::overlap;
use crate::values;
use crate::wire::{self, RotatedSecret, SecretList};

/// List an endpoint's signing secrets
///
/// Those that sign now, newest first, without the secrets themselves.
#[utoipa::path(
    get, path = "/api/endpoints/{name}/secrets", tag = "endpoints",
    params(("name" = String, Path, min_length = 1, max_length = 40, pattern = "^[a-z][a-z0-9_-]*$", description = "The endpoint.")),
    responses(
        (status = 200, description = "The secrets that sign.", body = SecretList),
        NameProblems, CommonProblems,
    ),
)]
pub(crate) async fn list_endpoint_secrets(
    State(app): State<AppState>,
    Reader(caller): Reader,
    EndpointPath(name): EndpointPath,
) -> Result<Json<SecretList>, Problem> {
    let secrets = app.store.endpoint_secrets(caller.tenant_id, &name).await?;
    let secrets = secrets.ok_or_else(|| not_found(&name))?;
    Ok(Json(SecretList {
        secrets: secrets.into_iter().map(Into::into).collect(),
    }))
}

/// Rotate an endpoint's signing secret
///
/// The new secret, which is shown this once, signs from now on, and the others sign too until the overlap has passed: a
/// request carries one signature for each. Three secrets sign at once at most. Should the answer be lost, rotate again.
#[utoipa::path(
    post, path = "/api/endpoints/{name}/rotate-secret", tag = "endpoints",
    params(("name" = String, Path, min_length = 1, max_length = 40, pattern = "^[a-z][a-z0-9_-]*$", description = "The endpoint.")),
    request_body = wire::RotateSecret,
    responses(
        (status = 200, description = "Rotated; the new secret can't be read again.", body = RotatedSecret),
        (status = 409, description = "Three secrets sign already: wait until one has expired, or rotate without an \
            overlap.", body = ProblemBody, content_type = "application/problem+json"),
        NameProblems, BodyProblems, CommonProblems,
    ),
)]
pub(crate) async fn rotate_endpoint_secret(
    State(app): State<AppState>,
    Ops(caller): Ops,
    EndpointPath(name): EndpointPath,
    body: JsonBody<wire::RotateSecret>,
) -> Result<Json<RotatedSecret>, Problem> {
    let overlap = overlap(&body.value)?;
    let secret = endpoint_secret::new(app.new_id);
    let actor = caller.actor();
    let rotated = app
        .store
        .rotate_endpoint_secret(&actor, &name, &secret, overlap)
        .await?;
    match rotated {
        RotateSecret::Rotated(live) => Ok(Json(RotatedSecret {
            secret: secret.into(),
            secrets: live.into_iter().map(Into::into).collect(),
        })),
        RotateSecret::NotFound => Err(not_found(&name)),
        RotateSecret::TooMany { until } => {
            let until = until.map(values::time_text).unwrap_or_default();
            let detail = format!(
                "As many secrets as may sign at once do so already; the first of them expires at {until}. \
                 Rotate then, or without an overlap."
            );
            Err(Problem::new(ProblemType::TooManySecrets, detail))
        }
    }
}
