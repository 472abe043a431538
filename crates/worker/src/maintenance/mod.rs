//! Sweeps that one worker at a time does for all: the leader, who holds an advisory lock.
//!
//! They are the truth behind every signal: what was announced and not heard is found here. Should two workers lead for a
//! moment, nothing breaks, because every change is fenced; it is only done in vain.

mod backlog;
mod dead_letters;
mod expire;
mod leader;
mod pass;
mod promote;
mod recover;
mod retention;

use std::sync::Arc;

use queue::postgres::Bell;
use store::Store;

pub use pass::{Counts, Pass};

use crate::config::MaintenanceConfig;
use crate::consumer::Lane;
use crate::news::News;

/// The sweeps, and who does them.
#[derive(Clone)]
pub(crate) struct Maintenance {
    pub(crate) store: Store,
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
        let mut passes: Vec<Box<dyn Pass>> = vec![
            Box::new(backlog::CountBacklog::new(store, &names, config.backlog)),
            Box::new(promote::Promote {
                store: store.clone(),
                bell: bell.clone(),
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
        passes.extend(dead_letters::passes(store, lanes, &config.dead_letters));
        Self {
            store: store.clone(),
            config,
            passes: passes.into(),
        }
    }

    /// The sweep of this name.
    pub(crate) fn pass(&self, name: &str) -> Option<&dyn Pass> {
        self.passes
            .iter()
            .map(|pass| &**pass)
            .find(|pass| pass.name() == name)
    }
}
