//! Cancelling and retrying many jobs at a time, by filter. Each job is moved as by the command for one job: whoever
//! deletes its token, or holds its row, may move it. What somebody else is moving at the moment is left to them, so a
//! bulk command waits for nobody and is waited for by nobody for long.

use chrono::{DateTime, Utc};
use domain::{JobId, JobState, TenantId};
use serde_json::json;
use uuid::Uuid;

use crate::audit::{self, Actor, Change};
use crate::error::Error;
use crate::pool::Store;
use crate::unique;
use crate::watch::notify_cancel_requested;

/// Which jobs a bulk command means; what is `None` does not filter.
#[derive(Clone, Debug, Default)]
pub struct BulkFilter {
    /// In this state.
    pub state: Option<JobState>,
    /// Of this kind.
    pub kind: Option<String>,
    /// In this lane.
    pub queue: Option<String>,
    /// With this label.
    pub tag: Option<String>,
    /// Accepted at or after this.
    pub created_after: Option<DateTime<Utc>>,
    /// Accepted before this.
    pub created_before: Option<DateTime<Utc>>,
    /// Ended before this. For retries only: what has not ended has no such time.
    pub finished_before: Option<DateTime<Utc>>,
}

/// What a bulk cancel did.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct BulkCancelled {
    /// Jobs that had not started, and never will.
    pub cancelled: Vec<JobId>,
    /// Jobs that run; their workers abort the handlers.
    pub requested: Vec<JobId>,
}

/// What a bulk retry did.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct BulkRedriven {
    /// How many jobs are queued again.
    pub jobs: u64,
    /// The lanes to ring.
    pub queues: Vec<String>,
}

impl Store {
    /// Counts the jobs that a bulk cancel would cancel or ask to end. Also tells when that was, by the clock that
    /// wrote when they were accepted.
    ///
    /// # Errors
    /// When the statement failed, or took too long.
    pub async fn count_cancellable(
        &self,
        tenant_id: TenantId,
        filter: &BulkFilter,
    ) -> Result<(u64, DateTime<Utc>), Error> {
        let mut tx = self.begin(tenant_id).await?;
        let row = sqlx::query!(
            r#"
            select count(*) as "jobs!", clock_timestamp() as "as_of!" from cancellable_jobs($1, $2, $3, $4, $5, $6)
            "#,
            filter.state.map(JobState::as_str),
            filter.kind,
            filter.queue,
            filter.tag,
            filter.created_after,
            filter.created_before,
        )
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok((u64::try_from(row.jobs).map_err(Error::corrupt)?, row.as_of))
    }

    /// Counts the jobs that a bulk retry would queue again. Also tells when that was, by the clock that wrote when they
    /// ended: after all that were counted, and before whatever follows.
    ///
    /// # Errors
    /// When the statement failed, or took too long.
    pub async fn count_retryable(
        &self,
        tenant_id: TenantId,
        filter: &BulkFilter,
    ) -> Result<(u64, DateTime<Utc>), Error> {
        let mut tx = self.begin(tenant_id).await?;
        let row = sqlx::query!(
            r#"
            select count(*) as "jobs!", clock_timestamp() as "as_of!" from retryable_jobs($1, $2, $3, $4, $5, $6, $7)
            "#,
            filter.state.map(JobState::as_str),
            filter.kind,
            filter.queue,
            filter.tag,
            filter.created_after,
            filter.created_before,
            filter.finished_before,
        )
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok((u64::try_from(row.jobs).map_err(Error::corrupt)?, row.as_of))
    }

