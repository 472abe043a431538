//! Keeping the messages of running jobs hidden.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use queue::{Queue, Receipt};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

/// The messages of one lane whose jobs run in this process.
///
/// This only saves useless deliveries. Should a message become visible while its job runs, the claim tells that the
/// job is held; so a message that the queue refuses to hide any longer (SQS does after 12 hours) is let go, and the
/// lease in Postgres alone decides.
#[derive(Debug)]
pub(crate) struct Hidden {
    visibility: Duration,
    next: AtomicU64,
    messages: Mutex<HashMap<u64, Message>>,
}

#[derive(Debug)]
struct Message {
    receipt: Receipt,
    hidden_at: Instant,
}

impl Hidden {
    pub(crate) fn new(visibility: Duration) -> Self {
        Self {
            visibility,
            next: AtomicU64::new(0),
            messages: Mutex::default(),
        }
    }

    /// Keeps a message hidden until the guard is dropped.
    pub(crate) fn keep(self: &Arc<Self>, receipt: Receipt) -> KeptHidden {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let hidden_at = Instant::now();
        self.messages().insert(id, Message { receipt, hidden_at });
        KeptHidden {
            hidden: Arc::clone(self),
            id,
        }
    }

    pub(crate) async fn run(self: Arc<Self>, queue: Arc<dyn Queue>, stop: CancellationToken) {
        let mut ticks = interval(self.visibility / 2);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            self.run_once(&*queue).await;
        }
    }

    /// Hides what would become visible before the next run or soon after it.
    async fn run_once(&self, queue: &dyn Queue) {
        let now = Instant::now();
        let old = self.visibility / 3;
        let (ids, receipts): (Vec<u64>, Vec<Receipt>) = self
            .messages()
            .iter()
            .filter(|(_, message)| now.duration_since(message.hidden_at) >= old)
            .map(|(id, message)| (*id, message.receipt.clone()))
            .unzip();
        if ids.is_empty() {
            return;
        }
        let failures = match timeout(self.visibility / 4, queue.extend(&receipts, self.visibility)).await {
            Ok(Ok(failures)) => failures,
            Ok(Err(error)) => {
                tracing::warn!(error.chain = %runtime::error_chain(&error), messages = ids.len(), "messages of running jobs may be delivered again");
                return;
            }
            Err(_) => {
                tracing::warn!(
                    messages = ids.len(),
                    "messages of running jobs may be delivered again"
                );
                return;
            }
        };
        let mut messages = self.messages();
        for id in &ids {
            if let Some(message) = messages.get_mut(id) {
                message.hidden_at = now;
            }
        }
        for failure in failures {
            let Some(id) = ids.get(failure.index) else {
                continue;
            };
            match failure.error {
                // As old as before: the next run tries again.
                queue::Error::Unavailable(_) => {
                    if let Some(message) = messages.get_mut(id) {
                        message.hidden_at = now.checked_sub(old).unwrap_or(now);
                    }
                }
                queue::Error::Rejected(_) | queue::Error::StaleReceipt => {
                    messages.remove(id);
                }
            }
        }
    }

    fn messages(&self) -> MutexGuard<'_, HashMap<u64, Message>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One message that is kept hidden.
#[derive(Debug)]
pub(crate) struct KeptHidden {
    hidden: Arc<Hidden>,
    id: u64,
}

impl Drop for KeptHidden {
    fn drop(&mut self) {
        self.hidden.messages().remove(&self.id);
    }
}
