//! The schedules of a tenant.

mod control;
mod preview;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::{ScheduleName, Scope};
use http::header::{ETAG, LINK, LOCATION};
use http::{HeaderValue, StatusCode};
use store::{DeletedSchedule, Limited, Schedule};

use super::SchedulePath;
use super::made::too_many;
use super::page::{Page, PageParameters};
use super::submit::rules;
use crate::app::AppState;
use crate::auth::{Reader, Writer};
use crate::body::JsonBody;
use crate::header::etag;
use crate::header::precondition::Conditions;
use crate::middleware::RequestContext;
use crate::openapi::{BodyProblems, CommonProblems, ListProblems, NameProblems};
use crate::problem::{Problem, ProblemBody, ProblemType};
use crate::query::Query;
use crate::wire::{PutSchedule, ScheduleBody, ScheduleList};

pub(crate) use control::*;
pub(crate) use preview::*;

/// List schedules
///
/// Newest first. `next_cursor`, or the `Link` header, leads to the next page; schedules that are made meanwhile are on
/// none of the pages.
#[utoipa::path(
    get, path = "/api/schedules", tag = "schedules",
    params(PageParameters),
    responses(
        (status = 200, description = "A page of schedules.", body = ScheduleList,
            headers(("Link" = String, description = "The next page, with `rel=\"next\"`."))),
        ListProblems, CommonProblems,
    ),
)]
pub(crate) async fn list_schedules(
    State(app): State<AppState>,
    Reader(caller): Reader,
    mut query: Query,
) -> Result<Response, Problem> {
    let page = Page::read(&mut query, "/api/schedules", &[]);
    query.finish()?;
    let mut schedules = app
        .store
        .list_schedules(caller.tenant_id, page.before, page.read_limit())
        .await?;
    let next = page.cut(&mut schedules, |schedule| schedule.id);
    let link = next.as_ref().map(|next| [(LINK, next.link.clone())]);
    let body = ScheduleList {
        schedules: schedules.into_iter().map(Into::into).collect(),
        next_cursor: next.map(|next| next.cursor),
    };
    Ok((link, Json(body)).into_response())
}

/// Read a schedule
///
/// A key without the scope `jobs:write` reads `***` in place of personal data, which is what `sensitive` points to in the
/// payload.
#[utoipa::path(
    get, path = "/api/schedules/{name}", tag = "schedules",
    params(("name" = String, Path, min_length = 1, max_length = 100, pattern = "^[a-z][a-z0-9._-]*$", description = "The schedule.")),
    responses(
        (status = 200, description = "The schedule.", body = ScheduleBody,
            headers(("ETag" = String, description = "Changes whenever somebody changes the schedule."))),
        NameProblems, CommonProblems,
    ),
)]
pub(crate) async fn get_schedule(
    State(app): State<AppState>,
    Reader(caller): Reader,
    SchedulePath(name): SchedulePath,
) -> Result<Response, Problem> {
    let schedule = app.store.schedule(caller.tenant_id, &name).await?;
    let schedule = schedule.ok_or_else(|| no_such_schedule(&name))?;
    if caller.key.scopes.contains(Scope::JobsWrite) {
        return Ok(answer(schedule));
    }
    let etag = etag::of_version(schedule.version);
    let kinds = app.kinds.book().await;
    let of_kind = kinds.sensitive(&schedule.kind);
    let body = ScheduleBody::masked(schedule, of_kind);
    Ok(([(ETAG, etag)], Json(body)).into_response())
}

