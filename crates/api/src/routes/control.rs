//! What people do to a job.

use axum::Json;
use axum::extract::State;
use domain::{JobId, TenantId};
use http::StatusCode;
use store::{Cancel, Redrive};

use super::JobPath;
use crate::app::AppState;
use crate::auth::Writer;
use crate::openapi::{CommonProblems, ControlProblems};
use crate::problem::{Problem, ProblemType};
use crate::wire::JobBody;

/// Cancel a job
///
/// A job that has not started ends at once. One that runs is asked to: its worker aborts the handler within
/// seconds, unless it ends by itself first.
#[utoipa::path(
    post, path = "/api/jobs/{id}/cancel", tag = "jobs",
    params(("id" = uuid::Uuid, Path, description = "The job.")),
    responses(
        (status = 200, description = "The job is cancelled.", body = JobBody),
        (status = 202, description = "The job runs, and is asked to end.", body = JobBody),
        ControlProblems, CommonProblems,
    ),
)]
pub(crate) async fn cancel_job(
    State(app): State<AppState>,
    Writer(caller): Writer,
    JobPath(id): JobPath,
) -> Result<(StatusCode, Json<JobBody>), Problem> {
    let status = match app.store.cancel(&caller.actor(), id).await? {
        Cancel::Cancelled => {
            announce_ends(&app, &[id]).await;
            StatusCode::OK
        }
        Cancel::Requested => StatusCode::ACCEPTED,
        Cancel::AlreadyFinished(state) => {
            return Err(Problem::new(
                ProblemType::AlreadyFinished,
                format!("The job is {state} already."),
            ));
        }
        Cancel::NotFound => return Err(Problem::no_such_job(id)),
    };
    Ok((status, job(&app, caller.tenant_id, id).await?))
}

/// Retry a job
///
/// A job that failed, was cancelled or has expired is queued again, now and with all its attempts; not while another job
/// holds its `unique` key.
#[utoipa::path(
    post, path = "/api/jobs/{id}/retry", tag = "jobs",
    params(("id" = uuid::Uuid, Path, description = "The job.")),
    responses(
        (status = 202, description = "The job is queued again.", body = JobBody),
        ControlProblems, CommonProblems,
    ),
)]
pub(crate) async fn retry_job(
    State(app): State<AppState>,
    Writer(caller): Writer,
    JobPath(id): JobPath,
) -> Result<(StatusCode, Json<JobBody>), Problem> {
    match app.store.redrive(&caller.actor(), id).await? {
        Redrive::Redriven { queue } => ring(&app, &queue),
        Redrive::NotRetryable(state) => {
            let detail = format!(
                "The job is {state}; only one that failed, was cancelled or has expired can be retried."
            );
            return Err(Problem::new(ProblemType::NotRetryable, detail));
        }
        Redrive::KeyTaken { holder } => {
            let detail = format!("The job {holder} holds the unique key of this one, and lives.");
            return Err(Problem::unique_conflict(holder, detail));
        }
        Redrive::NotFound => return Err(Problem::no_such_job(id)),
    }
    Ok((StatusCode::ACCEPTED, job(&app, caller.tenant_id, id).await?))
}

/// Wakes the lane's workers. A lane that can't be named any more is found by the sweep.
pub(super) fn ring(app: &AppState, queue: &str) {
    queue.parse().iter().for_each(|lane| app.bell.ring(lane));
}

async fn job(app: &AppState, tenant_id: TenantId, id: JobId) -> Result<Json<JobBody>, Problem> {
    let job = app
        .store
        .job(tenant_id, id)
        .await?
        .ok_or_else(|| Problem::no_such_job(id))?;
    Ok(Json(JobBody::in_full(job)))
}

/// Wakes whoever waits for the jobs' ends, in all processes; failing that, they find out by looking.
pub(super) async fn announce_ends(app: &AppState, ids: &[JobId]) {
    if let Err(error) = app.store.notify_finished(ids).await {
        tracing::debug!(error.chain = %runtime::error_chain(&error), jobs = ids.len(), "cancelled jobs were not announced");
    }
}
