//! The API keys of a tenant.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::KeyId;
use http::header::{LINK, LOCATION};
use http::{HeaderValue, StatusCode};
use store::{Error, Limited, NewApiKey, Rotation, Successor};

use super::KeyPath;
use super::made::{There, shown_once, there, too_many};
use super::page::{Page, PageParameters};
use crate::app::AppState;
use crate::auth::Admin;
use crate::body::JsonBody;
use crate::header::idempotency_key::{IdempotencyKey, IdempotencyKeyHeader};
use crate::openapi::{BodyProblems, CommonProblems, ListProblems};
use crate::problem::{FieldError, Place, Problem, ProblemBody, ProblemType};
use crate::query::Query;
use crate::validate::{new_key, rotation};
use crate::wire::{CreateKey, CreatedKey, KeyBody, KeyList, RotateKey};

/// List API keys
///
/// Newest first, without their secrets; also those that have expired or were revoked.
#[utoipa::path(
    get, path = "/api/keys", tag = "keys",
    params(PageParameters),
    responses(
        (status = 200, description = "A page of keys.", body = KeyList,
            headers(("Link" = String, description = "The next page, with `rel=\"next\"`."))),
        ListProblems, CommonProblems,
    ),
)]
pub(crate) async fn list_keys(
    State(app): State<AppState>,
    Admin(caller): Admin,
    mut query: Query,
) -> Result<Response, Problem> {
    let page = Page::read(&mut query, "/api/keys", &[]);
    query.finish()?;
    let mut keys = app
        .store
        .list_api_keys(caller.tenant_id, page.before, page.read_limit())
        .await?;
    let next = page.cut(&mut keys, |key| key.id);
    let link = next.as_ref().map(|next| [(LINK, next.link.clone())]);
    let body = KeyList {
        keys: keys.into_iter().map(Into::into).collect(),
        next_cursor: next.map(|next| next.cursor),
    };
    Ok((link, Json(body)).into_response())
}

/// Make an API key
///
/// The answer shows the key, this once: only a hash of it is kept. With an `Idempotency-Key` a repeated request makes no
/// second key, for 24 hours. It can't show the first one again: it is answered 409 `secret_shown_once`, with the key's
/// route in `resource`. When that key is with nobody, revoke it and make another one under another `Idempotency-Key`. A
/// tenant may have 1,000 keys that work.
#[utoipa::path(
    post, path = "/api/keys", tag = "keys",
    params(IdempotencyKeyHeader),
    request_body = CreateKey,
    responses(
        (status = 201, description = "Made.", body = CreatedKey,
            headers(("Location" = String, description = "The key, without its secret."))),
        (status = 409, description = "An earlier request with this `Idempotency-Key` has made a key, or is in progress; \
            or the tenant has 1,000 keys that work.", body = ProblemBody, content_type = "application/problem+json"),
        BodyProblems, CommonProblems,
    ),
)]
pub(crate) async fn create_key(
    State(app): State<AppState>,
    Admin(caller): Admin,
    key: IdempotencyKey,
    body: JsonBody<CreateKey>,
) -> Result<Response, Problem> {
    let wish = key.bind(&body.bytes)?;
    let request = new_key(&body.value, (app.now)())?;
    let made = app.keyring.make();
    let new = NewApiKey {
        id: made.key.id(),
        tenant_id: caller.tenant_id,
        user_id: request.user_id,
        name: &request.name,
        secret_hash: &made.hash,
        scopes: &request.scopes,
        expires_at: request.expires_at,
    };
    let issued = app
        .store
        .issue_api_key(&caller.actor(), &new, wish.as_ref())
        .await;
    if matches!(&issued, Err(Error::Conflict { constraint }) if constraint == "api_key_user_fkey") {
        let place = Place::Pointer("/user_id".to_owned());
        let error = FieldError::new(place, "unknown_user", "must be a user of the tenant");
        return Err(Problem::invalid(ProblemType::InvalidBody, vec![error]));
    }
    match there(issued?)? {
        There::New(issued) => Ok(created(made.key.expose(), issued.into(), made.key.id())),
        There::Before(id) => Err(shown_once("the key", format!("/api/keys/{id}"))),
    }
}

