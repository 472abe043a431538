//! Queues jobs whose time has come.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use domain::QueueName;
use queue::postgres::Bell;
use store::Store;

use super::pass::{Counts, Pass};
use crate::error::Error;

/// See the module.
pub(crate) struct Promote {
    pub(crate) store: Store,
    pub(crate) bell: Bell,
    pub(crate) interval: Duration,
}

#[async_trait]
impl Pass for Promote {
    fn name(&self) -> &'static str {
        "promote"
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    async fn run_once(&self, limit: i32) -> Result<Counts, Error> {
        let lanes = self.store.promote_due(limit.into()).await?;
        let (changed, more) = (lanes.len() as u64, lanes.len() as i64 >= i64::from(limit));
        let lanes: BTreeSet<String> = lanes.into_iter().collect();
        lanes
            .iter()
            .filter_map(|lane| lane.parse::<QueueName>().ok())
            .for_each(|lane| self.bell.ring(&lane));
        let next_in = if more { None } else { self.next_in().await? };
        Ok(Counts {
            changed,
            more,
            next_in,
        })
    }
}

impl Promote {
    async fn next_in(&self) -> Result<Option<Duration>, Error> {
        let next = self.store.next_due_at().await?;
        // By this process's clock, so maybe too soon or too late; the interval bounds the mistake.
        Ok(next.map(|next| (next - runtime::clock::now()).to_std().unwrap_or_default()))
    }
}
