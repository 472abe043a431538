//! Jobs whose announcement nobody heard.
//!
//! A message can be swallowed: a worker that was killed leaves long polls behind, and what the queue gives to them stays
//! hidden for as long as if somebody worked on it. A worker with free slots has no reason to wait for that: it looks
//! into the outbox, and starts what was announced a moment ago and is still there. When all workers are busy nobody
//! looks, so a backlog is left to the queue.

use std::sync::Arc;
use std::time::Duration;

use queue::{Delivery, Message, Receipt};
use runtime::metric;
use store::Doorbell;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backoff::around;
use crate::consumer::Consumer;
use crate::error::{Error, within};
use crate::messages::Messages;

/// The most jobs that are started at a time, beside those that the queue brings.
const MAX_BATCH: u32 = 10;
/// How long a message may be under way.
const AGE: Duration = Duration::from_secs(1);
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
            idle_slots: self.idle_slots,
        }))
    }

    /// Looks for unheard doorbells of the lane until `stop` is cancelled; their attempts go to `attempts`.
    pub(crate) async fn run_unheard(self: Arc<Self>, attempts: TaskTracker, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.start_unheard(&attempts, AGE).await {
                tracing::debug!(error.chain = %runtime::error_chain(&error), queue = %self.lane.name, "nobody looked for unheard doorbells");
            }
            let pause = around(INTERVAL, runtime::random::jitter());
            stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
    }

    /// Starts jobs that were announced, have been queued for `age`, and are still there, as far as there are free
    /// slots; answers how many were found.
    ///
    /// # Errors
    /// When the database did not answer.
    pub(crate) async fn start_unheard(
        self: &Arc<Self>,
        attempts: &TaskTracker,
        age: Duration,
    ) -> Result<usize, Error> {
        let slots = &self.shared.slots;
        let free = u32::try_from(slots.available_permits())
            .unwrap_or(u32::MAX)
            .min(MAX_BATCH);
        if free == 0 || self.shared.identity.current().is_none() {
            return Ok(0);
        }
        let looked = self
            .shared
            .store
            .unheard_doorbells(&self.lane.name, age, free.into());
        let doorbells = within(PATIENCE, looked).await?;
        let Ok(slots) =
            Arc::clone(slots).try_acquire_many_owned(u32::try_from(doorbells.len()).unwrap_or(free))
        else {
            return Ok(0);
        };
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
