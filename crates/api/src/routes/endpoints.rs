//! Endpoints: the HTTP targets of a tenant.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::EndpointName;
use http::header::{CACHE_CONTROL, ETAG, LINK, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use store::{DeleteEndpoint, Endpoint, Limited};
use utoipa::IntoParams;

use super::EndpointPath;
use super::made::too_many;
use super::page::Page;
use crate::app::AppState;
use crate::auth::{Ops, Reader};
use crate::body::JsonBody;
use crate::endpoint_secret;
use crate::header::etag;
use crate::header::precondition::Conditions;
use crate::openapi::{BodyProblems, CommonProblems, ListProblems, NameProblems, VersionProblems};
use crate::problem::{Problem, ProblemBody, ProblemType};
use crate::query::Query;
use crate::validate::endpoint;
use crate::wire::{CreatedEndpointBody, EndpointBody, EndpointList, PutEndpoint};

/// It may change at any time, and only its owner may see it: caches must ask.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// The parameters of `list_endpoints`, as the documentation shows them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what is taken from the query")]
pub(crate) struct ListEndpoints {
    /// The most endpoints on the page; 20 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// List endpoints
///
/// By name. `next_cursor`, or the `Link` header, leads to the next page.
#[utoipa::path(
    get, path = "/api/endpoints", tag = "endpoints",
    params(ListEndpoints),
    responses(
        (status = 200, description = "A page of endpoints.", body = EndpointList,
            headers(("Link" = String, description = "The next page, with `rel=\"next\"`."))),
        ListProblems, CommonProblems,
    ),
)]
pub(crate) async fn list_endpoints(
    State(app): State<AppState>,
    Reader(caller): Reader,
    mut query: Query,
) -> Result<Response, Problem> {
    let page: Page<EndpointName> = Page::read(&mut query, "/api/endpoints", &[]);
    query.finish()?;
    let mut endpoints = app
        .store
        .list_endpoints(caller.tenant_id, page.before.as_ref(), page.read_limit())
        .await?;
    let next = page.cut(&mut endpoints, |endpoint| endpoint.name.clone());
    let link = next.as_ref().map(|next| [(LINK, next.link.clone())]);
    let body = EndpointList {
        endpoints: endpoints.into_iter().map(Into::into).collect(),
        next_cursor: next.map(|next| next.cursor),
    };
    Ok((link, Json(body)).into_response())
}

/// Read an endpoint
///
/// With `If-None-Match` an unchanged endpoint is answered by 304.
#[utoipa::path(
    get, path = "/api/endpoints/{name}", tag = "endpoints",
    params(
        ("name" = String, Path, min_length = 1, max_length = 40, pattern = "^[a-z][a-z0-9_-]*$", description = "The endpoint."),
        ("If-None-Match" = Option<String>, Header, pattern = "^[^\\u0000-\\u0008\\u000a-\\u001f\\u007f]*$", description = "The `ETag` of an earlier answer."),
    ),
    responses(
        (status = 200, description = "The endpoint.", body = EndpointBody,
            headers(("ETag" = String, description = "Changes whenever the endpoint does."))),
        (status = 304, description = "The endpoint has not changed."),
        NameProblems, CommonProblems,
    ),
)]
pub(crate) async fn get_endpoint(
    State(app): State<AppState>,
    Reader(caller): Reader,
    EndpointPath(name): EndpointPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let endpoint = app.store.endpoint(caller.tenant_id, &name).await?;
    let endpoint = endpoint.ok_or_else(|| not_found(&name))?;
    let etag = etag::of_version(endpoint.version);
    let unchanged = etag::matches(&headers, &etag);
    let head = [(ETAG, etag), (CACHE_CONTROL, PRIVATE)];
    if unchanged {
        return Ok((StatusCode::NOT_MODIFIED, head).into_response());
    }
    Ok((head, Json(EndpointBody::from(endpoint))).into_response())
}

