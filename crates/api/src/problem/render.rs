//! The last step of an error's way: its body.

use std::sync::Arc;

use axum::Json;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::{FieldError, Problem, ProblemType};
use crate::middleware::RequestContext;

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// What an operator should know about a failure: left on the response for the request's log line.
#[derive(Clone, Debug)]
pub(crate) struct Cause(pub(crate) Arc<str>);

/// An error, as RFC 9457 (Problem Details for HTTP APIs) has it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// Names the type of problem; stable. Its address describes it.
    #[serde(rename = "type")]
    #[schema(example = "/problems/invalid_body")]
    uri: String,
    /// The type of problem in a few words.
    title: &'static str,
    /// The status of the answer.
    #[schema(example = 422)]
    status: u16,
    /// What is wrong this time.
    detail: String,
    /// The path that was asked for.
    instance: String,
    /// The last part of `type`, for programs.
    #[schema(example = "invalid_body")]
    code: &'static str,
    /// Names this request, in the logs too.
    request_id: String,
    /// Each value that is not valid.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// The job that stands in the way, for `unique_conflict`.
    #[serde(skip_serializing_if = "Option::is_none")]
    job_id: Option<uuid::Uuid>,
    /// The route of what there is already, for `secret_shown_once`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "/api/keys/0123456789abcdef")]
    resource: Option<String>,
}

/// Writes the bodies of errors.
pub(crate) async fn render(context: RequestContext, request: Request, next: Next) -> Response {
    let instance = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if is_error_without_body(&response) => Problem::of_status(response.status()),
        None => return response,
    };
    let problem = *problem.0;
    if let Some(cause) = problem.cause {
        response.extensions_mut().insert(Cause(cause));
    }
    let body = Json(ProblemBody {
        uri: problem.kind.uri(),
        title: problem.kind.title(),
        status: problem.kind.status().as_u16(),
        detail: problem.detail,
        instance,
        code: problem.kind.code(),
        request_id: context.request_id.to_string(),
        errors: problem.errors,
        job_id: problem.job_id.map(|id| id.0),
        resource: problem.resource,
    });
    // The head stays: it has Allow, Retry-After, RateLimit and the like.
    *response.status_mut() = problem.kind.status();
    *response.body_mut() = body.into_response().into_body();
    response.headers_mut().remove(CONTENT_LENGTH);
    response.headers_mut().insert(CONTENT_TYPE, PROBLEM_JSON);
    response
}

/// What the router and foreign services answer is not for programs. Readiness tells its failures in JSON.
fn is_error_without_body(response: &Response) -> bool {
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    is_error
        && response
            .headers()
            .get(CONTENT_TYPE)
            .is_none_or(|kind| kind != "application/json")
}

impl Problem {
    fn of_status(status: StatusCode) -> Self {
        let detail = match status {
            StatusCode::NOT_FOUND => "There is no such route; /docs lists all of them.",
            StatusCode::METHOD_NOT_ALLOWED => "The Allow header lists the methods that this route has.",
            other => other.canonical_reason().unwrap_or("The request failed."),
        };
        Self::new(ProblemType::of_status(status), detail)
    }
}
