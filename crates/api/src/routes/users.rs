//! The users of a tenant.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::UserId;
use http::header::{LINK, LOCATION};
use http::{HeaderValue, StatusCode};
use store::Error;

use super::UserPath;
use super::made::{There, replayed, there};
use super::page::{Page, PageParameters};
use crate::app::AppState;
use crate::auth::Admin;
use crate::body::JsonBody;
use crate::header::idempotency_key::{IdempotencyKey, IdempotencyKeyHeader};
use crate::openapi::{BodyProblems, CommonProblems, ListProblems};
use crate::problem::{Problem, ProblemBody, ProblemType};
use crate::query::Query;
use crate::validate::new_user;
use crate::wire::{CreateUser, UserBody, UserList};

/// List users
///
/// Newest first. `next_cursor`, or the `Link` header, leads to the next page; users that are made meanwhile are on
/// none of the pages.
#[utoipa::path(
    get, path = "/api/users", tag = "users",
    params(PageParameters),
    responses(
        (status = 200, description = "A page of users.", body = UserList,
            headers(("Link" = String, description = "The next page, with `rel=\"next\"`."))),
        ListProblems, CommonProblems,
    ),
)]
pub(crate) async fn list_users(
    State(app): State<AppState>,
    Admin(caller): Admin,
    mut query: Query,
) -> Result<Response, Problem> {
    let page = Page::read(&mut query, "/api/users", &[]);
    query.finish()?;
    let mut users = app
        .store
        .list_users(caller.tenant_id, page.before, page.read_limit())
        .await?;
    let next = page.cut(&mut users, |user| user.id);
    let link = next.as_ref().map(|next| [(LINK, next.link.clone())]);
    let body = UserList {
        users: users.into_iter().map(Into::into).collect(),
        next_cursor: next.map(|next| next.cursor),
    };
    Ok((link, Json(body)).into_response())
}

/// Make a user
///
/// An e-mail address belongs to one user of a tenant, whatever its case. It is kept as it was sent, but for its domain,
/// which is kept in lower case and in ASCII (`bücher.example` as `xn--bcher-kva.example`). With an `Idempotency-Key` the
/// request may be repeated for 24 hours: the same body gives the same user. A tenant may have 10,000 users.
#[utoipa::path(
    post, path = "/api/users", tag = "users",
    params(IdempotencyKeyHeader),
    request_body = CreateUser,
    responses(
        (status = 201, description = "Made.", body = UserBody, headers(
            ("Location" = String, description = "The user."),
            ("Idempotency-Replayed" = bool, description = "`true` when an earlier request made the user."))),
        (status = 409, description = "Another user has this e-mail address, a request with this `Idempotency-Key` is in \
            progress, or the tenant has 10,000 users.", body = ProblemBody,
            content_type = "application/problem+json"),
        BodyProblems, CommonProblems,
    ),
)]
pub(crate) async fn create_user(
    State(app): State<AppState>,
    Admin(caller): Admin,
    key: IdempotencyKey,
    body: JsonBody<CreateUser>,
) -> Result<Response, Problem> {
    let wish = key.bind(&body.bytes)?;
    let new = new_user(&body.value)?;
    let made = app.store.create_user(&caller.actor(), &new, wish.as_ref()).await;
    if matches!(&made, Err(Error::Conflict { constraint }) if constraint == "users_tenant_email_key") {
        return Err(Problem::new(
            ProblemType::EmailTaken,
            "Another user of the tenant has this e-mail address.",
        ));
    }
    let (user, before) = match there(made?)? {
        There::New(user) => (user, false),
        There::Before(id) => {
            let id = UserId(id.parse().map_err(|error| Problem::internal(&error))?);
            let user = app.store.user(caller.tenant_id, id).await?;
            (user.ok_or_else(|| no_such_user(id))?, true)
        }
    };
    let location =
        HeaderValue::try_from(format!("/api/users/{}", user.id.0)).expect("an id is a header value");
    Ok((
        StatusCode::CREATED,
        [(LOCATION, location)],
        replayed(before),
        Json(UserBody::from(user)),
    )
        .into_response())
}

/// Read a user
#[utoipa::path(
    get, path = "/api/users/{id}", tag = "users",
    params(("id" = i64, Path, minimum = 1, description = "The user.")),
    responses(
        (status = 200, description = "The user.", body = UserBody),
        (status = 400, description = "The id is no positive integer.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 404, description = "There is no such user.", body = ProblemBody,
            content_type = "application/problem+json"),
        CommonProblems,
    ),
)]
pub(crate) async fn get_user(
    State(app): State<AppState>,
    Admin(caller): Admin,
    UserPath(id): UserPath,
) -> Result<Json<UserBody>, Problem> {
    let user = app
        .store
        .user(caller.tenant_id, id)
        .await?
        .ok_or_else(|| no_such_user(id))?;
    Ok(Json(user.into()))
}

fn no_such_user(id: UserId) -> Problem {
    Problem::new(ProblemType::UserNotFound, format!("There is no user {}.", id.0))
}
