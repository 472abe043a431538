//! Commands about many jobs.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::TenantId;
use store::Actor;

use super::control::{announce_ends, ring};
use crate::app::AppState;
use crate::auth::Writer;
use crate::body::JsonBody;
use crate::openapi::{BodyProblems, CommonProblems};
use crate::problem::Problem;
use crate::validate::Bulk;
use crate::wire::{BulkAction, BulkChangedBody, BulkJobs};

/// Cancel or retry many jobs
///
/// Does to the jobs that the filter means what the routes for one job do, up to 1,000 at a time: repeat the request
/// while `remaining` is not 0. A dry run changes nothing and tells how many are meant.
#[utoipa::path(
    post, path = "/api/jobs/bulk", tag = "jobs",
    request_body = BulkJobs,
    responses(
        (status = 200, description = "What was done.", body = BulkChangedBody),
        BodyProblems, CommonProblems,
    ),
)]
pub(crate) async fn change_jobs(
    State(app): State<AppState>,
    Writer(caller): Writer,
    body: JsonBody<BulkJobs>,
) -> Result<Json<BulkChangedBody>, Problem> {
    let bulk: Bulk = body.value.try_into()?;
    let (matched, as_of) = count(&app, caller.tenant_id, &bulk).await?;
    let changed = if bulk.dry_run || matched == 0 {
        Changed::default()
    } else {
        change(&app, &caller.actor(), &bulk).await?
    };
    Ok(Json(BulkChangedBody {
        action: bulk.action,
        matched: matched.max(changed.jobs),
        changed: changed.jobs,
        requested: changed.requested,
        remaining: matched.saturating_sub(changed.jobs),
        dry_run: bulk.dry_run,
        as_of,
    }))
}

/// How many jobs were changed.
#[derive(Default)]
struct Changed {
    jobs: u64,
    requested: u64,
}

async fn count(app: &AppState, tenant_id: TenantId, bulk: &Bulk) -> Result<(u64, DateTime<Utc>), Problem> {
    let counted = match bulk.action {
        BulkAction::Cancel => app.store.count_cancellable(tenant_id, &bulk.filter).await,
        BulkAction::Retry => app.store.count_retryable(tenant_id, &bulk.filter).await,
    };
    Ok(counted?)
}

async fn change(app: &AppState, actor: &Actor, bulk: &Bulk) -> Result<Changed, Problem> {
    let limit = bulk.limit.cast_signed();
    match bulk.action {
        BulkAction::Cancel => {
            let done = app.store.cancel_jobs(actor, &bulk.filter, limit).await?;
            announce_ends(app, &done.cancelled).await;
            let requested = done.requested.len() as u64;
            Ok(Changed {
                jobs: done.cancelled.len() as u64 + requested,
                requested,
            })
        }
        BulkAction::Retry => {
            let done = app.store.redrive_jobs(actor, &bulk.filter, limit).await?;
            done.queues.iter().for_each(|queue| ring(app, queue));
            Ok(Changed {
                jobs: done.jobs,
                requested: 0,
            })
        }
    }
}
