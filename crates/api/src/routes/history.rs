//! What happened to a job.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::VARY;
use http::{HeaderMap, HeaderValue};

use super::{JobPath, stream};
use crate::app::AppState;
use crate::auth::Reader;
use crate::header::{accept, last_event_id};
use crate::openapi::{CommonProblems, EventProblems, JobProblems};
use crate::problem::Problem;
use crate::wire::{AttemptList, EventList, StreamedEvent};

/// List a job's attempts
///
/// First one first, the one that runs included.
#[utoipa::path(
    get, path = "/api/jobs/{id}/attempts", tag = "jobs",
    params(("id" = uuid::Uuid, Path, description = "The job.")),
    responses((status = 200, description = "The attempts.", body = AttemptList), JobProblems, CommonProblems),
)]
pub(crate) async fn list_attempts(
    State(app): State<AppState>,
    Reader(caller): Reader,
    JobPath(id): JobPath,
) -> Result<Json<AttemptList>, Problem> {
    let attempts = app.store.attempts(caller.tenant_id, id).await?;
    let attempts = attempts.ok_or_else(|| Problem::no_such_job(id))?;
    Ok(Json(AttemptList {
        attempts: attempts.into_iter().map(Into::into).collect(),
    }))
}

/// List a job's events
///
/// Everything that happened to it, first event first. With `Accept: text/event-stream` the answer is a stream of
/// server-sent events: first what has happened already, then what happens. `id` is the event's number, `event` its
/// name, `data` the event as it is in the list. After the event that ends the job comes one named `end`, whose data is
/// the job's `state`, and the stream is over. A stream that ends without it is to be asked for again, with
/// `Last-Event-ID`; every `EventSource` does so by itself.
#[utoipa::path(
    get, path = "/api/jobs/{id}/events", tag = "jobs",
    params(
        ("id" = uuid::Uuid, Path, description = "The job."),
        ("Accept" = Option<String>, Header, pattern = "^[^\\u0000-\\u0008\\u000a-\\u001f\\u007f]*$", example = "text/event-stream",
            description = "`text/event-stream` for a stream; a list by default."),
        ("Last-Event-ID" = Option<i64>, Header, minimum = 0, maximum = 4_294_967_295_u32,
            description = "The number of the last event that the client has: a stream goes on after it."),
    ),
    responses(
        (status = 200, description = "The history, or a stream of it.",
            content((EventList = "application/json"), (StreamedEvent = "text/event-stream"))),
        EventProblems, CommonProblems,
    ),
)]
pub(crate) async fn list_events(
    State(app): State<AppState>,
    Reader(caller): Reader,
    JobPath(id): JobPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    // Refused where it is wrong, also by a list, which needs it not.
    let last = last_event_id::read(&headers)?;
    if accept::event_stream(&headers) {
        return stream::events(app, caller, id, last).await;
    }
    let events = app.store.events(caller.tenant_id, id).await?;
    let events = events.ok_or_else(|| Problem::no_such_job(id))?;
    let list = EventList {
        events: events.into_iter().map(Into::into).collect(),
    };
    Ok(([(VARY, HeaderValue::from_static("accept"))], Json(list)).into_response())
}