/// Make or replace a schedule
///
/// What the body leaves out has its default, also where a schedule is replaced. One that is paused stays so. With
/// `If-None-Match: *` nothing is replaced; with `If-Match` only the version that it names is. Its next fire time stays as
/// it is unless `cron` or `time_zone` change. Its job is checked like a submit, now and not again when it is made.
#[utoipa::path(
    put, path = "/api/schedules/{name}", tag = "schedules",
    params(
        ("name" = String, Path, min_length = 1, max_length = 100, pattern = "^[a-z][a-z0-9._-]*$", description = "The schedule: a-z, 0-9, `.`, `_` and `-`, beginning \
            with a letter; not `preview`."),
        ("If-Match" = Option<String>, Header, pattern = "^(\\*|(W/)?\"[^\",\\u0000-\\u001f\\u007f]*\"( *, *(W/)?\"[^\",\\u0000-\\u001f\\u007f]*\")*)$", description = "The `ETag` of the version to be replaced."),
        ("If-None-Match" = Option<String>, Header, pattern = "^(\\*|(W/)?\"[^\",\\u0000-\\u001f\\u007f]*\"( *, *(W/)?\"[^\",\\u0000-\\u001f\\u007f]*\")*)$", example = "*", description = "`*`: only make it."),
    ),
    request_body = PutSchedule,
    responses(
        (status = 200, description = "Replaced.", body = ScheduleBody,
            headers(("ETag" = String, description = "Changes whenever somebody changes the schedule."))),
        (status = 201, description = "Made.", body = ScheduleBody, headers(
            ("ETag" = String, description = "Changes whenever somebody changes the schedule."),
            ("Location" = String, description = "The schedule."))),
        (status = 409, description = "The tenant has 1,000 schedules.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 412, description = "The schedule is not what `If-Match` or `If-None-Match` say.", body = ProblemBody,
            content_type = "application/problem+json"),
        BodyProblems, CommonProblems,
    ),
)]
pub(crate) async fn put_schedule(
    State(app): State<AppState>,
    Writer(caller): Writer,
    context: RequestContext,
    (SchedulePath(name), Conditions(precondition)): (SchedulePath, Conditions),
    body: JsonBody<PutSchedule>,
) -> Result<Response, Problem> {
    let kinds = app.kinds.book().await;
    let change = rules(&app, &kinds, &context).schedule(name, body.value)?;
    let put = app
        .store
        .put_schedule(&caller.actor(), &change, &precondition)
        .await?;
    match put {
        store::PutSchedule::Created(schedule) => {
            let location = HeaderValue::try_from(format!("/api/schedules/{}", schedule.name))
                .expect("a name is a header value");
            Ok((StatusCode::CREATED, [(LOCATION, location)], answer(*schedule)).into_response())
        }
        store::PutSchedule::Replaced(schedule) => Ok(answer(*schedule)),
        store::PutSchedule::PreconditionFailed => Err(precondition_failed()),
        store::PutSchedule::TooMany => Err(too_many(Limited::Schedules)),
    }
}

/// Delete a schedule
///
/// It makes no more jobs. Those that it made go on.
#[utoipa::path(
    delete, path = "/api/schedules/{name}", tag = "schedules",
    params(
        ("name" = String, Path, min_length = 1, max_length = 100, pattern = "^[a-z][a-z0-9._-]*$", description = "The schedule."),
        ("If-Match" = Option<String>, Header, pattern = "^(\\*|(W/)?\"[^\",\\u0000-\\u001f\\u007f]*\"( *, *(W/)?\"[^\",\\u0000-\\u001f\\u007f]*\")*)$", description = "The `ETag` of the version to be deleted."),
    ),
    responses(
        (status = 204, description = "Deleted."),
        (status = 412, description = "The schedule is not what `If-Match` says.", body = ProblemBody,
            content_type = "application/problem+json"),
        NameProblems, CommonProblems,
    ),
)]
pub(crate) async fn delete_schedule(
    State(app): State<AppState>,
    Writer(caller): Writer,
    SchedulePath(name): SchedulePath,
    Conditions(precondition): Conditions,
) -> Result<StatusCode, Problem> {
    let deleted = app
        .store
        .delete_schedule(&caller.actor(), &name, &precondition)
        .await?;
    match deleted {
        DeletedSchedule::Deleted => Ok(StatusCode::NO_CONTENT),
        DeletedSchedule::PreconditionFailed => Err(precondition_failed()),
        DeletedSchedule::NotFound => Err(no_such_schedule(&name)),
    }
}

fn answer(schedule: Schedule) -> Response {
    let etag = etag::of_version(schedule.version);
    ([(ETAG, etag)], Json(ScheduleBody::in_full(schedule))).into_response()
}

fn no_such_schedule(name: &ScheduleName) -> Problem {
    Problem::new(
        ProblemType::ScheduleNotFound,
        format!("There is no schedule {name}."),
    )
}

fn precondition_failed() -> Problem {
    Problem::new(
        ProblemType::PreconditionFailed,
        "The schedule is not what If-Match or If-None-Match say; read it again.",
    )
}
