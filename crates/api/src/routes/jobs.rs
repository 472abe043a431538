//! Reading jobs.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::{JobId, TenantId};
use http::header::{CACHE_CONTROL, ETAG, LINK};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use store::Job;
use tokio::time::{Instant, sleep, sleep_until};

use super::JobPath;
use super::page::{ListJobs, Page};
use crate::app::AppState;
use crate::auth::Reader;
use crate::header::{etag, prefer};
use crate::openapi::{CommonProblems, JobProblems, ListProblems};
use crate::problem::Problem;
use crate::query::Query;
use crate::wire::{JobBody, JobList};

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// A job changes at any time, and only its owner may see it: caches must ask.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// List jobs
///
/// Newest first, without payload and result. `next_cursor`, or the `Link` header, leads to the next page;
/// jobs that are submitted meanwhile are on none of the pages.
#[utoipa::path(
    get, path = "/api/jobs", tag = "jobs",
    params(ListJobs),
    responses(
        (status = 200, description = "A page of jobs.", body = JobList,
            headers(("Link" = String, description = "The next page, with `rel=\"next\"`."))),
        ListProblems, CommonProblems,
    ),
)]
pub(crate) async fn list_jobs(
    State(app): State<AppState>,
    Reader(caller): Reader,
    query: Query,
) -> Result<Response, Problem> {
    let page = Page::read(query)?;
    // One more than was asked for tells whether there is a next page.
    let mut jobs = app
        .store
        .list_jobs(caller.tenant_id, &page.filter, page.limit + 1)
        .await?;
    let next = page.cut(&mut jobs);
    let link = next.as_ref().map(|next| [(LINK, next.link.clone())]);
    let jobs = jobs.into_iter().map(Into::into).collect();
    Ok((
        link,
        Json(JobList {
            jobs,
            next_cursor: next.map(|next| next.cursor),
        }),
    )
        .into_response())
}

/// Read a job
///
/// With `Prefer: wait=20` the answer comes as soon as the job has ended, or after 20 seconds with the job as
/// it stands then. With `If-None-Match` an unchanged job is answered by 304.
#[utoipa::path(
    get, path = "/api/jobs/{id}", tag = "jobs",
    params(
        ("id" = uuid::Uuid, Path, description = "The job."),
        ("Prefer" = Option<String>, Header, example = "wait=20",
            description = "Waits for the job's end, for 1 to 60 seconds."),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer."),
    ),
    responses(
        (status = 200, description = "The job.", body = JobBody, headers(
            ("ETag" = String, description = "Changes whenever the job does."),
            ("Preference-Applied" = String, description = "The preference that was followed."))),
        (status = 304, description = "The job has not changed."),
        JobProblems, CommonProblems,
    ),
)]
pub(crate) async fn get_job(
    State(app): State<AppState>,
    Reader(caller): Reader,
    JobPath(id): JobPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (job, waited) = read(&app, caller.tenant_id, id, &headers).await?;
    let etag = etag::of_job(&job);
    let unchanged = etag::matches(&headers, &etag);
    let head = (
        [(ETAG, etag), (CACHE_CONTROL, PRIVATE)],
        waited.map(|value| [(PREFERENCE_APPLIED, value)]),
    );
    if unchanged {
        return Ok((StatusCode::NOT_MODIFIED, head.0, head.1, ()).into_response());
    }
    Ok((head.0, head.1, Json(JobBody::from(job))).into_response())
}

/// Reads the job, at its end if the client would rather wait and there is a place for it to.
async fn read(
    app: &AppState,
    tenant_id: TenantId,
    id: JobId,
    headers: &HeaderMap,
) -> Result<(Job, Option<HeaderValue>), Problem> {
    let wait = prefer::wait(headers);
    let mut watch = wait.and_then(|_| app.watch.watch(id));
    let deadline = Instant::now() + wait.unwrap_or_default();
    loop {
        // Even if the end was just announced: the truth is in the database.
        let job = app
            .store
            .job(tenant_id, id)
            .await?
            .ok_or_else(|| Problem::no_such_job(id))?;
        let Some(watching) = &mut watch else {
            return Ok((job, None));
        };
        let over = job.state.is_terminal() || Instant::now() >= deadline || watching.is_over();
        if over {
            return Ok((job, wait.map(prefer::applied)));
        }
        tokio::select! {
            () = watching.ended() => {}
            () = sleep(app.limits.wait_sweep_interval) => {}
            () = sleep_until(deadline) => {}
        }
    }
}
