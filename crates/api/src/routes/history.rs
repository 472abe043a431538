//! What happened to a job.

use axum::Json;
use axum::extract::State;

use super::JobPath;
use crate::app::AppState;
use crate::auth::Reader;
use crate::openapi::{CommonProblems, JobProblems};
use crate::problem::Problem;
use crate::wire::{AttemptList, EventList};

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
/// Everything that happened to it, first event first.
#[utoipa::path(
    get, path = "/api/jobs/{id}/events", tag = "jobs",
    params(("id" = uuid::Uuid, Path, description = "The job.")),
    responses((status = 200, description = "The history.", body = EventList), JobProblems, CommonProblems),
)]
pub(crate) async fn list_events(
    State(app): State<AppState>,
    Reader(caller): Reader,
    JobPath(id): JobPath,
) -> Result<Json<EventList>, Problem> {
    let events = app.store.events(caller.tenant_id, id).await?;
    let events = events.ok_or_else(|| Problem::no_such_job(id))?;
    Ok(Json(EventList {
        events: events.into_iter().map(Into::into).collect(),
    }))
}
