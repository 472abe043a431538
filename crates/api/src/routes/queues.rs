//! The lanes: what waits in them, how fast it goes, and whether anything starts.

use axum::Json;
use axum::extract::State;
use domain::QueueName;
use store::Audience;

use super::QueuePath;
use crate::app::AppState;
use crate::auth::{Caller, Ops, Reader};
use crate::body::JsonBody;
use crate::openapi::{BodyProblems, CommonProblems};
use crate::problem::{Problem, ProblemBody, ProblemType};
use crate::validate::pause;
use crate::wire::{PauseQueue, QueueBody, QueueList, ResumeQueue};

/// List queues
///
/// All lanes that jobs can be submitted to, with your tenant's numbers. They are counted up to 10,000; `capped` says that
/// a number may be greater.
#[utoipa::path(
    get, path = "/api/queues", tag = "queues",
    responses(
        (status = 200, description = "The lanes.", body = QueueList),
        CommonProblems,
    ),
)]
pub(crate) async fn list_queues(
    State(app): State<AppState>,
    Reader(caller): Reader,
) -> Result<Json<QueueList>, Problem> {
    let queues = app.store.queue_status(caller.tenant_id, &app.lanes).await?;
    Ok(Json(QueueList {
        queues: queues.into_iter().map(Into::into).collect(),
    }))
}

/// Read a queue
#[utoipa::path(
    get, path = "/api/queues/{name}", tag = "queues",
    params(("name" = String, Path, min_length = 1, max_length = 40, pattern = "^[a-z][a-z0-9_-]*$", description = "The lane.")),
    responses(
        (status = 200, description = "The lane, with your tenant's numbers.", body = QueueBody),
        (status = 404, description = "There is no such lane.", body = ProblemBody,
            content_type = "application/problem+json"),
        CommonProblems,
    ),
)]
pub(crate) async fn get_queue(
    State(app): State<AppState>,
    Reader(caller): Reader,
    QueuePath(queue): QueuePath,
) -> Result<Json<QueueBody>, Problem> {
    status(&app, &caller, queue).await
}

/// Pause a queue
///
/// No job of your tenant starts in the lane any more, from the answer on; those that run go on, and jobs can still be
/// submitted. Pausing again only changes the reason. With `everyone`, which is for operators, no job of any tenant
/// starts.
#[utoipa::path(
    post, path = "/api/queues/{name}/pause", tag = "queues",
    params(("name" = String, Path, min_length = 1, max_length = 40, pattern = "^[a-z][a-z0-9_-]*$", description = "The lane.")),
    request_body = PauseQueue,
    responses(
        (status = 200, description = "The lane is paused.", body = QueueBody),
        (status = 404, description = "There is no such lane.", body = ProblemBody,
            content_type = "application/problem+json"),
        BodyProblems, CommonProblems,
    ),
)]
pub(crate) async fn pause_queue(
    State(app): State<AppState>,
    Ops(caller): Ops,
    QueuePath(queue): QueuePath,
    body: JsonBody<PauseQueue>,
) -> Result<Json<QueueBody>, Problem> {
    let (everyone, reason) = pause(&body.value)?;
    let audience = audience(&caller, everyone)?;
    let actor = caller.actor();
    app.store
        .pause_queue(&actor, &queue, audience, reason.as_deref())
        .await?;
    status(&app, &caller, queue).await
}

/// Resume a queue
///
/// Jobs start again within two seconds, unless somebody else has paused the lane too: your tenant's own pause and the one
/// for everyone end separately.
#[utoipa::path(
    post, path = "/api/queues/{name}/resume", tag = "queues",
    params(("name" = String, Path, min_length = 1, max_length = 40, pattern = "^[a-z][a-z0-9_-]*$", description = "The lane.")),
    request_body = ResumeQueue,
    responses(
        (status = 200, description = "The lane, which may be paused by somebody else still.", body = QueueBody),
        (status = 404, description = "There is no such lane.", body = ProblemBody,
            content_type = "application/problem+json"),
        BodyProblems, CommonProblems,
    ),
)]
pub(crate) async fn resume_queue(
    State(app): State<AppState>,
    Ops(caller): Ops,
    QueuePath(queue): QueuePath,
    body: JsonBody<ResumeQueue>,
) -> Result<Json<QueueBody>, Problem> {
    let audience = audience(&caller, body.value.everyone.unwrap_or(false))?;
    app.store.resume_queue(&caller.actor(), &queue, audience).await?;
    // Workers look about every second; this is for speed.
    app.bell.ring(&queue);
    status(&app, &caller, queue).await
}

fn audience(caller: &Caller, everyone: bool) -> Result<Audience, Problem> {
    match (everyone, caller.key.operator) {
        (false, _) => Ok(Audience::Tenant),
        (true, true) => Ok(Audience::Everyone),
        (true, false) => Err(Problem::new(
            ProblemType::OperatorOnly,
            "The key's tenant does not operate the others, so it can pause and resume for itself only.",
        )),
    }
}

async fn status(app: &AppState, caller: &Caller, queue: QueueName) -> Result<Json<QueueBody>, Problem> {
    let mut queues = app.store.queue_status(caller.tenant_id, &[queue]).await?;
    let queue = queues.pop().expect("one was asked for");
    Ok(Json(queue.into()))
}
