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
use crate::validate::{Bulk, Tally};
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
    let changed = if bulk.selection.changes_any(matched) {
        change(&app, &caller.actor(), &bulk).await?
    } else {
        Changed::default()
    };
    let tally = Tally::of(matched, changed.jobs);
    Ok(Json(BulkChangedBody {
        action: bulk.action,
        matched: tally.matched,
        changed: tally.changed,
        requested: changed.requested,
        remaining: tally.remaining,
        dry_run: bulk.selection.dry_run,
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
    let filter = &bulk.selection.filter;
    let counted = match bulk.action {
        BulkAction::Cancel => app.store.count_cancellable(tenant_id, filter).await,
        BulkAction::Retry => app.store.count_retryable(tenant_id, filter).await,
    };
    Ok(counted?)
}

async fn change(app: &AppState, actor: &Actor, bulk: &Bulk) -> Result<Changed, Problem> {
    let (filter, limit) = (&bulk.selection.filter, bulk.selection.limit.cast_signed());
    match bulk.action {
        BulkAction::Cancel => {
            let done = app.store.cancel_jobs(actor, filter, limit).await?;
            announce_ends(app, &done.cancelled).await;
            let requested = done.requested.len() as u64;
            Ok(Changed {
                jobs: done.cancelled.len() as u64 + requested,
                requested,
            })
        }
        BulkAction::Retry => {
            let done = app.store.redrive_jobs(actor, filter, limit).await?;
            done.queues.iter().for_each(|queue| ring(app, queue));
            Ok(Changed {
                jobs: done.jobs,
                requested: 0,
            })
        }
    }
}
