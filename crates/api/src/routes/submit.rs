//! Submitting jobs.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::{JobId, TenantId};
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use runtime::metric;
use store::{Submission, Submitted, SubmittedJob};

use super::jobs::{self, PREFERENCE_APPLIED};
use crate::app::AppState;
use crate::auth::Writer;
use crate::body::{JsonBody, ReservedMemory};
use crate::header::idempotency_key::{IdempotencyKey, IdempotencyKeyHeader};
use crate::header::prefer;
use crate::kinds::KindBook;
use crate::middleware::RequestContext;
use crate::openapi::{CommonProblems, SubmitProblems};
use crate::problem::{FieldError, Place, Problem, ProblemType};
use crate::quota::{self, Admission};
use crate::validate::Rules;
use crate::wire::{AnsweredJob, JobBody, SubmitBatch, SubmitJob, SubmittedBatch, SubmittedBody};

/// Submit a job
///
/// The job is stored when the answer comes, and reaches exactly one terminal state from then on. With an
/// `Idempotency-Key` the request may be repeated for 24 hours: the same body gives the same job. With `Prefer: wait=20`
/// the answer comes as soon as the job has ended, or after 20 seconds as if it had not waited.
#[utoipa::path(
    post, path = "/api/jobs", tag = "jobs",
    params(
        IdempotencyKeyHeader,
        ("Prefer" = Option<String>, Header, pattern = "^[^\\u0000-\\u001f\\u007f]*$", example = "wait=20",
            description = "Waits for the job's end, for 1 to 60 seconds."),
    ),
    request_body = SubmitJob,
    responses(
        (status = 200, description = "Accepted, and ended while the client waited; or an earlier submit's job, which \
            holds the `unique` key.", body = AnsweredJob, headers(
            ("Location" = String, description = "The job."),
            ("Job-Existed" = bool, description = "`true` when it is an earlier submit's job."),
            ("Preference-Applied" = String, description = "The preference that was followed."),
            ("Idempotency-Replayed" = bool, description = "`true` when an earlier request was answered the same."))),
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
    let kinds = app.kinds.book().await;
    let jobs = rules(&app, &kinds, &context).job(body.value)?;
    let submission = Submission {
        tenant_id: caller.tenant_id,
        idempotency,
        jobs,
    };
    let accepted = submit(&app, submission, body.memory, Via::Single).await?;
    let [job] = &accepted.jobs[..] else {
        return Err(not_kept());
    };
    let status = if job.existed {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    let location = HeaderValue::try_from(format!("/api/jobs/{}", job.id)).expect("an id is a header value");
    let existed = job.existed.then_some([("job-existed", "true")]);
    let head = ([(LOCATION, location)], accepted.told(), existed);
    let (ended, waited) = wait_for_end(&app, caller.tenant_id, job, &headers).await;
    let waited = waited.map(|value| [(PREFERENCE_APPLIED, value)]);
    Ok(match ended {
        Some(job) => (head.0, head.1, head.2, waited, Json(job)).into_response(),
        None => (
            status,
            head.0,
            head.1,
            head.2,
            waited,
            Json(SubmittedBody::from(job.clone())),
        )
            .into_response(),
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
        Ok((job, waited)) => (job.state.is_terminal().then(|| JobBody::in_full(job)), waited),
        Err(_unreadable) => (None, None),
    }
}

/// Submit many jobs
///
/// All jobs are accepted, or none. Otherwise as submitting one; of two jobs with one `unique` key the second finds the
/// first in its way.
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
    let kinds = app.kinds.book().await;
    let jobs = rules(&app, &kinds, &context).batch(body.value)?;
    let submission = Submission {
        tenant_id: caller.tenant_id,
        idempotency,
        jobs,
    };
    let accepted = submit(&app, submission, body.memory, Via::Batch).await?;
    let replayed = accepted.told();
    let jobs = accepted.jobs.into_iter().map(SubmittedBody::from).collect();
    Ok((StatusCode::ACCEPTED, replayed, Json(SubmittedBatch { jobs })).into_response())
}

/// The route by which jobs come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Via {
    Single,
    Batch,
}

/// Stores what may be stored. What was accepted before is answered also when no more is taken.
async fn submit(
    app: &AppState,
    submission: Submission,
    memory: ReservedMemory,
    via: Via,
) -> Result<Accepted, Problem> {
    let reserved = match app
        .quotas
        .admit(submission.tenant_id, submission.jobs.len())
        .await?
    {
        Admission::Admitted(reserved) => reserved,
        Admission::Exceeded(limit) => {
            let earlier = match &submission.idempotency {
                Some(wish) => app.store.replay(submission.tenant_id, wish).await?,
                None => None,
            };
            let earlier = earlier.ok_or_else(|| quota::exceeded(limit))?;
            return Accepted::of(earlier, via);
        }
    };
    let submitted = app.submitter.submit(submission, memory).await;
    let new = match &submitted {
        Ok(Submitted::Accepted(jobs)) => jobs.iter().filter(|job| !job.existed).count(),
        _ => 0,
    };
    reserved.used(new);
    Accepted::of(submitted?, via)
}

/// The rules that the jobs of a request must obey.
pub(super) fn rules<'a>(app: &'a AppState, kinds: &'a KindBook, context: &'a RequestContext) -> Rules<'a> {
    Rules {
        kinds,
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
    fn of(submitted: Submitted, via: Via) -> Result<Self, Problem> {
        match submitted {
            Submitted::Accepted(jobs) => {
                let new = jobs.iter().filter(|job| !job.existed).count();
                let label = match via {
                    Via::Single => "single",
                    Via::Batch => "batch",
                };
                metric::JOBS_SUBMITTED.with([label.into()]).increment(new as u64);
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
            Submitted::UniqueConflict { index, holder } => Err(unique_conflict(index, holder, via)),
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

fn unique_conflict(index: usize, holder: JobId, via: Via) -> Problem {
    let pointer = match via {
        Via::Single => "/unique".to_owned(),
        Via::Batch => format!("/jobs/{index}/unique"),
    };
    let detail = format!("The job {holder} holds this key, and it has started or must not be replaced.");
    Problem::unique_conflict(holder, detail).at(FieldError::new(
        Place::Pointer(pointer),
        "conflict",
        "another job holds this key",
    ))
}

/// Keys are forgotten sooner than jobs, so this is not seen unless somebody changed retention.
fn not_kept() -> Problem {
    Problem::new(
        ProblemType::JobNotFound,
        "The job of this Idempotency-Key is not kept any more.",
    )
}
