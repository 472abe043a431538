//! Submitting jobs.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::TenantId;
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use runtime::metric;
use store::{Submission, Submitted, SubmittedJob};

use super::jobs::{self, PREFERENCE_APPLIED};
use crate::app::AppState;
use crate::auth::Writer;
use crate::body::JsonBody;
use crate::header::idempotency_key::{IdempotencyKey, IdempotencyKeyHeader};
use crate::header::prefer;
use crate::middleware::RequestContext;
use crate::openapi::{CommonProblems, SubmitProblems};
use crate::problem::{Problem, ProblemType};
use crate::validate::Rules;
use crate::wire::{JobBody, SubmitBatch, SubmitJob, SubmittedBatch, SubmittedBody};

/// Submit a job
///
/// The job is stored when the answer comes, and reaches exactly one terminal state from then on. With an
/// `Idempotency-Key` the request may be repeated for 24 hours: the same body gives the same job. With `Prefer: wait=20`
/// the answer comes as soon as the job has ended, or after 20 seconds as if it had not waited.
#[utoipa::path(
    post, path = "/api/jobs", tag = "jobs",
    params(
        IdempotencyKeyHeader,
        ("Prefer" = Option<String>, Header, example = "wait=20",
            description = "Waits for the job's end, for 1 to 60 seconds."),
    ),
    request_body = SubmitJob,
    responses(
        (status = 200, description = "Accepted, and ended while the client waited.", body = JobBody, headers(
            ("Location" = String, description = "The job."),
            ("Preference-Applied" = String, description = "The preference that was followed."),
            ("Idempotency-Replayed" = bool, description = "`true` when an earlier request made the job."))),
        (status = 202, description = "Accepted.", body = SubmittedBody, headers(
            ("Location" = String, description = "The job."),
            ("Preference-Applied" = String, description = "The preference that was followed."),
            ("Idempotency-Replayed" = bool, description = "`true` when an earlier request made the job."))),
        SubmitProblems, CommonProblems,
    ),
)]
pub(crate) async fn submit_job(
    State(app): State<AppState>,
    Writer(caller): Writer,
    (context, headers): (RequestContext, HeaderMap),
    key: IdempotencyKey,
    body: JsonBody<SubmitJob>,
) -> Result<Response, Problem> {
    let idempotency = key.bind(&body.bytes)?;
    let jobs = rules(&app, &context).job(body.value)?;
    let submission = Submission {
        tenant_id: caller.tenant_id,
        idempotency,
        jobs,
    };
    let accepted = Accepted::of(app.submitter.submit(submission, body.memory).await?, "single")?;
    let [job] = &accepted.jobs[..] else {
        return Err(not_kept());
    };
    let location = HeaderValue::try_from(format!("/api/jobs/{}", job.id)).expect("an id is a header value");
    let head = ([(LOCATION, location)], accepted.told());
    let (ended, waited) = wait_for_end(&app, caller.tenant_id, job, &headers).await;
    let waited = waited.map(|value| [(PREFERENCE_APPLIED, value)]);
    Ok(match ended {
        Some(job) => (head.0, head.1, waited, Json(job)).into_response(),
        None => {
            let body = Json(SubmittedBody::from(job.clone()));
            (StatusCode::ACCEPTED, head.0, head.1, waited, body).into_response()
        }
    })
}

/// The job at its end, if the client would rather wait and it ends in time; also tells which preference was followed.
/// The job is accepted whatever happens here.
async fn wait_for_end(
    app: &AppState,
    tenant_id: TenantId,
    job: &SubmittedJob,
    headers: &HeaderMap,
) -> (Option<JobBody>, Option<HeaderValue>) {
    if prefer::wait(headers).is_none() {
        return (None, None);
    }
    match jobs::read(app, tenant_id, job.id, headers).await {
        Ok((job, waited)) => (job.state.is_terminal().then(|| job.into()), waited),
        Err(_unreadable) => (None, None),
    }
}

/// Submit many jobs
///
/// All jobs are accepted, or none. Otherwise as submitting one.
#[utoipa::path(
    post, path = "/api/jobs/batch", tag = "jobs",
    params(IdempotencyKeyHeader),
    request_body = SubmitBatch,
    responses(
        (status = 202, description = "Accepted, in the order of the request.", body = SubmittedBatch, headers(
            ("Idempotency-Replayed" = bool, description = "`true` when an earlier request made the jobs."))),
        SubmitProblems, CommonProblems,
    ),
)]
pub(crate) async fn submit_batch(
    State(app): State<AppState>,
    Writer(caller): Writer,
    context: RequestContext,
    key: IdempotencyKey,
    body: JsonBody<SubmitBatch>,
) -> Result<Response, Problem> {
    let idempotency = key.bind(&body.bytes)?;
    let jobs = rules(&app, &context).batch(body.value)?;
    let submission = Submission {
        tenant_id: caller.tenant_id,
        idempotency,
        jobs,
    };
    let accepted = Accepted::of(app.submitter.submit(submission, body.memory).await?, "batch")?;
    let replayed = accepted.told();
    let jobs = accepted.jobs.into_iter().map(SubmittedBody::from).collect();
    Ok((StatusCode::ACCEPTED, replayed, Json(SubmittedBatch { jobs })).into_response())
}

/// The rules that the jobs of a request must obey.
pub(super) fn rules<'a>(app: &'a AppState, context: &'a RequestContext) -> Rules<'a> {
    Rules {
        lanes: &app.lanes,
        context,
        now: (app.now)(),
        new_id: app.new_id,
    }
}

/// Jobs that are stored, by this request or by an earlier one with the same key.
struct Accepted {
    jobs: Vec<SubmittedJob>,
    replayed: bool,
}

impl Accepted {
    fn of(submitted: Submitted, via: &'static str) -> Result<Self, Problem> {
        match submitted {
            Submitted::Accepted(jobs) => {
                metric::JOBS_SUBMITTED
                    .with([via.into()])
                    .increment(jobs.len() as u64);
                Ok(Self {
                    jobs,
                    replayed: false,
                })
            }
            Submitted::Replayed(jobs) => Ok(Self { jobs, replayed: true }),
            Submitted::KeyReused => Err(Problem::new(
                ProblemType::IdempotencyKeyReused,
                "This Idempotency-Key was used for another body, within the last 24 hours.",
            )),
            Submitted::InProgress => Err(Problem::new(
                ProblemType::IdempotencyInProgress,
                "The first request with this Idempotency-Key has not ended yet.",
            )),
        }
    }

    /// The header that tells a replay.
    fn told(&self) -> Option<[(&'static str, &'static str); 1]> {
        self.replayed.then_some([("idempotency-replayed", "true")])
    }
}

/// Keys are forgotten sooner than jobs, so this is not seen unless somebody changed retention.
fn not_kept() -> Problem {
    Problem::new(
        ProblemType::JobNotFound,
        "The job of this Idempotency-Key is not kept any more.",
    )
}
