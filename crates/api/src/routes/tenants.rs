//! Tenants: one's own, or all for whoever operates them.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::{Scope, Scopes, TenantId};
use http::header::{LINK, LOCATION};
use http::{HeaderValue, StatusCode};
use runtime::credential::webhook_secret;
use store::{Error, NewApiKey, NewTenant};

use super::TenantPath;
use super::made::{There, shown_once, there};
use super::page::{Page, PageParameters};
use crate::app::AppState;
use crate::auth::{Admin, OperatorAdmin};
use crate::body::JsonBody;
use crate::header::idempotency_key::{IdempotencyKey, IdempotencyKeyHeader};
use crate::openapi::{BodyProblems, CommonProblems, ListProblems};
use crate::problem::{Problem, ProblemBody, ProblemType};
use crate::query::Query;
use crate::validate::{new_tenant, tenant_change};
use crate::wire::{CreateTenant, CreatedTenant, TenantBody, TenantList, UpdateTenant};

/// What the first key of a tenant is called.
const FIRST_KEY: &str = "first key";

/// List tenants
///
/// Newest first. Whoever does not operate the platform sees their own tenant.
#[utoipa::path(
    get, path = "/api/tenants", tag = "tenants",
    params(PageParameters),
    responses(
        (status = 200, description = "A page of tenants.", body = TenantList,
            headers(("Link" = String, description = "The next page, with `rel=\"next\"`."))),
        ListProblems, CommonProblems,
    ),
)]
pub(crate) async fn list_tenants(
    State(app): State<AppState>,
    Admin(caller): Admin,
    mut query: Query,
) -> Result<Response, Problem> {
    let page = Page::read(&mut query, "/api/tenants", &[]);
    query.finish()?;
    let mut tenants = app
        .store
        .list_tenants(caller.tenant_id, page.before, page.read_limit())
        .await?;
    let next = page.cut(&mut tenants, |tenant| tenant.id);
    let link = next.as_ref().map(|next| [(LINK, next.link.clone())]);
    let body = TenantList {
        tenants: tenants.into_iter().map(Into::into).collect(),
        next_cursor: next.map(|next| next.cursor),
    };
    Ok((link, Json(body)).into_response())
}

/// Make a tenant
///
/// For operators. The answer shows the tenant's first key, with the scope `admin`, this once. A name belongs to one
/// tenant, so a repeated request makes no second one. With an `Idempotency-Key` it is answered 409 `secret_shown_once`, for
/// 24 hours, with the tenant's route in `resource`, so that it is told from another one's name.
#[utoipa::path(
    post, path = "/api/tenants", tag = "tenants",
    params(IdempotencyKeyHeader),
    request_body = CreateTenant,
    responses(
        (status = 201, description = "Made.", body = CreatedTenant,
            headers(("Location" = String, description = "The tenant."))),
        (status = 409, description = "Another tenant has this name; or an earlier request with this `Idempotency-Key` has \
            made the tenant, or is in progress.", body = ProblemBody, content_type = "application/problem+json"),
        BodyProblems, CommonProblems,
    ),
)]
pub(crate) async fn create_tenant(
    State(app): State<AppState>,
    OperatorAdmin(caller): OperatorAdmin,
    key: IdempotencyKey,
    body: JsonBody<CreateTenant>,
) -> Result<Response, Problem> {
    let wish = key.bind(&body.bytes)?;
    let (name, limits) = new_tenant(&body.value)?;
    let id = TenantId((app.new_id)());
    let webhook_secret = webhook_secret();
    let new = NewTenant {
        id,
        name: &name,
        webhook_secret: webhook_secret.expose(),
        limits,
    };
    let made = app.keyring.make();
    let first_key = NewApiKey {
        id: made.key.id(),
        tenant_id: id,
        user_id: None,
        name: FIRST_KEY,
        secret_hash: &made.hash,
        scopes: &Scopes::from_iter([Scope::Admin]),
        expires_at: None,
    };
    let created = app
        .store
        .create_tenant(&caller.actor(), &new, &first_key, wish.as_ref())
        .await;
    let tenant = match there(created.map_err(name_taken)?)? {
        There::New(tenant) => tenant,
        There::Before(id) => return Err(shown_once("the tenant", format!("/api/tenants/{id}"))),
    };
    let body = CreatedTenant {
        tenant: tenant.into(),
        api_key: made.key.expose().to_owned(),
        webhook_secret: webhook_secret.expose().to_owned(),
    };
    let location = HeaderValue::try_from(format!("/api/tenants/{id}")).expect("an id is a header value");
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(body)).into_response())
}

/// Read a tenant
#[utoipa::path(
    get, path = "/api/tenants/{id}", tag = "tenants",
    params(("id" = uuid::Uuid, Path, description = "The tenant.")),
    responses(
        (status = 200, description = "The tenant.", body = TenantBody),
        (status = 400, description = "The id is no UUID.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 404, description = "There is no such tenant, or it is another one and not yours to see.",
            body = ProblemBody, content_type = "application/problem+json"),
        CommonProblems,
    ),
)]
pub(crate) async fn get_tenant(
    State(app): State<AppState>,
    Admin(caller): Admin,
    TenantPath(id): TenantPath,
) -> Result<Json<TenantBody>, Problem> {
    let tenant = app.store.tenant(caller.tenant_id, id).await?;
    tenant
        .map(|tenant| Json(tenant.into()))
        .ok_or_else(|| no_such_tenant(id))
}

/// Change a tenant
///
/// For operators. Its limits take effect within five seconds.
#[utoipa::path(
    patch, path = "/api/tenants/{id}", tag = "tenants",
    params(("id" = uuid::Uuid, Path, description = "The tenant.")),
    request_body = UpdateTenant,
    responses(
        (status = 200, description = "The tenant as it is now.", body = TenantBody),
        (status = 404, description = "There is no such tenant.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 409, description = "Another tenant has this name.", body = ProblemBody,
            content_type = "application/problem+json"),
        BodyProblems, CommonProblems,
    ),
)]
pub(crate) async fn update_tenant(
    State(app): State<AppState>,
    OperatorAdmin(caller): OperatorAdmin,
    TenantPath(id): TenantPath,
    body: JsonBody<UpdateTenant>,
) -> Result<Json<TenantBody>, Problem> {
    let change = tenant_change(&body.value)?;
    let tenant = app.store.update_tenant(&caller.actor(), id, change).await;
    let tenant = tenant.map_err(name_taken)?.ok_or_else(|| no_such_tenant(id))?;
    Ok(Json(tenant.into()))
}

fn name_taken(error: Error) -> Problem {
    if matches!(&error, Error::Conflict { constraint } if constraint == "tenant_name_key") {
        return Problem::new(ProblemType::TenantNameTaken, "Another tenant has this name.");
    }
    error.into()
}

fn no_such_tenant(id: TenantId) -> Problem {
    Problem::new(ProblemType::TenantNotFound, format!("There is no tenant {id}."))
}
