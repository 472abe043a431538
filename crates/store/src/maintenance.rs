//! Sweeps: each takes no input but its bounds, finds what was not announced, and tells what it did.

use chrono::{DateTime, Utc};

use crate::error::Error;
use crate::pool::Store;
use crate::row::count;

impl Store {
    /// Queues jobs whose time has come, at most `limit`; answers the lanes to ring, one entry per job.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn promote_due(&self, limit: i64) -> Result<Vec<String>, Error> {
        let mut connection = self.acquire().await?;
        let lanes = sqlx::query_scalar!(
            r#"
            with token as (
                delete from due
                where job_id in (
                    select job_id from due where run_at <= now() order by run_at limit $1 for update skip locked
                )
                returning job_id, start_by
            ), promoted as (
                update job j set state = 'queued', version = version + 1
                from token
                where j.id = token.job_id and j.state = 'scheduled'
                returning j.id, j.tenant_id, j.queue, j.traceparent, j.version, token.start_by
            ), rung as (
                insert into outbox (job_id, tenant_id, queue, traceparent, start_by)
                select id, tenant_id, queue, traceparent, start_by from promoted
            ), history as (
                insert into job_event (job_id, number, tenant_id, event) select id, version, tenant_id, 'promoted' from promoted
            )
            select queue from promoted
            "#,
            limit,
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok(lanes)
    }

    /// When the next scheduled job is due.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn next_due_at(&self) -> Result<Option<DateTime<Utc>>, Error> {
        let mut connection = self.acquire().await?;
        Ok(sqlx::query_scalar!("select min(run_at) from due")
            .fetch_one(&mut *connection)
            .await?)
    }

    /// Ends jobs that were not started by their `start_by`, at most `limit` of those that wait and of those that are
    /// due later; answers how many.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn expire(&self, limit: i64) -> Result<u32, Error> {
        let mut connection = self.acquire().await?;
        let expired = sqlx::query_scalar!(
            r#"
            with waiting as (
                delete from outbox
                where job_id in (select job_id from outbox where start_by <= now() limit $1 for update skip locked)
                returning job_id
            ), later as (
                delete from due
                where job_id in (select job_id from due where start_by <= now() limit $1 for update skip locked)
                returning job_id
            ), expired as (
                update job j set state = 'expired', version = version + 1, finished_at = now()
                from (select job_id from waiting union all select job_id from later) token
                where j.id = token.job_id and j.state in ('scheduled', 'queued')
                returning j.id, j.tenant_id, j.version
            ), history as (
                insert into job_event (job_id, number, tenant_id, event) select id, version, tenant_id, 'expired' from expired
            )
            select count(*)::integer as "count!" from expired
            "#,
            limit,
        )
        .fetch_one(&mut *connection)
        .await?;
        count(expired)
    }

    /// Forgets idempotency keys that are past their time, at most `limit`; answers how many.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn purge_idempotency(&self, limit: i64) -> Result<u64, Error> {
        let mut connection = self.acquire().await?;
        let purged = sqlx::query!(
            r#"
            delete from idempotency
            where (tenant_id, key) in (
                select tenant_id, key from idempotency where expires_at <= now() order by expires_at limit $1
            )
            "#,
            limit,
        )
        .execute(&mut *connection)
        .await?;
        Ok(purged.rows_affected())
    }

    /// Forgets worker processes that have been gone for an hour and hold nothing, at most `limit`; answers how many.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn purge_workers(&self, limit: i64) -> Result<u64, Error> {
        let mut connection = self.acquire().await?;
        let purged = sqlx::query!(
            r#"
            delete from worker
            where id in (
                select id from worker w
                where w.lease_expires_at < now() - interval '1 hour'
                  and not exists (select from claim c where c.worker_id = w.id)
                limit $1
            )
            "#,
            limit,
        )
        .execute(&mut *connection)
        .await?;
        Ok(purged.rows_affected())
    }
}
