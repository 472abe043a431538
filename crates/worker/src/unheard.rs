//! Jobs whose announcement nobody heard.
//!
//! A message can be swallowed: a worker that was killed leaves long polls behind, and what the queue gives to them stays
//! hidden for as long as if somebody worked on it. Or somebody purges the queue. A worker with free slots has no reason
//! to wait until such jobs are announced again: it looks into the outbox, and starts what was announced a moment ago and
//! is still there.
//!
//! How much it takes depends on what the queue says. While receives bring what they ask for, the messages of most of
//! these jobs are only waiting their turn, and each would later cost a claim in vain: so a few jobs a second are taken,
//! and none when all slots are busy. Once a receive brings less, or waits, the queue has nothing to give to this worker,
//! and what is in the outbox is taken as fast as there are slots, until a receive brings enough again.

use std::sync::Arc;
use std::time::Duration;

use queue::{Delivery, Message, Receipt};
use runtime::metric;
use store::Doorbell;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backoff::around;
use crate::consumer::{Consumer, MAX_BATCH};
use crate::error::{Error, within};
use crate::messages::Messages;

/// The most jobs that are started at a time beside those of a queue that brings what it is asked for.
const MAX_BESIDE: usize = 10;
/// How long a message may be under way, and a receive wait for one before the queue counts as silent.
pub(crate) const AGE: Duration = Duration::from_secs(1);
/// The time between two looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long the database may take.
const PATIENCE: Duration = Duration::from_secs(5);

impl Consumer {
    /// The same lane's consumer for jobs that were found without their message; `None` where the outbox is the queue,
    /// which hides nothing for long.
    pub(crate) fn without_messages(&self) -> Option<Arc<Self>> {
        self.hidden.as_ref()?;
        Some(Arc::new(Self {
            lane: self.lane.clone(),
            shared: Arc::clone(&self.shared),
            messages: Messages::none(),
            hidden: None,
            share: self.share,
            silent: Arc::clone(&self.silent),
            window: Arc::clone(&self.window),
        }))
    }

    /// Looks for unheard doorbells of the lane until `stop` is cancelled; their attempts go to `attempts`.
    pub(crate) async fn run_unheard(self: Arc<Self>, attempts: TaskTracker, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let slots = if self.is_silent() {
                stop.run_until_cancelled(self.free_slots(MAX_BATCH)).await
            } else {
                self.spare_slots()
            };
            let wanted = slots.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
            let found = match slots {
                Some(slots) => self.start_unheard(slots, &attempts).await,
                None => Ok(0),
            };
            let found = found.unwrap_or_else(|error| {
                tracing::debug!(error.chain = %runtime::error_chain(&error), queue = %self.lane.name, "nobody looked for unheard doorbells");
                0
            });
            if found == 0 || found < wanted || !self.is_silent() {
                let pause = around(INTERVAL, runtime::random::jitter());
                stop.run_until_cancelled(tokio::time::sleep(pause)).await;
            }
        }
    }

    /// A few slots, if there are free ones at this moment and this worker is registered.
    fn spare_slots(&self) -> Option<OwnedSemaphorePermit> {
        self.shared.identity.current()?;
        let slots = &self.shared.slots;
        let spare = u32::try_from(slots.available_permits().min(MAX_BESIDE)).ok()?;
        (spare > 0).then(|| Arc::clone(slots).try_acquire_many_owned(spare).ok())?
    }

    /// Starts jobs that were announced a moment ago and are still there, one for each slot at most; answers how many
    /// were found.
    async fn start_unheard(
        self: &Arc<Self>,
        slots: OwnedSemaphorePermit,
        attempts: &TaskTracker,
    ) -> Result<usize, Error> {
        let limit = i64::try_from(slots.num_permits()).unwrap_or(i64::MAX);
        let store = &self.shared.store;
        let holds = self.shared.holds.watch(&self.lane.name).borrow().clone();
        let taken = store.take_unheard_doorbells(&self.lane.name, AGE, limit, &holds);
        let doorbells = within(PATIENCE, taken).await?;
        if doorbells.is_empty() {
            return Ok(0);
        }
        let found = doorbells.len();
        metric::UNHEARD_DOORBELLS.with([]).increment(found as u64);
        let claimed = self
            .claim(doorbells.into_iter().map(as_delivery).collect(), slots)
            .await?;
        self.spawn(claimed, attempts).await;
        Ok(found)
    }
}

/// As if its message had come; there is none to be cared for.
fn as_delivery(doorbell: Doorbell) -> Delivery {
    Delivery {
        message: Ok(Message {
            job_id: doorbell.job_id,
            tenant_id: doorbell.tenant_id,
            traceparent: doorbell.traceparent,
            dead_letter: None,
        }),
        receipt: Receipt(String::new()),
        receive_count: 0,
    }
}
