//! Sweeps that one worker at a time does for all: the leader, who holds an advisory lock. What only workers of one lane
//! can do, because only they know its dead-letter queue, has a leader among them, with a lock of its own.
//!
//! They are the truth behind every signal: what was announced and not heard is found here. Should two workers lead for a
//! moment, nothing breaks, because every change is fenced; it is only done in vain.

mod activity;
mod backlog;
mod dead_letters;
mod expire;
mod fire;
mod leader;
mod pass;
mod promote;
mod recover;
mod retention;

use std::sync::Arc;

use domain::QueueName;
use queue::postgres::Bell;
use store::Store;

pub use pass::{Counts, Pass};

use crate::config::MaintenanceConfig;
use crate::consumer::Lane;
use crate::news::News;

/// Sweeps that have a leader in common.
#[derive(Clone)]
pub(crate) struct Maintenance {
    pub(crate) store: Store,
    /// The lane whose leader does them; absent where they are for all lanes.
    pub(crate) lane: Option<QueueName>,
    pub(crate) config: MaintenanceConfig,
    pub(crate) passes: Arc<[Box<dyn Pass>]>,
}

impl Maintenance {
    pub(crate) fn new(
        store: &Store,
        bell: &Bell,
        news: &News,
        lanes: &[Lane],
        config: MaintenanceConfig,
    ) -> Self {
        let names: Vec<_> = lanes.iter().map(|lane| lane.name.clone()).collect();
        let passes: Vec<Box<dyn Pass>> = vec![
            Box::new(backlog::CountBacklog::new(store, &names, config.backlog)),
            Box::new(activity::PurgeActivity { store: store.clone() }),
            Box::new(promote::Promote {
                store: store.clone(),
                bell: bell.clone(),
                interval: config.due,
            }),
            Box::new(fire::Fire {
                store: store.clone(),
                bell: bell.clone(),
                news: news.clone(),
                interval: config.due,
            }),
            Box::new(expire::Expire {
                store: store.clone(),
                interval: config.due,
            }),
            Box::new(recover::Recover {
                store: store.clone(),
                bell: bell.clone(),
                news: news.clone(),
                lanes: names,
                interval: config.recover,
            }),
            Box::new(retention::Partitions {
                store: store.clone(),
                ahead_days: config.partitions_ahead_days,
                interval: config.retention,
            }),
            Box::new(retention::Drop {
                store: store.clone(),
                keep_days: config.keep_days,
                interval: config.retention,
            }),
            Box::new(retention::Purge {
                store: store.clone(),
                keep_days: config.keep_days,
                interval: config.retention,
            }),
        ];
        Self {
            store: store.clone(),
            lane: None,
            config,
            passes: passes.into(),
        }
    }

    /// The sweeps of a lane's dead-letter queue; none where it has no such queue.
    pub(crate) fn of_dead_letters(store: &Store, lane: &Lane, config: MaintenanceConfig) -> Option<Self> {
        let passes = dead_letters::passes(store, lane, &config.dead_letters)?;
        Some(Self {
            store: store.clone(),
            lane: Some(lane.name.clone()),
            config,
            passes: passes.into(),
        })
    }

    /// The sweep of this name.
    pub(crate) fn pass(&self, name: &str) -> Option<&dyn Pass> {
        self.passes
            .iter()
            .map(|pass| &**pass)
            .find(|pass| pass.name() == name)
    }
}
