//! What workers did lately: for rates, which nobody counts from history.

use domain::{QueueName, TenantId, WorkerId};

use crate::error::Error;
use crate::pool::Store;

/// What one worker did for one tenant in one lane since it last told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Activity {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The lane.
    pub queue: QueueName,
    /// Attempts that it started.
    pub started: u32,
    /// Attempts that succeeded.
    pub succeeded: u32,
    /// Attempts that failed, whether another one follows or not.
    pub failed: u32,
}

impl Store {
    /// Writes down what a worker did since it last told.
    ///
    /// # Errors
    /// When the statement failed; nothing is written down.
    pub async fn tell_activity(&self, worker_id: WorkerId, activities: &[Activity]) -> Result<(), Error> {
        macro_rules! column {
            ($activity:ident => $value:expr) => {
                &activities
                    .iter()
                    .map(|$activity| $value)
                    .collect::<Vec<_>>()[..]
            };
        }
        let number = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        let mut connection = self.acquire().await?;
        sqlx::query!(
            r#"
            insert into queue_activity (worker_id, tenant_id, queue, started, succeeded, failed)
            select $1, a.* from unnest($2::uuid[], $3::text[], $4::integer[], $5::integer[], $6::integer[]) as a
            "#,
            worker_id.0,
            column!(activity => activity.tenant_id.0),
            column!(activity => activity.queue.to_string()),
            column!(activity => number(activity.started)),
            column!(activity => number(activity.succeeded)),
            column!(activity => number(activity.failed)),
        )
        .execute(&mut *connection)
        .await?;
        Ok(())
    }

    /// Forgets what is older than any rate looks back, at most `limit` rows; answers how many.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn purge_activity(&self, limit: i64) -> Result<u64, Error> {
        let mut connection = self.acquire().await?;
        let purged = sqlx::query!(
            r#"
            delete from queue_activity
            where ctid = any (array(
                select ctid from queue_activity where at < now() - interval '5 minutes' order by at limit $1
            ))
            "#,
            limit,
        )
        .execute(&mut *connection)
        .await?;
        Ok(purged.rows_affected())
    }
}
