//! Reading jobs.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use domain::{JobId, Kind, QueueName, Scope, Tag, TenantId};
use http::header::{CACHE_CONTROL, ETAG, LINK};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use store::{Job, JobFilter};
use tokio::time::{Instant, sleep, sleep_until};
use utoipa::IntoParams;

use super::JobPath;
use super::page::Page;
use crate::app::AppState;
use crate::auth::Reader;
use crate::header::{etag, prefer};
use crate::middleware::{RequestContext, Wait, Waited};
use crate::openapi::{CommonProblems, JobProblems, ListProblems};
use crate::problem::Problem;
use crate::query::Query;
use crate::values;
use crate::wire::{self, JobBody, JobList, text};

/// Tells which preference was followed.
pub(super) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// A job changes at any time, and only its owner may see it: caches must ask.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// The parameters of `list_jobs`, as the documentation shows them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what is taken from the query")]
pub(crate) struct ListJobs {
    /// In this state.
    state: Option<wire::State>,
    /// Of this kind.
    kind: Option<text::KindName>,
    /// In this lane.
    queue: Option<text::QueueName>,
    /// With this label.
    tag: Option<text::Tag>,
    /// Accepted at or after this.
    created_after: Option<DateTime<Utc>>,
    /// Accepted before this.
    created_before: Option<DateTime<Utc>>,
    /// The most jobs on the page; 20 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// `next_cursor` of the page before, which must have had the same filters.
    cursor: Option<String>,
}

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
    mut query: Query,
) -> Result<Response, Problem> {
    let mut filter = filter(&mut query);
    let page = Page::read(&mut query, "/api/jobs", &pairs(&filter));
    query.finish()?;
    filter.before = page.before;
    let mut jobs = app
        .store
        .list_jobs(caller.tenant_id, &filter, page.read_limit())
        .await?;
    let next = page.cut(&mut jobs, |job| job.id);
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

fn filter(query: &mut Query) -> JobFilter {
    JobFilter {
        state: query.take("state", values::state),
        kind: query.take("kind", values::name::<Kind>),
        queue: query.take("queue", values::name::<QueueName>),
        tag: query.take("tag", values::name::<Tag>),
        created_after: query.take("created_after", values::time),
        created_before: query.take("created_before", values::time),
        before: None,
    }
}

fn pairs(filter: &JobFilter) -> [(&'static str, Option<String>); 6] {
    [
        ("state", filter.state.map(|state| state.to_string())),
        ("kind", filter.kind.clone()),
        ("queue", filter.queue.clone()),
        ("tag", filter.tag.clone()),
        ("created_after", filter.created_after.map(values::time_text)),
        ("created_before", filter.created_before.map(values::time_text)),
    ]
}

/// Read a job
///
/// With `Prefer: wait=20` the answer comes as soon as the job has ended, or after 20 seconds with the job as
/// it stands then. With `If-None-Match` an unchanged job is answered by 304. A key without the scope `jobs:write` reads
/// `***` in place of personal data: in the payload what `sensitive` points to, and these values in the result.
#[utoipa::path(
    get, path = "/api/jobs/{id}", tag = "jobs",
    params(
        ("id" = uuid::Uuid, Path, description = "The job."),
        ("Prefer" = Option<String>, Header, pattern = "^[^\\u0000-\\u0008\\u000a-\\u001f\\u007f]*$", example = "wait=20",
            description = "Waits for the job's end, for 1 to 60 seconds."),
        ("If-None-Match" = Option<String>, Header, pattern = "^[^\\u0000-\\u0008\\u000a-\\u001f\\u007f]*$", description = "The `ETag` of an earlier answer."),
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
    (context, headers): (RequestContext, HeaderMap),
) -> Result<Response, Problem> {
    let asked = Asked {
        wait: prefer::wait(&headers),
        waited: &context.waited,
    };
    let (job, waited) = read(&app, caller.tenant_id, id, asked).await?;
    let in_full = caller.key.scopes.contains(Scope::JobsWrite);
    let etag = etag::of_job(&job, in_full);
    let unchanged = etag::matches(&headers, &etag);
    let head = (
        [(ETAG, etag), (CACHE_CONTROL, PRIVATE)],
        waited.map(|value| [(PREFERENCE_APPLIED, value)]),
    );
    if unchanged {
        return Ok((StatusCode::NOT_MODIFIED, head.0, head.1, ()).into_response());
    }
    let body = if in_full {
        JobBody::in_full(job)
    } else {
        let kinds = app.kinds.book().await;
        let of_kind = kinds.sensitive(&job.kind);
        JobBody::masked(job, of_kind)
    };
    Ok((head.0, head.1, Json(body)).into_response())
}

/// Whether a client would rather wait, and how long it has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) wait: Option<Duration>,
    pub(super) waited: &'a Waited,
}

/// Reads the job, at its end if the client would rather wait and there is a place for it to; also tells which
/// preference was followed.
pub(super) async fn read(
    app: &AppState,
    tenant_id: TenantId,
    id: JobId,
    Asked { wait, waited }: Asked<'_>,
) -> Result<(Job, Option<HeaderValue>), Problem> {
    let mut watch = wait.and_then(|_| app.watch.watch(id));
    let deadline = Instant::now() + wait.unwrap_or_default();
    let mut waiting: Option<Wait<'_>> = None;
    loop {
        if let Some(waiting) = &mut waiting {
            waiting.looks();
        }
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
        waiting.get_or_insert_with(|| waited.begin()).goes_on();
        tokio::select! {
            () = watching.ended() => {}
            () = sleep(app.limits.wait_sweep_interval) => {}
            () = sleep_until(deadline) => {}
        }
    }
}
