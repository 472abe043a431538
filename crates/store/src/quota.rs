//! How many jobs a tenant may have waiting, and how many wait.

use domain::{QueueName, TenantId};

use crate::error::Error;
use crate::pool::Store;
use crate::row::count;

/// The waiting jobs of a tenant that may not have any number of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Waiting {
    /// The most that may wait.
    pub limit: u32,
    /// How many do: queued, due later, or waiting for another attempt. Not counted beyond the limit.
    pub jobs: u32,
}

impl Store {
    /// Counts a tenant's waiting jobs in these lanes, and those that are due later, up to its quota; `None` when it has no
    /// quota, and then nothing is counted.
    ///
    /// # Errors
    /// When a statement failed.
    pub async fn waiting_jobs(
        &self,
        tenant_id: TenantId,
        lanes: &[QueueName],
    ) -> Result<Option<Waiting>, Error> {
        let mut tx = self.begin(tenant_id).await?;
        let limit = sqlx::query_scalar!("select max_queued_jobs from tenant where id = $1", tenant_id.0)
            .fetch_optional(&mut *tx)
            .await?;
        let Some(limit) = limit.flatten() else {
            tx.commit().await?;
            return Ok(None);
        };
        let lanes: Vec<String> = lanes.iter().map(ToString::to_string).collect();
        // Lane by lane, so that each is one short walk along its index.
        let jobs = sqlx::query_scalar!(
            r#"
            select least($3, (
                select count(*) from unnest($2::text[]) as lane
                cross join lateral (
                    select from outbox o where o.queue = lane and o.tenant_id = $1 limit $3
                ) queued
            ) + (
                select count(*) from (select from due d where d.tenant_id = $1 limit $3) later
            ))::integer as "jobs!"
            "#,
            tenant_id.0,
            &lanes,
            i64::from(limit),
        )
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Some(Waiting {
            limit: count(limit)?,
            jobs: count(jobs)?,
        }))
    }
}
