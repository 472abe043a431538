//! What people do to a job: cancel it, and retry it from a terminal state.

use domain::{JobId, JobState};
use serde_json::json;

use crate::audit::{self, Actor, Change};
use crate::error::Error;
use crate::pool::Store;
use crate::row::parse;
use crate::unique;
use crate::watch::notify_cancel_requested;

/// How often a cancel looks for a job that is moved whenever it looks. Each move is a worker's or a sweep's, so the
/// second look already meets it unless somebody moves it on at the same moment again.
const CANCEL_ROUNDS: u32 = 10;

/// What a cancel came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cancel {
    /// The job had not started, and never will.
    Cancelled,
    /// The job runs; its worker aborts the handler with the next heartbeat.
    Requested,
    /// The job had ended already.
    AlreadyFinished(JobState),
    /// The tenant has no such job.
    NotFound,
}

/// What a retry came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Redrive {
    /// The job is queued again in this lane, with all its attempts.
    Redriven {
        /// The lane to ring.
        queue: String,
    },
    /// Another job that lives holds the unique key of this one.
    KeyTaken {
        /// That job.
        holder: JobId,
    },
    /// Only a job that failed, was cancelled or has expired can be retried; this one is in another state.
    NotRetryable(JobState),
    /// The tenant has no such job.
    NotFound,
}

impl Store {
    /// Cancels a job that has not started, or asks the worker that runs it to abort it.
    ///
    /// # Errors
    /// When a statement failed, or the job was moved each time while we waited for its token; nothing was changed.
    pub async fn cancel(&self, actor: &Actor, id: JobId) -> Result<Cancel, Error> {
        let mut tx = self.begin(actor.tenant_id).await?;
        let answer = cancel(&mut tx, id).await?;
        if matches!(answer, Cancel::Cancelled | Cancel::Requested) {
            let change = Change {
                action: "job.cancel",
                target: &id.to_string(),
                details: json!({ "started": answer == Cancel::Requested }),
            };
            audit::append(&mut tx, actor, change).await?;
        }
        tx.commit().await?;
        Ok(answer)
    }

