//! Forgets what workers did so long ago that no rate looks back on it.

use std::time::Duration;

use async_trait::async_trait;
use store::Store;

use super::pass::{Counts, Pass};
use crate::error::Error;

/// The time between two runs.
const INTERVAL: Duration = Duration::from_mins(1);

/// See the module.
pub(crate) struct PurgeActivity {
    pub(crate) store: Store,
}

#[async_trait]
impl Pass for PurgeActivity {
    fn name(&self) -> &'static str {
        "activity"
    }

    fn interval(&self) -> Duration {
        INTERVAL
    }

    async fn run_once(&self, limit: i32) -> Result<Counts, Error> {
        let changed = self.store.purge_activity(limit.into()).await?;
        Ok(Counts {
            changed,
            more: changed >= u64::from(limit.unsigned_abs()),
            next_in: None,
        })
    }
}