    /// Cancels up to `limit` jobs, those that were submitted first first, as [`Store::cancel`] does with one. A running
    /// job is marked without its token, so its row is taken only if it is free: nobody ever waits in a circle.
    ///
    /// # Errors
    /// When a statement failed; nothing was changed.
    pub async fn cancel_jobs(
        &self,
        actor: &Actor,
        filter: &BulkFilter,
        limit: i64,
    ) -> Result<BulkCancelled, Error> {
        let mut tx = self.begin(actor.tenant_id).await?;
        let row = sqlx::query!(
            r#"
            with meant as materialized (
                select job_id, state from cancellable_jobs($1, $2, $3, $4, $5, $6) order by job_id limit $7
            ), chosen_waiting as (
                select job_id from outbox where job_id in (select job_id from meant)
                order by job_id for update skip locked
            ), chosen_later as (
                select job_id from due where job_id in (select job_id from meant)
                order by job_id for update skip locked
            ), chosen_running as (
                select id from job
                where id in (select job_id from meant where state = 'running')
                  and state = 'running' and cancel_requested_at is null
                order by id for update skip locked
            ), waiting as (
                delete from outbox o using chosen_waiting c where o.job_id = c.job_id returning o.job_id
            ), later as (
                delete from due d using chosen_later c where d.job_id = c.job_id returning d.job_id
            ), ended as (
                update job j
                set state = 'cancelled', version = version + 1, finished_at = now(), cancel_requested_at = now()
                from (select job_id from waiting union all select job_id from later) token
                where j.id = token.job_id and j.state in ('scheduled', 'queued')
                returning j.id, j.tenant_id, j.version
            ), asked as (
                update job j set cancel_requested_at = now()
                from chosen_running c
                where j.id = c.id and j.state = 'running'
                returning j.id
            ), history as (
                insert into job_event (job_id, number, tenant_id, event) select id, version, tenant_id, 'cancelled' from ended
            )
            select array(select id from ended) as "cancelled!", array(select id from asked) as "requested!"
            "#,
            filter.state.map(JobState::as_str),
            filter.kind,
            filter.queue,
            filter.tag,
            filter.created_after,
            filter.created_before,
            limit,
        )
        .fetch_one(&mut *tx)
        .await?;
        let done = BulkCancelled {
            cancelled: job_ids(row.cancelled),
            requested: job_ids(row.requested),
        };
        notify_cancel_requested(&mut tx, &done.requested).await?;
        let jobs = done.cancelled.len() + done.requested.len();
        audit_change(&mut tx, actor, "job.cancel", filter, jobs as u64).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// Queues up to `limit` jobs again, those that were submitted first first, as [`Store::redrive`] does with one. A job
    /// whose unique key another one holds is left where it is.
    ///
    /// # Errors
    /// When a statement failed; nothing was changed.
    pub async fn redrive_jobs(
        &self,
        actor: &Actor,
        filter: &BulkFilter,
        limit: i64,
    ) -> Result<BulkRedriven, Error> {
        let mut tx = self.begin(actor.tenant_id).await?;
        let mut chosen = choose_to_redrive(&mut tx, filter, limit).await?;
        let taken = unique::reclaim(&mut tx, &chosen).await?;
        chosen.retain(|id| !taken.contains_key(&JobId(*id)));
        let row = sqlx::query!(
            r#"
            with token as (
                delete from dead_letter where job_id = any($1)
            ), redriven as (
                update job
                set state = 'queued', version = version + 1, attempts_spent = 0, run_at = now(), finished_at = null,
                    cancel_requested_at = null, error_code = null, error_message = null
                where id = any($1) and state in ('failed', 'cancelled', 'expired')
                returning id, tenant_id, queue, traceparent, version
            ), rung as (
                insert into outbox (job_id, tenant_id, queue, traceparent)
                select id, tenant_id, queue, traceparent from redriven
            ), history as (
                insert into job_event (job_id, number, tenant_id, event) select id, version, tenant_id, 'redriven' from redriven
            )
            select count(*) as "jobs!", coalesce(array_agg(distinct queue), '{}') as "queues!" from redriven
            "#,
            &chosen,
        )
        .fetch_one(&mut *tx)
        .await?;
        let jobs = u64::try_from(row.jobs).map_err(Error::corrupt)?;
        audit_change(&mut tx, actor, "job.retry", filter, jobs).await?;
        tx.commit().await?;
        Ok(BulkRedriven {
            jobs,
            queues: row.queues,
        })
    }
}

/// Locks the jobs that a retry means, by their tokens where they have one, but for those that may not live again.
async fn choose_to_redrive(
    tx: &mut sqlx::PgTransaction<'static>,
    filter: &BulkFilter,
    limit: i64,
) -> Result<Vec<Uuid>, Error> {
    let chosen = sqlx::query_scalar!(
        r#"
        with meant as materialized (
            select job_id, state from retryable_jobs($1, $2, $3, $4, $5, $6, $7)
            where not unique_key_taken(job_id)
            order by job_id limit $8
        ), chosen as materialized (
            select job_id from dead_letter where job_id in (select job_id from meant where state = 'failed')
            order by job_id for update skip locked
        ), others as materialized (
            select id from job
            where id in (select job_id from meant where state <> 'failed') and state in ('cancelled', 'expired')
            order by id for update skip locked
        )
        select job_id as "job_id!" from chosen union all select id from others
        "#,
        filter.state.map(JobState::as_str),
        filter.kind,
        filter.queue,
        filter.tag,
        filter.created_after,
        filter.created_before,
        filter.finished_before,
        limit,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(chosen)
}

/// Which jobs they were is in the history of each.
async fn audit_change(
    tx: &mut sqlx::PgTransaction<'static>,
    actor: &Actor,
    action: &'static str,
    filter: &BulkFilter,
    jobs: u64,
) -> Result<(), Error> {
    if jobs == 0 {
        return Ok(());
    }
    let details = json!({
        "jobs": jobs, "state": filter.state, "kind": filter.kind, "queue": filter.queue, "tag": filter.tag,
        "created_after": filter.created_after, "created_before": filter.created_before,
        "finished_before": filter.finished_before,
    });
    let change = Change {
        action,
        target: "jobs",
        details,
    };
    audit::append(tx, actor, change).await
}

fn job_ids(ids: Vec<Uuid>) -> Vec<JobId> {
    ids.into_iter().map(JobId).collect()
}