/// Make or change an endpoint
///
/// Makes it, with its first signing secret, when there is none of this name; else changes it, and leaves its secrets as
/// they are. `If-Match` changes only the version that it names, `If-None-Match: *` only makes. The secret is shown this
/// once: should the answer be lost, rotate it. A tenant may have 1,000 endpoints.
#[utoipa::path(
    put, path = "/api/endpoints/{name}", tag = "endpoints",
    params(
        ("name" = String, Path, min_length = 1, max_length = 40, pattern = "^[a-z][a-z0-9_-]*$",
            description = "The endpoint: a-z, 0-9, `_` and `-`, beginning with a letter."),
        ("If-Match" = Option<String>, Header, pattern = "^(\\*|(W/)?\"[^\",\\u0000-\\u001f\\u007f]*\"( *, *(W/)?\"[^\",\\u0000-\\u001f\\u007f]*\")*)$", description = "The `ETag` of the version to change, or `*`."),
        ("If-None-Match" = Option<String>, Header, pattern = "^(\\*|(W/)?\"[^\",\\u0000-\\u001f\\u007f]*\"( *, *(W/)?\"[^\",\\u0000-\\u001f\\u007f]*\")*)$", description = "`*`: only make."),
    ),
    request_body = PutEndpoint,
    responses(
        (status = 200, description = "Changed.", body = EndpointBody,
            headers(("ETag" = String, description = "Changes whenever the endpoint does."))),
        (status = 201, description = "Made; the secret can't be read again.", body = CreatedEndpointBody, headers(
            ("ETag" = String, description = "Changes whenever the endpoint does."),
            ("Location" = String, description = "The endpoint."))),
        (status = 409, description = "The tenant has 1,000 endpoints.", body = ProblemBody,
            content_type = "application/problem+json"),
        VersionProblems, BodyProblems, CommonProblems,
    ),
)]
pub(crate) async fn put_endpoint(
    State(app): State<AppState>,
    Ops(caller): Ops,
    EndpointPath(name): EndpointPath,
    Conditions(precondition): Conditions,
    body: JsonBody<PutEndpoint>,
) -> Result<Response, Problem> {
    let settings = endpoint(name, &body.value)?;
    let secret = endpoint_secret::new(app.new_id);
    let actor = caller.actor();
    let put = app
        .store
        .put_endpoint(&actor, &settings, &precondition, &secret)
        .await?;
    match put {
        store::PutEndpoint::Created(made) => {
            let location = HeaderValue::try_from(format!("/api/endpoints/{}", made.name))
                .expect("a name is a header value");
            let head = [(ETAG, etag::of_version(made.version)), (LOCATION, location)];
            let body = CreatedEndpointBody {
                endpoint: made.into(),
                secret: secret.into(),
            };
            Ok((StatusCode::CREATED, head, Json(body)).into_response())
        }
        store::PutEndpoint::Replaced(changed) => Ok(told(changed)),
        store::PutEndpoint::TooMany => Err(too_many(Limited::Endpoints)),
        store::PutEndpoint::Unexpected => Err(unexpected(&settings.name)),
    }
}

/// Delete an endpoint
///
/// Its secrets are deleted too. Jobs that are meant for it fail for good when they are started, and can be retried once
/// there is an endpoint of this name again.
#[utoipa::path(
    delete, path = "/api/endpoints/{name}", tag = "endpoints",
    params(
        ("name" = String, Path, min_length = 1, max_length = 40, pattern = "^[a-z][a-z0-9_-]*$", description = "The endpoint."),
        ("If-Match" = Option<String>, Header, pattern = "^(\\*|(W/)?\"[^\",\\u0000-\\u001f\\u007f]*\"( *, *(W/)?\"[^\",\\u0000-\\u001f\\u007f]*\")*)$", description = "The `ETag` of the version to delete, or `*`."),
    ),
    responses(
        (status = 204, description = "Deleted."),
        NameProblems, VersionProblems, CommonProblems,
    ),
)]
pub(crate) async fn delete_endpoint(
    State(app): State<AppState>,
    Ops(caller): Ops,
    EndpointPath(name): EndpointPath,
    Conditions(precondition): Conditions,
) -> Result<StatusCode, Problem> {
    let deleted = app
        .store
        .delete_endpoint(&caller.actor(), &name, &precondition)
        .await?;
    match deleted {
        DeleteEndpoint::Deleted => Ok(StatusCode::NO_CONTENT),
        DeleteEndpoint::NotFound => Err(not_found(&name)),
        DeleteEndpoint::Unexpected => Err(unexpected(&name)),
    }
}

fn told(endpoint: Endpoint) -> Response {
    let head = [(ETAG, etag::of_version(endpoint.version))];
    (head, Json(EndpointBody::from(endpoint))).into_response()
}

pub(super) fn not_found(name: &EndpointName) -> Problem {
    Problem::new(
        ProblemType::EndpointNotFound,
        format!("There is no endpoint {name}."),
    )
}

fn unexpected(name: &EndpointName) -> Problem {
    let detail = format!("The endpoint {name} is not in the state that If-Match or If-None-Match asks for.");
    Problem::new(ProblemType::PreconditionFailed, detail)
}
