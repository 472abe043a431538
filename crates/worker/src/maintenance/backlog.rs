//! Counts what waits, for operators.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::QueueName;
use runtime::metric;
use store::{Backlog, Store};

use super::pass::{Counts, Pass};
use crate::error::Error;

/// See the module.
pub(crate) struct CountBacklog {
    store: Store,
    interval: Duration,
    /// The lanes that were told of: one that is empty again must be told to be.
    lanes: Mutex<BTreeSet<String>>,
}

impl CountBacklog {
    pub(crate) fn new(store: &Store, lanes: &[QueueName], interval: Duration) -> Self {
        Self {
            store: store.clone(),
            interval,
            lanes: Mutex::new(lanes.iter().map(ToString::to_string).collect()),
        }
    }

    fn tell(&self, backlog: &Backlog) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.extend(backlog.lanes.iter().map(|lane| lane.queue.clone()));
        for name in &*lanes {
            let lane = backlog.lanes.iter().find(|lane| lane.queue == *name);
            let (jobs, oldest) = lane.map_or((0, Duration::ZERO), |lane| (lane.jobs, lane.oldest));
            metric::QUEUED_JOBS.with([name.clone().into()]).set(jobs as f64);
            metric::OLDEST_QUEUED.with([name.clone().into()]).set(oldest);
        }
        metric::SCHEDULED_JOBS.with([]).set(backlog.scheduled as f64);
        metric::OVERDUE.with([]).set(backlog.overdue);
        metric::DEAD_LETTERS.with([]).set(backlog.dead_letters as f64);
        metric::WORKERS.with([]).set(backlog.workers as f64);
        metric::RESTING_TARGETS
            .with([])
            .set(backlog.resting_targets as f64);
    }
}

#[async_trait]
impl Pass for CountBacklog {
    fn name(&self) -> &'static str {
        "backlog"
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    async fn run_once(&self, _limit: i32) -> Result<Counts, Error> {
        self.tell(&self.store.backlog().await?);
        Ok(Counts::default())
    }

    /// The next leader tells; two that told would count everything twice.
    fn resigned(&self) {
        self.tell(&Backlog::default());
    }
}
