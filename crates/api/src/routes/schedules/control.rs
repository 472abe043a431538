//! What people do to a schedule.

use axum::extract::State;
use axum::response::Response;
use domain::JobId;
use store::{FiredNow, Trigger};

use super::{answer, no_such_schedule};
use crate::app::AppState;
use crate::auth::Writer;
use crate::header::idempotency_key::{IdempotencyKey, IdempotencyKeyHeader};
use crate::middleware::RequestContext;
use crate::openapi::{CommonProblems, NameProblems};
use crate::problem::{Problem, ProblemBody, ProblemType};
use crate::routes::SchedulePath;
use crate::routes::control::{announce_ends, ring};
use crate::routes::submit::{self, Accepted, Room, Via};
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
/// `skip`, nothing is made while its previous job has not ended. With an `Idempotency-Key` the request may be repeated for
/// 24 hours, and gives the same job.
#[utoipa::path(
    post, path = "/api/schedules/{name}/fire", tag = "schedules",
    params(
        ("name" = String, Path, min_length = 1, max_length = 100, pattern = "^[a-z][a-z0-9._-]*$", description = "The schedule."),
        IdempotencyKeyHeader,
    ),
    responses(
        (status = 200, description = "Another job holds the `unique` key, and is answered in place of a new one.",
            body = SubmittedBody, headers(
            ("Location" = String, description = "The job."),
            ("Job-Existed" = bool, description = "`true`."),
            ("Idempotency-Replayed" = bool, description = "`true` when an earlier request was answered the same."))),
        (status = 202, description = "The job is made.", body = SubmittedBody, headers(
            ("Location" = String, description = "The job."),
            ("Idempotency-Replayed" = bool, description = "`true` when an earlier request made the job."))),
        (status = 409, description = "The previous job has not ended, and the overlap policy is `skip`; another job holds \
            the `unique` key; or a request with this `Idempotency-Key` is in progress.",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The `Idempotency-Key` belongs to another request.",
            body = ProblemBody, content_type = "application/problem+json"),
        NameProblems, CommonProblems,
    ),
)]
pub(crate) async fn fire_schedule(
    State(app): State<AppState>,
    Writer(caller): Writer,
    context: RequestContext,
    SchedulePath(name): SchedulePath,
    key: IdempotencyKey,
) -> Result<Response, Problem> {
    let idempotency = key.bind(&[])?;
    let reserved = match submit::admit(&app, caller.tenant_id, 1, idempotency.as_ref()).await? {
        Room::Reserved(reserved) => reserved,
        Room::Answered(earlier) => return submit::told(&Accepted::of(earlier, Via::Schedule)?),
    };
    let (span, context) = context.submit();
    let trigger = Trigger {
        job_id: JobId((app.new_id)()),
        traceparent: context.traceparent.to_string(),
        idempotency,
    };
    let fired = app.store.fire_now(&caller.actor(), &name, &trigger).await;
    span.end();
    reserved.used(fired.as_ref().map_or(0, made));
    let (answer, cancelled) = match fired? {
        FiredNow::Submitted { answer, cancelled } => (answer, cancelled),
        FiredNow::PreviousLives(id) => {
            return Err(Problem::new(
                ProblemType::PreviousJobLives,
                format!("The schedule's job {id} has not ended, and its jobs must not overlap."),
            ));
        }
        FiredNow::NotFound => return Err(no_such_schedule(&name)),
    };
    let accepted = Accepted::of(answer, Via::Schedule)?;
    if let Some(job) = accepted.new_job() {
        ring(&app, &job.queue);
    }
    if !cancelled.is_empty() {
        announce_ends(&app, &cancelled).await;
    }
    submit::told(&accepted)
}

/// How many jobs were made.
fn made(fired: &FiredNow) -> usize {
    match fired {
        FiredNow::Submitted { answer, .. } => submit::made(answer),
        FiredNow::PreviousLives(_) | FiredNow::NotFound => 0,
    }
}
