//! Submitting jobs.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, IntoResponseParts, Response};
use domain::{JobId, TenantId};
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use runtime::metric;
use store::{Idempotency, Submission, Submitted, SubmittedJob};

use super::jobs::{self, Asked, PREFERENCE_APPLIED};
use super::made::{in_progress, key_reused, replayed};
use crate::app::AppState;
use crate::auth::Writer;
use crate::body::{JsonBody, ReservedMemory};
use crate::header::idempotency_key::{IdempotencyKey, IdempotencyKeyHeader};
use crate::header::prefer;
use crate::kinds::KindBook;
use crate::middleware::RequestContext;
use crate::openapi::{CommonProblems, SubmitProblems};
use crate::problem::{FieldError, Place, Problem, ProblemType};
use crate::quota::{self, Admission, Reserved};
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
        ("Prefer" = Option<String>, Header, pattern = "^[^\\u0000-\\u0008\\u000a-\\u001f\\u007f]*$", example = "wait=20",
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
    let (span, context) = context.submit();
    let jobs = rules(&app, &kinds, &context).job(body.value)?;
    let submission = Submission {
        tenant_id: caller.tenant_id,
        idempotency,
        jobs,
    };
    let accepted = submit(&app, submission, body.memory, Via::Single).await?;
    // Not what the client may wait for.
    span.end();
    let job = accepted.only()?;
    let asked = Asked {
        wait: prefer::wait(&headers),
        waited: &context.waited,
    };
    let (ended, waited) = wait_for_end(&app, caller.tenant_id, job, asked).await;
    let waited = waited.map(|value| [(PREFERENCE_APPLIED, value)]);
    Ok(match ended {
        Some(ended) => (accepted.head(job), waited, Json(ended)).into_response(),
        None => (waited, told(&accepted)?).into_response(),
    })
}

