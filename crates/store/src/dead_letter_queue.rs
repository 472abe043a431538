//! Dead letters as the worker sees them: each owes a message to the dead-letter queue of its lane, where operators see
//! it, count it, and may move it back. The row is the truth: a message that says otherwise is corrected or dropped.

use std::collections::HashMap;
use std::time::Duration;

use domain::{JobId, QueueName, TenantId};
use uuid::Uuid;

use crate::error::Error;
use crate::pool::Store;
use crate::row::{count, ms};
use crate::unique;

/// What has to be said about a dead letter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeadLetterNotice {
    /// The job.
    pub job_id: JobId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// The attempt after which it became a dead letter.
    pub attempt: u32,
}

impl Store {
    /// Takes up to `limit` dead letters of a lane whose message is owed; from now on they count as announced.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn take_owed_dead_letters(
        &self,
        queue: &QueueName,
        limit: i64,
    ) -> Result<Vec<DeadLetterNotice>, Error> {
        let mut connection = self.acquire().await?;
        let rows = sqlx::query!(
            r#"
            with owed as (
                select job_id from dead_letter
                where queue = $1 and announced_at is null
                order by job_id limit $2
                for update skip locked
            )
            update dead_letter d set announced_at = now()
            from owed o
            where d.job_id = o.job_id
            returning d.job_id, d.tenant_id, d.attempt
            "#,
            queue.as_str(),
            limit,
        )
        .fetch_all(&mut *connection)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(DeadLetterNotice {
                    job_id: JobId(row.job_id),
                    tenant_id: TenantId(row.tenant_id),
                    attempt: count(row.attempt)?,
                })
            })
            .collect()
    }

    /// Has dead letters announced again, because their message could not be sent.
    ///
    /// # Errors
    /// When the statement failed; the reconciliation finds them.
    pub async fn owe_dead_letters(&self, ids: &[JobId]) -> Result<(), Error> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let mut connection = self.acquire().await?;
        sqlx::query!(
            "update dead_letter set announced_at = null where job_id = any($1)",
            &ids
        )
        .execute(&mut *connection)
        .await?;
        Ok(())
    }

    /// Has dead letters of a lane announced again that were announced longer than `age` ago and are not among `seen`,
    /// at most `limit`; answers how many.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn owe_unseen_dead_letters(
        &self,
        queue: &QueueName,
        seen: &[JobId],
        age: Duration,
        limit: i64,
    ) -> Result<u64, Error> {
        let seen: Vec<Uuid> = seen.iter().map(|id| id.0).collect();
        let mut connection = self.acquire().await?;
        let owed = sqlx::query!(
            r#"
            update dead_letter set announced_at = null
            where job_id in (
                select job_id from dead_letter
                where queue = $1 and announced_at < now() - $3::bigint * interval '1 millisecond'
                  and not job_id = any($2)
                limit $4
            )
            "#,
            queue.as_str(),
            &seen,
            ms(age),
            limit,
        )
        .execute(&mut *connection)
        .await?;
        Ok(owed.rows_affected())
    }

    /// How many dead letters a lane has whose message should be in its dead-letter queue.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn count_announced_dead_letters(&self, queue: &QueueName) -> Result<u64, Error> {
        let mut connection = self.acquire().await?;
        let jobs = sqlx::query_scalar!(
            r#"select count(*) as "jobs!" from dead_letter where queue = $1 and announced_at is not null"#,
            queue.as_str(),
        )
        .fetch_one(&mut *connection)
        .await?;
        u64::try_from(jobs).map_err(Error::corrupt)
    }

    /// Which of these jobs are dead letters, each with the attempt after which it became one.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn dead_letters_among(&self, ids: &[JobId]) -> Result<HashMap<JobId, u32>, Error> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let mut connection = self.acquire().await?;
        let rows = sqlx::query!(
            "select job_id, attempt from dead_letter where job_id = any($1)",
            &ids
        )
        .fetch_all(&mut *connection)
        .await?;
        rows.into_iter()
            .map(|row| Ok((JobId(row.job_id), count(row.attempt)?)))
            .collect()
    }

    /// Queues a dead letter again whose message somebody moved back to its lane's queue, now and with all its attempts.
    /// `false` when it is no dead letter since this attempt any more, because it was retried or discarded, or when another
    /// job holds its unique key, so that it stays one; nothing is changed.
    ///
    /// # Errors
    /// When the statement failed; nothing was changed.
    pub async fn revive(&self, id: JobId, attempt: u32) -> Result<bool, Error> {
        let mut tx = self.begin_plainly().await?;
        let token = sqlx::query_scalar!(
            "select job_id from dead_letter where job_id = $1 and attempt = $2 for update",
            id.0,
            i32::try_from(attempt).unwrap_or(i32::MAX),
        );
        if token.fetch_optional(&mut *tx).await?.is_none()
            || !unique::reclaim(&mut tx, &[id.0]).await?.is_empty()
        {
            return Ok(false);
        }
        let revived = sqlx::query_scalar!(
            r#"
            with token as (
                delete from dead_letter where job_id = $1 and attempt = $2 returning job_id
            ), redriven as (
                update job j
                set state = 'queued', version = version + 1, attempts_spent = 0, run_at = now(), finished_at = null,
                    cancel_requested_at = null, error_code = null, error_message = null
                from token t
                where j.id = t.job_id and j.state = 'failed'
                returning j.id, j.tenant_id, j.queue, j.traceparent, j.version
            ), rung as (
                insert into outbox (job_id, tenant_id, queue, traceparent)
                select id, tenant_id, queue, traceparent from redriven
            ), history as (
                insert into job_event (job_id, number, tenant_id, event) select id, version, tenant_id, 'redriven' from redriven
            )
            select count(*) as "jobs!" from redriven
            "#,
            id.0,
            i32::try_from(attempt).unwrap_or(i32::MAX),
        )
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(revived > 0)
    }
}
