//! Keeps the dead-letter queues of the lanes in agreement with the database.
//!
//! A dead letter's row is the truth, and its message a copy for people: a queue whose depth raises an alarm, and from
//! which a job can be moved back. One pass sends the messages that are owed. The other one compares the depth of each
//! queue with the rows; where they differ, and from time to time anyway, it reads the queue, deletes what no row stands
//! behind, and has sent again what is not there.

mod announce;
mod reading;
mod reconcile;
mod verdict;

use std::sync::Arc;
use std::time::Duration;

use domain::QueueName;
use queue::Queue;
use store::Store;

use super::pass::Pass;
use crate::config::DeadLetterConfig;
use crate::consumer::Lane;

/// How long the database or the queue may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A lane that has a dead-letter queue.
#[derive(Clone, Debug)]
struct DeadLetterQueue {
    lane: QueueName,
    queue: Arc<dyn Queue>,
}

/// The passes; none where the lane has no dead-letter queue.
pub(crate) fn passes(store: &Store, lane: &Lane, config: &DeadLetterConfig) -> Option<[Box<dyn Pass>; 2]> {
    let source = DeadLetterQueue {
        lane: lane.name.clone(),
        queue: Arc::clone(lane.dead_letters.as_ref()?),
    };
    Some([
        Box::new(announce::Announce {
            store: store.clone(),
            source: source.clone(),
            interval: config.announce,
        }),
        Box::new(reconcile::Reconcile::new(store.clone(), source, config.clone())),
    ])
}
