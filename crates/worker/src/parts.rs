//! What a worker is put together from, and what does not go together.

use queue::postgres::{Bell, Listener};
use store::Store;

use crate::config::Config;
use crate::consumer::Lane;
use crate::registry::Registry;

/// What a worker is made of.
#[derive(Debug)]
pub struct Parts {
    /// The database, as [`store::Role::Worker`].
    pub store: Store,
    /// Tells that jobs are queued.
    pub bell: Bell,
    /// Hears that jobs are queued.
    pub listener: Listener,
    /// The lanes to take jobs from.
    pub lanes: Vec<Lane>,
    /// The handlers.
    pub registry: Registry,
    /// The settings.
    pub config: Config,
    /// Where this process runs, for people.
    pub host: String,
}

impl Parts {
    /// What does not go together, one sentence each.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = self.config.problems();
        if self.lanes.is_empty() {
            problems.push("a worker needs at least one lane".to_owned());
        }
        for (index, lane) in self.lanes.iter().enumerate() {
            if self.lanes[..index].iter().any(|other| other.name == lane.name) {
                problems.push(format!("the lane {} is given twice", lane.name));
            }
            if lane.dead_letters.as_ref().is_some_and(|queue| queue.is_outbox()) {
                problems.push(format!(
                    "the dead letters of the lane {} can't go to an outbox",
                    lane.name
                ));
            }
        }
        problems
    }
}
