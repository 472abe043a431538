//! The outbox as the dispatcher sees it: doorbells that SQS has to be told.

use std::time::Duration;

use domain::{JobId, QueueName, TenantId};

use crate::error::Error;
use crate::pool::Store;
use crate::row::ms;

/// A queued job that has to be announced.
#[derive(Clone, Debug)]
pub struct Doorbell {
    /// The job.
    pub job_id: JobId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// The W3C trace context of the submit.
    pub traceparent: Option<String>,
}

impl Store {
    /// Takes doorbells of a lane that are not announced, or whose announcement nobody has answered. Each stays hidden
    /// from other dispatchers for `base` after its first announcement, four times as long after each further one, and
    /// at most an hour: so a message that is lost is sent again soon, and a long backlog is not announced over and over.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn take_doorbells(
        &self,
        queue: &QueueName,
        limit: i64,
        base: Duration,
    ) -> Result<Vec<Doorbell>, Error> {
        let mut connection = self.acquire().await?;
        let rows = sqlx::query!(
            r#"
            with visible as (
                select job_id from outbox
                where queue = $1 and visible_at <= now()
                order by visible_at limit $2
                for update skip locked
            )
            update outbox o
            set receive_count = o.receive_count + 1, announced_at = now(),
                visible_at = now() + least($3::bigint * power(4, least(o.receive_count, 10)), 3600000)
                    * interval '1 millisecond'
            from visible v
            where o.job_id = v.job_id
            returning o.job_id, o.tenant_id, o.traceparent
            "#,
            queue.as_str(),
            limit,
            ms(base),
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| Doorbell {
                job_id: JobId(row.job_id),
                tenant_id: TenantId(row.tenant_id),
                traceparent: row.traceparent,
            })
            .collect())
    }

    /// Takes doorbells of a lane that were announced longer than `age` ago and that nobody has answered; the longest
    /// announced first, at most `limit`. They count as announced anew, so that workers who look at the same time find
    /// different ones; when their queue announces them again stays as it is.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn take_unheard_doorbells(
        &self,
        queue: &QueueName,
        age: Duration,
        limit: i64,
    ) -> Result<Vec<Doorbell>, Error> {
        let mut connection = self.acquire().await?;
        let rows = sqlx::query!(
            r#"
            with unheard as (
                select job_id from outbox
                where queue = $1 and announced_at <= now() - $2::bigint * interval '1 millisecond'
                order by announced_at limit $3
                for update skip locked
            )
            update outbox o set announced_at = now()
            from unheard u
            where o.job_id = u.job_id
            returning o.job_id, o.tenant_id, o.traceparent
            "#,
            queue.as_str(),
            ms(age),
            limit,
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| Doorbell {
                job_id: JobId(row.job_id),
                tenant_id: TenantId(row.tenant_id),
                traceparent: row.traceparent,
            })
            .collect())
    }

    /// Makes doorbells visible again after `wait`, because they could not be sent.
    ///
    /// # Errors
    /// When the statement failed; they become visible by themselves later.
    pub async fn return_doorbells(&self, ids: &[JobId], wait: Duration) -> Result<(), Error> {
        let ids: Vec<uuid::Uuid> = ids.iter().map(|id| id.0).collect();
        let mut connection = self.acquire().await?;
        sqlx::query!(
            r#"
            update outbox
            set visible_at = now() + $2::bigint * interval '1 millisecond', announced_at = null,
                receive_count = greatest(receive_count - 1, 0)
            where job_id = any($1)
            "#,
            &ids,
            ms(wait),
        )
        .execute(&mut *connection)
        .await?;
        Ok(())
    }
}
