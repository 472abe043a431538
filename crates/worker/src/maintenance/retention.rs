//! Makes the partitions of the next days, drops those past their retention, and forgets the rest.

use std::time::Duration;

use async_trait::async_trait;
use store::Store;

use super::pass::{Counts, Pass};
use crate::error::Error;

/// Makes the partitions of the next days.
pub(crate) struct Partitions {
    pub(crate) store: Store,
    pub(crate) ahead_days: i32,
    pub(crate) interval: Duration,
}

/// Drops the days that are past their retention, one per run.
pub(crate) struct Drop {
    pub(crate) store: Store,
    pub(crate) keep_days: i32,
    pub(crate) interval: Duration,
}

/// Forgets what is not partitioned: jobs that outlived their day's partition, idempotency keys, and workers.
pub(crate) struct Purge {
    pub(crate) store: Store,
    pub(crate) keep_days: i32,
    pub(crate) interval: Duration,
}

#[async_trait]
impl Pass for Partitions {
    fn name(&self) -> &'static str {
        "partitions"
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    async fn run_once(&self, _limit: i32) -> Result<Counts, Error> {
        let made = self.store.ensure_partitions(self.ahead_days).await?;
        Ok(Counts {
            changed: made.into(),
            ..Counts::default()
        })
    }
}

#[async_trait]
impl Pass for Drop {
    fn name(&self) -> &'static str {
        "retention"
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    async fn run_once(&self, _limit: i32) -> Result<Counts, Error> {
        let dropped = self.store.drop_oldest_partition(self.keep_days).await?;
        if let Some(partition) = &dropped {
            tracing::info!(partition, "a day past its retention was dropped");
        }
        Ok(Counts {
            changed: dropped.is_some().into(),
            more: dropped.is_some(),
            next_in: None,
        })
    }
}

#[async_trait]
impl Pass for Purge {
    fn name(&self) -> &'static str {
        "purge"
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    async fn run_once(&self, limit: i32) -> Result<Counts, Error> {
        let jobs: u64 = self.store.purge_rest(self.keep_days, limit).await?.into();
        let keys = self.store.purge_idempotency(limit.into()).await?;
        let workers = self.store.purge_workers().await?;
        let full = u64::from(limit.unsigned_abs());
        Ok(Counts {
            changed: jobs + keys + workers,
            more: jobs >= full || keys >= full,
            next_in: None,
        })
    }
}