    /// Queues a failed, cancelled or expired job again, now and with all its attempts. Its attempts' numbers go on.
    ///
    /// # Errors
    /// When a statement failed; nothing was changed.
    pub async fn redrive(&self, actor: &Actor, id: JobId) -> Result<Redrive, Error> {
        let mut tx = self.begin(actor.tenant_id).await?;
        // The token before the job, and both before the key, as everybody takes them.
        sqlx::query!(
            "select job_id from dead_letter where job_id = $1 for update",
            id.0
        )
        .fetch_optional(&mut *tx)
        .await?;
        sqlx::query!(
            "select id from job where id = $1 and state in ('failed', 'cancelled', 'expired') for update",
            id.0
        )
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(holder) = unique::reclaim(&mut tx, &[id.0]).await?.remove(&id) {
            return Ok(Redrive::KeyTaken { holder });
        }
        let queue = sqlx::query_scalar!(
            r#"
            with token as (
                delete from dead_letter where job_id = $1
            ), redriven as (
                update job
                set state = 'queued', version = version + 1, attempts_spent = 0, run_at = now(), finished_at = null,
                    cancel_requested_at = null, error_code = null, error_message = null
                where id = $1 and state in ('failed', 'cancelled', 'expired')
                returning id, tenant_id, queue, traceparent, version
            ), rung as (
                insert into outbox (job_id, tenant_id, queue, traceparent)
                select id, tenant_id, queue, traceparent from redriven
            ), history as (
                insert into job_event (job_id, number, tenant_id, event) select id, version, tenant_id, 'redriven' from redriven
            )
            select queue from redriven
            "#,
            id.0,
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(queue) = queue else {
            // Without a commit, since a job that is not retried must not get its key back either.
            let state = state_of(&mut tx, id).await?;
            return Ok(state.map_or(Redrive::NotFound, Redrive::NotRetryable));
        };
        let change = Change {
            action: "job.retry",
            target: &id.to_string(),
            details: json!({}),
        };
        audit::append(&mut tx, actor, change).await?;
        tx.commit().await?;
        Ok(Redrive::Redriven { queue })
    }
}

/// Cancels jobs whose place others take. Their tokens are this transaction's, so nobody moves them meanwhile.
pub(crate) async fn end_replaced(tx: &mut sqlx::PgTransaction<'static>, ids: &[JobId]) -> Result<(), Error> {
    let uuids: Vec<uuid::Uuid> = ids.iter().map(|id| id.0).collect();
    let ended = sqlx::query_scalar!(
        r#"
        with waiting as (
            delete from outbox where job_id = any($1) returning job_id
        ), later as (
            delete from due where job_id = any($1) returning job_id
        ), ended as (
            update job j
            set state = 'cancelled', version = version + 1, finished_at = now(), cancel_requested_at = now()
            from (select job_id from waiting union all select job_id from later) token
            where j.id = token.job_id and j.state in ('scheduled', 'queued')
            returning j.id, j.tenant_id, j.version
        ), history as (
            insert into job_event (job_id, number, tenant_id, event) select id, version, tenant_id, 'cancelled' from ended
        )
        select count(*) as "count!" from ended
        "#,
        &uuids,
    )
    .fetch_one(&mut **tx)
    .await?;
    if usize::try_from(ended) == Ok(ids.len()) {
        return Ok(());
    }
    Err(Error::corrupt("a job that was replaced had no token"))
}

/// Cancels a job within a transaction that sees it.
pub(crate) async fn cancel(tx: &mut sqlx::PgTransaction<'static>, id: JobId) -> Result<Cancel, Error> {
    for _ in 0..CANCEL_ROUNDS {
        if let Some(answer) = cancel_once(tx, id).await? {
            return Ok(answer);
        }
    }
    Err(Error::Locked(sqlx::Error::RowNotFound))
}

/// `None` when the job was moved between the statements, so that neither has met it where it is.
async fn cancel_once(tx: &mut sqlx::PgTransaction<'static>, id: JobId) -> Result<Option<Cancel>, Error> {
    if end_waiting(tx, id).await? {
        return Ok(Some(Cancel::Cancelled));
    }
    if request_end(tx, id).await? {
        notify_cancel_requested(tx, &[id]).await?;
        return Ok(Some(Cancel::Requested));
    }
    Ok(match state_of(tx, id).await? {
        None => Some(Cancel::NotFound),
        Some(state) if state.is_terminal() => Some(Cancel::AlreadyFinished(state)),
        Some(_) => None,
    })
}

/// Cancels the job if it waits to be started.
async fn end_waiting(tx: &mut sqlx::PgTransaction<'static>, id: JobId) -> Result<bool, Error> {
    let cancelled = sqlx::query_scalar!(
        r#"
        with waiting as (
            delete from outbox where job_id = $1 returning job_id
        ), later as (
            delete from due where job_id = $1 returning job_id
        ), ended as (
            update job set state = 'cancelled', version = version + 1, finished_at = now(), cancel_requested_at = now()
            where id = $1 and state in ('scheduled', 'queued')
              and exists (select from waiting union all select from later)
            returning id, tenant_id, version
        ), history as (
            insert into job_event (job_id, number, tenant_id, event) select id, version, tenant_id, 'cancelled' from ended
        )
        select count(*) as "count!" from ended
        "#,
        id.0,
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(cancelled > 0)
}

/// Marks the job if it runs. Only then: a mark on a job that waits would not keep it from being started.
async fn request_end(tx: &mut sqlx::PgTransaction<'static>, id: JobId) -> Result<bool, Error> {
    let requested = sqlx::query_scalar!(
        r#"
        update job set cancel_requested_at = coalesce(cancel_requested_at, now())
        where id = $1 and state = 'running'
        returning id
        "#,
        id.0,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(requested.is_some())
}

pub(crate) async fn state_of(
    tx: &mut sqlx::PgTransaction<'static>,
    id: JobId,
) -> Result<Option<JobState>, Error> {
    let state = sqlx::query_scalar!("select state from job where id = $1", id.0)
        .fetch_optional(&mut **tx)
        .await?;
    state.map(|state| parse(&state)).transpose()
}
