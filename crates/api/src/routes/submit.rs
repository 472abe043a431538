//! Submitting jobs.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::NewJob;
use http::header::LOCATION;
use http::{HeaderName, HeaderValue, StatusCode};
use runtime::metric;
use store::{Submission, Submitted, SubmittedJob};

use crate::app::AppState;
use crate::auth::{Caller, Writer};
use crate::body::JsonBody;
use crate::header::idempotency_key::IdempotencyKey;
use crate::middleware::RequestContext;
use crate::openapi::CommonProblems;
use crate::problem::{Problem, ProblemBody, ProblemType};
use crate::validate::Rules;
use crate::wire::{SubmitBatch, SubmitJob, SubmittedBatch, SubmittedBody};

const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Submit a job
///
/// The job is stored when the answer comes, and reaches exactly one terminal state from then on. With an
/// `Idempotency-Key` the submit may be repeated for 24 hours: the same body gives the same job.
#[utoipa::path(
    post, path = "/api/jobs", tag = "jobs",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes repeating the request harmless.",
            min_length = 1, max_length = 255)),
    request_body = SubmitJob,
    responses(
        (status = 202, description = "Accepted.", body = SubmittedBody, headers(
            ("Location" = String, description = "The job."),
            ("Idempotency-Replayed" = bool, description = "`true` when an earlier request made the job."))),
        (status = 400, description = "Not JSON, or a bad header.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A request with this key is in progress.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body has more than 262,144 bytes.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is not declared as JSON.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The body is not valid, or the key belongs to another one.", body = ProblemBody, content_type = "application/problem+json"),
        CommonProblems,
    ),
)]
pub(crate) async fn submit_job(
    State(app): State<AppState>,
    Writer(caller): Writer,
    context: RequestContext,
    key: IdempotencyKey,
    body: JsonBody<SubmitJob>,
) -> Result<Response, Problem> {
    let idempotency = key.bind(&body.bytes)?;
    let jobs = rules(&app, &context).job(body.value)?;
    let submission = Submission { tenant_id: caller.tenant_id, idempotency, jobs };
    let accepted = accept(app.submitter.submit(submission, body.memory).await?, "single")?;
    let Some(job) = accepted.jobs.into_iter().next() else {
        return Err(Problem::new(ProblemType::JobNotFound, "The job of this key is not kept any more."));
    };
    let location = HeaderValue::try_from(format!("/api/jobs/{}", job.id)).expect("an id is a header value");
    let mut response = (StatusCode::ACCEPTED, Json(SubmittedBody::from(job))).into_response();
    response.headers_mut().insert(LOCATION, location);
    Ok(accepted.replayed.mark(response))
}
