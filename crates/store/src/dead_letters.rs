//! Dead letters as their tenant sees them: found, grouped by cause, retried and discarded, many at a time.

use chrono::{DateTime, Utc};
use domain::{JobId, TenantId};
use uuid::Uuid;

use crate::error::Error;
use crate::pool::Store;
use crate::row::count;

/// A failed job that waits for a decision.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// The job.
    pub job_id: JobId,
    /// Names the handler.
    pub kind: String,
    /// The lane.
    pub queue: String,
    /// Labels.
    pub tags: Vec<String>,
    /// When it was submitted.
    pub created_at: DateTime<Utc>,
    /// When its last attempt failed.
    pub failed_at: DateTime<Utc>,
    /// The number of that attempt.
    pub attempt: u32,
    /// The class of the failure.
    pub error_code: String,
    /// The failure, for a person.
    pub error_message: Option<String>,
    /// Equal for failures of the same cause.
    pub fingerprint: String,
}

/// Dead letters with the same kind and fingerprint.
#[derive(Clone, Debug)]
pub struct DeadLetterGroup {
    /// Equal for failures of the same cause.
    pub fingerprint: String,
    /// Names the handler.
    pub kind: String,
    /// The class of the failures.
    pub error_code: String,
    /// How many there are.
    pub count: u64,
    /// When the first of them failed.
    pub first_failed_at: DateTime<Utc>,
    /// When the last of them failed.
    pub last_failed_at: DateTime<Utc>,
    /// The job that was submitted last.
    pub example_job_id: JobId,
    /// What that one's failure said.
    pub example_message: Option<String>,
}

/// Which dead letters are meant; what is `None` does not filter.
#[derive(Clone, Debug, Default)]
pub struct DeadLetterFilter {
    /// These jobs.
    pub job_ids: Option<Vec<JobId>>,
    /// Of this kind.
    pub kind: Option<String>,
    /// In this lane.
    pub queue: Option<String>,
    /// With this label.
    pub tag: Option<String>,
    /// With a failure of this class.
    pub error_code: Option<String>,
    /// With this cause.
    pub fingerprint: Option<String>,
    /// Failed at or after this.
    pub failed_after: Option<DateTime<Utc>>,
    /// Failed before this.
    pub failed_before: Option<DateTime<Utc>>,
}

/// What a bulk retry did.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RedrivenDeadLetters {
    /// How many jobs are queued again.
    pub jobs: u64,
    /// The lanes to ring.
    pub queues: Vec<String>,
}

impl DeadLetterFilter {
    pub(crate) fn uuids(&self) -> Option<Vec<Uuid>> {
        let ids = self.job_ids.as_ref()?;
        Some(ids.iter().map(|id| id.0).collect())
    }
}

impl Store {
    /// Reads up to `limit` dead letters, those that were submitted last first, from the one after `before`.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn list_dead_letters(
        &self,
        tenant_id: TenantId,
        filter: &DeadLetterFilter,
        before: Option<JobId>,
        limit: i64,
    ) -> Result<Vec<DeadLetter>, Error> {
        let job_ids = filter.uuids();
        let mut tx = self.begin(tenant_id).await?;
        let rows = sqlx::query!(
            r#"
            select d.job_id as "job_id!", d.kind as "kind!", d.queue as "queue!", d.failed_at as "failed_at!",
                   d.attempt as "attempt!", d.error_code as "error_code!", d.fingerprint as "fingerprint!",
                   j.tags, j.created_at, j.error_message
            from matching_dead_letters($1, $2, $3, $4, $5, $6, $7, $8) d join job j on j.id = d.job_id
            where $9::uuid is null or d.job_id < $9
            order by d.job_id desc
            limit $10
            "#,
            job_ids.as_deref(),
            filter.kind,
            filter.queue,
            filter.tag,
            filter.error_code,
            filter.fingerprint,
            filter.failed_after,
            filter.failed_before,
            before.map(|id| id.0),
            limit,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        rows.into_iter()
            .map(|row| {
                Ok(DeadLetter {
                    job_id: JobId(row.job_id),
                    kind: row.kind,
                    queue: row.queue,
                    tags: row.tags,
                    created_at: row.created_at,
                    failed_at: row.failed_at,
                    attempt: count(row.attempt)?,
                    error_code: row.error_code,
                    error_message: row.error_message,
                    fingerprint: row.fingerprint,
                })
            })
            .collect()
    }

    /// Groups dead letters by kind and cause: the `limit` greatest groups.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn group_dead_letters(
        &self,
        tenant_id: TenantId,
        filter: &DeadLetterFilter,
        limit: i64,
    ) -> Result<Vec<DeadLetterGroup>, Error> {
        let job_ids = filter.uuids();
        let mut tx = self.begin(tenant_id).await?;
        let rows = sqlx::query!(
            r#"
            select g.fingerprint as "fingerprint!", g.kind as "kind!", g.error_code as "error_code!",
                   g.jobs as "jobs!", g.first_failed_at as "first_failed_at!", g.last_failed_at as "last_failed_at!",
                   e.id as "example_job_id!", e.error_message as "example_message?"
            from (
                select fingerprint, kind, min(error_code) as error_code, count(*) as jobs,
                       min(failed_at) as first_failed_at, max(failed_at) as last_failed_at,
                       (array_agg(job_id order by job_id desc))[1] as example_job_id
                from matching_dead_letters($1, $2, $3, $4, $5, $6, $7, $8)
                group by fingerprint, kind
                order by count(*) desc, max(failed_at) desc
                limit $9
            ) g
            join job e on e.id = g.example_job_id
            order by g.jobs desc, g.last_failed_at desc
            "#,
            job_ids.as_deref(),
            filter.kind,
            filter.queue,
            filter.tag,
            filter.error_code,
            filter.fingerprint,
            filter.failed_after,
            filter.failed_before,
            limit,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        rows.into_iter()
            .map(|row| {
                Ok(DeadLetterGroup {
                    fingerprint: row.fingerprint,
                    kind: row.kind,
                    error_code: row.error_code,
                    count: u64::try_from(row.jobs).map_err(Error::corrupt)?,
                    first_failed_at: row.first_failed_at,
                    last_failed_at: row.last_failed_at,
                    example_job_id: JobId(row.example_job_id),
                    example_message: row.example_message,
                })
            })
            .collect()
    }

    /// Counts dead letters; what a bulk command would do. Also tells when that was, by the clock that wrote when they
    /// failed: after all that were counted, and before whatever follows.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn count_dead_letters(
        &self,
        tenant_id: TenantId,
        filter: &DeadLetterFilter,
    ) -> Result<(u64, DateTime<Utc>), Error> {
        let job_ids = filter.uuids();
        let mut tx = self.begin(tenant_id).await?;
        let row = sqlx::query!(
            r#"
            select count(*) as "jobs!", clock_timestamp() as "as_of!"
            from matching_dead_letters($1, $2, $3, $4, $5, $6, $7, $8)
            "#,
            job_ids.as_deref(),
            filter.kind,
            filter.queue,
            filter.tag,
            filter.error_code,
            filter.fingerprint,
            filter.failed_after,
            filter.failed_before,
        )
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok((u64::try_from(row.jobs).map_err(Error::corrupt)?, row.as_of))
    }
}
