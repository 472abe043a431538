//! Ends jobs that were not started by their `start_by`.

use std::time::Duration;

use async_trait::async_trait;
use runtime::metric;
use store::Store;

use super::pass::{Counts, Pass};
use crate::error::Error;

/// See the module.
pub(crate) struct Expire {
    pub(crate) store: Store,
    pub(crate) interval: Duration,
}

#[async_trait]
impl Pass for Expire {
    fn name(&self) -> &'static str {
        "expire"
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    async fn run_once(&self, limit: i32) -> Result<Counts, Error> {
        let expired = self.store.expire(limit.into()).await?;
        metric::JOBS_EXPIRED.with([]).increment(expired.into());
        Ok(Counts {
            changed: expired.into(),
            more: i64::from(expired) >= i64::from(limit),
            next_in: None,
        })
    }
}