/// The answer to a request that makes one job.
pub(super) fn told(accepted: &Accepted) -> Result<Response, Problem> {
    let job = accepted.only()?;
    let status = if job.existed {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    let body = Json(SubmittedBody::from(job.clone()));
    Ok((status, accepted.head(job), body).into_response())
}

/// The job at its end, if the client would rather wait and it ends in time; also tells which preference was followed.
/// The job is accepted whatever happens here.
async fn wait_for_end(
    app: &AppState,
    tenant_id: TenantId,
    job: &SubmittedJob,
    asked: Asked<'_>,
) -> (Option<JobBody>, Option<HeaderValue>) {
    if asked.wait.is_none() {
        return (None, None);
    }
    match jobs::read(app, tenant_id, job.id, asked).await {
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
    let (span, context) = context.submit();
    let jobs = rules(&app, &kinds, &context).batch(body.value)?;
    span.set("messaging.batch.message_count", jobs.len() as i64);
    let submission = Submission {
        tenant_id: caller.tenant_id,
        idempotency,
        jobs,
    };
    let accepted = submit(&app, submission, body.memory, Via::Batch).await?;
    let replayed = replayed(accepted.replayed);
    let jobs = accepted.jobs.into_iter().map(SubmittedBody::from).collect();
    Ok((StatusCode::ACCEPTED, replayed, Json(SubmittedBatch { jobs })).into_response())
}

/// The route by which jobs come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Via {
    Single,
    Batch,
    Schedule,
}

/// Stores what may be stored. What was accepted before is answered also when no more is taken.
async fn submit(
    app: &AppState,
    submission: Submission,
    memory: ReservedMemory,
    via: Via,
) -> Result<Accepted, Problem> {
    let (tenant_id, jobs) = (submission.tenant_id, submission.jobs.len());
    let reserved = match admit(app, tenant_id, jobs, submission.idempotency.as_ref()).await? {
        Room::Reserved(reserved) => reserved,
        Room::Answered(earlier) => return Accepted::of(earlier, via),
    };
    let submitted = app.submitter.submit(submission, memory).await;
    reserved.used(submitted.as_ref().map_or(0, made));
    Accepted::of(submitted?, via)
}

/// Room for the jobs of a request, or what it was answered before.
pub(super) enum Room {
    Reserved(Reserved),
    Answered(Submitted),
}

/// Reserves room for jobs. Where there is none, a request that was accepted before is answered all the same.
pub(super) async fn admit(
    app: &AppState,
    tenant_id: TenantId,
    jobs: usize,
    idempotency: Option<&Idempotency>,
) -> Result<Room, Problem> {
    let limit = match app.quotas.admit(tenant_id, jobs).await? {
        Admission::Admitted(reserved) => return Ok(Room::Reserved(reserved)),
        Admission::Exceeded(limit) => limit,
    };
    let earlier = match idempotency {
        Some(wish) => app.store.replay(tenant_id, wish).await?,
        None => None,
    };
    earlier.map(Room::Answered).ok_or_else(|| quota::exceeded(limit))
}

/// How many jobs an answer has made.
pub(super) fn made(submitted: &Submitted) -> usize {
    match submitted {
        Submitted::Accepted(jobs) => jobs.iter().filter(|job| !job.existed).count(),
        Submitted::Replayed(_)
        | Submitted::KeyReused
        | Submitted::InProgress
        | Submitted::UniqueConflict { .. } => 0,
    }
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
pub(super) struct Accepted {
    jobs: Vec<SubmittedJob>,
    replayed: bool,
}

impl Accepted {
    pub(super) fn of(submitted: Submitted, via: Via) -> Result<Self, Problem> {
        let new = made(&submitted);
        match submitted {
            Submitted::Accepted(jobs) => {
                let label = match via {
                    Via::Single => "single",
                    Via::Batch => "batch",
                    Via::Schedule => "schedule",
                };
                metric::JOBS_SUBMITTED.with([label.into()]).increment(new as u64);
                Ok(Self {
                    jobs,
                    replayed: false,
                })
            }
            Submitted::Replayed(jobs) => Ok(Self { jobs, replayed: true }),
            Submitted::KeyReused => Err(key_reused()),
            Submitted::UniqueConflict { index, holder } => Err(unique_conflict(index, holder, via)),
            Submitted::InProgress => Err(in_progress()),
        }
    }

    /// The job of a request that makes one. Keys are forgotten sooner than jobs, so one that is gone is not seen unless
    /// somebody changed retention.
    fn only(&self) -> Result<&SubmittedJob, Problem> {
        self.jobs.first().ok_or_else(|| {
            Problem::new(
                ProblemType::JobNotFound,
                "The job of this Idempotency-Key is not kept any more.",
            )
        })
    }

    /// The job that this request has made, if it has.
    pub(super) fn new_job(&self) -> Option<&SubmittedJob> {
        let job = self.jobs.first()?;
        (!self.replayed && !job.existed).then_some(job)
    }

    /// Where the job is, and whether it was there before.
    fn head(&self, job: &SubmittedJob) -> impl IntoResponseParts + use<> {
        let location =
            HeaderValue::try_from(format!("/api/jobs/{}", job.id)).expect("an id is a header value");
        let existed = job.existed.then_some([("job-existed", "true")]);
        ([(LOCATION, location)], replayed(self.replayed), existed)
    }
}

fn unique_conflict(index: usize, holder: JobId, via: Via) -> Problem {
    let detail = format!("The job {holder} holds this key, and it has started or must not be replaced.");
    let problem = Problem::unique_conflict(holder, detail);
    let pointer = match via {
        Via::Single => "/unique".to_owned(),
        Via::Batch => format!("/jobs/{index}/unique"),
        // The request says nothing about the job.
        Via::Schedule => return problem,
    };
    problem.at(FieldError::new(
        Place::Pointer(pointer),
        "conflict",
        "another job holds this key",
    ))
}
