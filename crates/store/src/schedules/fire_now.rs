//! Firing a schedule on request, besides its fire times.

use domain::schedule::Overlap;
use domain::{JobId, JobState, ScheduleName};
use serde_json::json;
use sqlx::PgTransaction;

use super::change::written;
use crate::audit::{self, Actor};
use crate::control::{Cancel, cancel, state_of};
use crate::error::Error;
use crate::pool::Store;
use crate::row::parse;
use crate::submit::SubmittedJob;

/// What the job of a schedule that fires on request is called.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// The job's id.
    pub job_id: JobId,
    /// The W3C trace context of the request.
    pub traceparent: String,
}

/// What it came to that somebody had a schedule fire.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FiredNow {
    /// It has made this job.
    Fired {
        /// The job.
        job: SubmittedJob,
        /// The job that it has ended, which had not started.
        cancelled: Option<JobId>,
    },
    /// Its previous job has not ended, and jobs of this schedule must not overlap.
    PreviousLives(JobId),
    /// The tenant has no such schedule.
    NotFound,
}

impl Store {
    /// Makes a job of a schedule now, also of a paused one; its fire times stay as they are.
    ///
    /// # Errors
    /// When a statement failed; nothing was changed.
    pub async fn fire_now(
        &self,
        actor: &Actor,
        name: &ScheduleName,
        trigger: &Trigger,
    ) -> Result<FiredNow, Error> {
        let tenant_id = actor.tenant_id;
        let mut tx = self.begin(tenant_id).await?;
        let known = sqlx::query!(
            "select overlap, last_job_id from schedule where tenant_id = $1 and name = $2 for update",
            tenant_id.0,
            name.as_str(),
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(known) = known else {
            return Ok(FiredNow::NotFound);
        };
        let mut cancelled = None;
        if let Some(previous) = living(&mut tx, known.last_job_id.map(JobId)).await? {
            match parse(&known.overlap)? {
                Overlap::Allow => {}
                Overlap::Skip => return Ok(FiredNow::PreviousLives(previous)),
                Overlap::CancelPrevious => {
                    let ended = cancel(&mut tx, previous).await? == Cancel::Cancelled;
                    cancelled = ended.then_some(previous);
                }
            }
        }
        let job = make_job(&mut tx, actor, name, trigger).await?;
        let details = json!({ "job_id": job.id });
        audit::append(&mut tx, actor, written("schedule.fire", name, details)).await?;
        tx.commit().await?;
        Ok(FiredNow::Fired { job, cancelled })
    }
}

/// The job, if it has not ended.
async fn living(tx: &mut PgTransaction<'static>, id: Option<JobId>) -> Result<Option<JobId>, Error> {
    let Some(id) = id else { return Ok(None) };
    let state = state_of(tx, id).await?;
    Ok(state.filter(|state| !state.is_terminal()).map(|_| id))
}

async fn make_job(
    tx: &mut PgTransaction<'static>,
    actor: &Actor,
    name: &ScheduleName,
    trigger: &Trigger,
) -> Result<SubmittedJob, Error> {
    let row = sqlx::query!(
        r#"
        with made as (
            insert into job (id, tenant_id, kind, queue, payload, tags, max_attempts, backoff_initial_ms, backoff_factor,
                             backoff_max_ms, timeout_ms, schedule, fire_at, traceparent, request_id, state)
            select $3, tenant_id, kind, queue, payload, tags, max_attempts, backoff_initial_ms, backoff_factor,
                   backoff_max_ms, timeout_ms, name, now(), $4, $5, 'queued'
            from schedule where tenant_id = $1 and name = $2
            returning id, kind, queue, traceparent, created_at, run_at, fire_at
        ), rung as (
            insert into outbox (job_id, tenant_id, queue, traceparent) select id, $1, queue, traceparent from made
        ), noted as (
            update schedule s set last_fired_at = made.fire_at, last_job_id = made.id
            from made where s.tenant_id = $1 and s.name = $2
        )
        select id, kind, queue, created_at, run_at from made
        "#,
        actor.tenant_id.0,
        name.as_str(),
        trigger.job_id.0,
        trigger.traceparent,
        actor.request_id.as_str(),
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(SubmittedJob {
        id: JobId(row.id),
        kind: row.kind,
        queue: row.queue,
        state: JobState::Queued,
        created_at: row.created_at,
        run_at: row.run_at,
        existed: false,
    })
}
