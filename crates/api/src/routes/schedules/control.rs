//! What people do to a schedule.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::JobId;
use http::header::LOCATION;
use http::{HeaderValue, StatusCode};
use runtime::metric;
use store::{FiredNow, Trigger};

use super::{answer, no_such_schedule};
use crate::app::AppState;
use crate::auth::Writer;
use crate::middleware::RequestContext;
use crate::openapi::{CommonProblems, NameProblems};
use crate::problem::{Problem, ProblemBody, ProblemType};
use crate::routes::SchedulePath;
use crate::routes::control::{announce_ends, ring};
use crate::wire::{ScheduleBody, SubmittedBody};

/// Pause a schedule
///
/// It does not fire until it is resumed. Pausing a paused one changes nothing.
#[utoipa::path(
    post, path = "/api/schedules/{name}/pause", tag = "schedules",
    params(("name" = String, Path, min_length = 1, max_length = 100, pattern = "^[a-z][a-z0-9._-]*$", description = "The schedule.")),
    responses(
        (status = 200, description = "The schedule is paused.", body = ScheduleBody,
            headers(("ETag" = String, description = "Changes whenever somebody changes the schedule."))),
        NameProblems, CommonProblems,
    ),
)]
pub(crate) async fn pause_schedule(
    State(app): State<AppState>,
    Writer(caller): Writer,
    SchedulePath(name): SchedulePath,
) -> Result<Response, Problem> {
    let schedule = app.store.pause_schedule(&caller.actor(), &name).await?;
    Ok(answer(schedule.ok_or_else(|| no_such_schedule(&name))?))
}

/// Resume a schedule
///
/// It fires again, from now on: the fire times while it was paused were not missed. Resuming one that is not paused
/// changes nothing.
#[utoipa::path(
    post, path = "/api/schedules/{name}/resume", tag = "schedules",
    params(("name" = String, Path, min_length = 1, max_length = 100, pattern = "^[a-z][a-z0-9._-]*$", description = "The schedule.")),
    responses(
        (status = 200, description = "The schedule fires.", body = ScheduleBody,
            headers(("ETag" = String, description = "Changes whenever somebody changes the schedule."))),
        NameProblems, CommonProblems,
    ),
)]
pub(crate) async fn resume_schedule(
    State(app): State<AppState>,
    Writer(caller): Writer,
    SchedulePath(name): SchedulePath,
) -> Result<Response, Problem> {
    let schedule = app.store.resume_schedule(&caller.actor(), &name).await?;
    Ok(answer(schedule.ok_or_else(|| no_such_schedule(&name))?))
}

/// Fire a schedule now
///
/// Makes one of its jobs now, also while it is paused; its fire times stay as they are. Its overlap policy holds: with
/// `skip`, nothing is made while its previous job has not ended.
#[utoipa::path(
    post, path = "/api/schedules/{name}/fire", tag = "schedules",
    params(("name" = String, Path, min_length = 1, max_length = 100, pattern = "^[a-z][a-z0-9._-]*$", description = "The schedule.")),
    responses(
        (status = 202, description = "The job is made.", body = SubmittedBody,
            headers(("Location" = String, description = "The job."))),
        (status = 409, description = "The previous job has not ended, and the overlap policy is `skip`.",
            body = ProblemBody, content_type = "application/problem+json"),
        NameProblems, CommonProblems,
    ),
)]
pub(crate) async fn fire_schedule(
    State(app): State<AppState>,
    Writer(caller): Writer,
    context: RequestContext,
    SchedulePath(name): SchedulePath,
) -> Result<Response, Problem> {
    let trigger = Trigger {
        job_id: JobId((app.new_id)()),
        traceparent: context.traceparent.to_string(),
    };
    let (job, cancelled) = match app.store.fire_now(&caller.actor(), &name, &trigger).await? {
        FiredNow::Fired { job, cancelled } => (job, cancelled),
        FiredNow::PreviousLives(id) => {
            return Err(Problem::new(
                ProblemType::PreviousJobLives,
                format!("The schedule's job {id} has not ended, and its jobs must not overlap."),
            ));
        }
        FiredNow::NotFound => return Err(no_such_schedule(&name)),
    };
    metric::JOBS_SUBMITTED.with(["schedule".into()]).increment(1);
    ring(&app, &job.queue);
    if let Some(cancelled) = cancelled {
        announce_ends(&app, &[cancelled]).await;
    }
    let location = HeaderValue::try_from(format!("/api/jobs/{}", job.id)).expect("an id is a header value");
    Ok((
        StatusCode::ACCEPTED,
        [(LOCATION, location)],
        Json(SubmittedBody::from(job)),
    )
        .into_response())
}