/// Read an API key
#[utoipa::path(
    get, path = "/api/keys/{id}", tag = "keys",
    params(("id" = String, Path, min_length = 16, max_length = 16, pattern = "^[0-9A-Za-z]*$", description = "The third part of the key.")),
    responses(
        (status = 200, description = "The key, without its secret.", body = KeyBody),
        (status = 400, description = "The id can't be one.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 404, description = "There is no such key.", body = ProblemBody,
            content_type = "application/problem+json"),
        CommonProblems,
    ),
)]
pub(crate) async fn get_key(
    State(app): State<AppState>,
    Admin(caller): Admin,
    KeyPath(id): KeyPath,
) -> Result<Json<KeyBody>, Problem> {
    let key = app.store.api_key(caller.tenant_id, id).await?;
    key.map(|key| Json(key.into())).ok_or_else(|| no_such_key(id))
}

/// Rotate an API key
///
/// Makes another key with the same name, user and scopes, and shows it once. The old one works for `overlap_secs` yet,
/// so that every program can be given the new one in the meantime.
#[utoipa::path(
    post, path = "/api/keys/{id}/rotate", tag = "keys",
    params(("id" = String, Path, min_length = 16, max_length = 16, pattern = "^[0-9A-Za-z]*$", description = "The third part of the key.")),
    request_body = RotateKey,
    responses(
        (status = 201, description = "The new key.", body = CreatedKey,
            headers(("Location" = String, description = "The new key, without its secret."))),
        (status = 404, description = "There is no such key.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 409, description = "The key was revoked, has expired, or was rotated already; or the tenant has 1,000 \
            keys that work, and the old one shall go on for a while.", body = ProblemBody,
            content_type = "application/problem+json"),
        BodyProblems, CommonProblems,
    ),
)]
pub(crate) async fn rotate_key(
    State(app): State<AppState>,
    Admin(caller): Admin,
    KeyPath(id): KeyPath,
    body: JsonBody<RotateKey>,
) -> Result<Response, Problem> {
    let request = rotation(&body.value, (app.now)())?;
    let made = app.keyring.make();
    let successor = Successor {
        id: made.key.id(),
        secret_hash: &made.hash,
        expires_at: request.expires_at,
    };
    let rotation = app
        .store
        .rotate_api_key(&caller.actor(), id, &successor, request.overlap)
        .await?;
    let refused = |detail| Err(Problem::new(ProblemType::KeyNotRotatable, detail));
    match rotation {
        Rotation::Rotated(key) => {
            app.authenticator.forget(id.as_str()).await;
            Ok(created(made.key.expose(), (*key).into(), made.key.id()))
        }
        Rotation::NotLive => refused("The key was revoked or has expired; make a new one.".to_owned()),
        Rotation::Replaced(by) => refused(format!("The key {by} has taken its place already.")),
        Rotation::TooMany => Err(too_many(Limited::Keys)),
        Rotation::NotFound => Err(no_such_key(id)),
    }
}

/// Revoke an API key
///
/// Once and for all; every process refuses it within five seconds. Harmless to repeat. A key may revoke itself.
#[utoipa::path(
    post, path = "/api/keys/{id}/revoke", tag = "keys",
    params(("id" = String, Path, min_length = 16, max_length = 16, pattern = "^[0-9A-Za-z]*$", description = "The third part of the key.")),
    responses(
        (status = 200, description = "The key is revoked.", body = KeyBody),
        (status = 400, description = "The id can't be one.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 404, description = "There is no such key.", body = ProblemBody,
            content_type = "application/problem+json"),
        CommonProblems,
    ),
)]
pub(crate) async fn revoke_key(
    State(app): State<AppState>,
    Admin(caller): Admin,
    KeyPath(id): KeyPath,
) -> Result<Json<KeyBody>, Problem> {
    let key = app.store.revoke_api_key(&caller.actor(), id).await?;
    let key = key.ok_or_else(|| no_such_key(id))?;
    app.authenticator.forget(id.as_str()).await;
    Ok(Json(key.into()))
}

fn created(api_key: &str, key: KeyBody, id: &str) -> Response {
    let location = HeaderValue::try_from(format!("/api/keys/{id}")).expect("an id is a header value");
    let body = CreatedKey {
        api_key: api_key.to_owned(),
        key,
    };
    (StatusCode::CREATED, [(LOCATION, location)], Json(body)).into_response()
}

fn no_such_key(id: KeyId) -> Problem {
    Problem::new(ProblemType::KeyNotFound, format!("There is no API key {id}."))
}
