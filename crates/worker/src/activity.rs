//! What this worker does for each tenant and lane, told about as often as its heart beats.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{Event, QueueName, TenantId};
use store::Store;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::backoff::around;
use crate::error::{Error, within};
use crate::identity::Identity;

/// How long the database may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was not told yet.
#[derive(Debug, Default)]
pub(crate) struct Activity(Mutex<HashMap<(TenantId, QueueName), Counts>>);

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    started: u32,
    succeeded: u32,
    failed: u32,
}

impl Activity {
    /// An attempt was started.
    pub(crate) fn started(&self, tenant_id: TenantId, lane: &QueueName) {
        self.count(tenant_id, lane, |counts| counts.started += 1);
    }

    /// An attempt's end was recorded.
    pub(crate) fn ended(&self, tenant_id: TenantId, lane: &QueueName, event: Event) {
        match event {
            Event::Succeeded => self.count(tenant_id, lane, |counts| counts.succeeded += 1),
            Event::Failed | Event::RetryScheduled => {
                self.count(tenant_id, lane, |counts| counts.failed += 1);
            }
            // Neither a success nor a failure, or not how an attempt ends.
            Event::Snoozed
            | Event::Released
            | Event::Cancelled
            | Event::Promoted
            | Event::Started
            | Event::LeaseExpired
            | Event::Expired
            | Event::Redriven
            | Event::Discarded => {}
        }
    }

    fn count(&self, tenant_id: TenantId, lane: &QueueName, add: impl FnOnce(&mut Counts)) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        add(counts.entry((tenant_id, lane.clone())).or_default());
    }

    /// Tells again and again, until `stop` is cancelled, and then once more.
    pub(crate) async fn run(
        self: Arc<Self>,
        store: Store,
        identity: Identity,
        interval: Duration,
        stop: CancellationToken,
    ) {
        while !stop.is_cancelled() {
            stop.run_until_cancelled(sleep(around(interval, runtime::random::jitter())))
                .await;
            if let Err(error) = self.tell(&store, &identity).await {
                tracing::debug!(error.chain = %runtime::error_chain(&error), "what was done could not be told");
            }
        }
    }

    /// Tells what was done since the last time. What could not be told is left out of the rates: told late, it would be
    /// counted for a minute in which it was not done.
    pub(crate) async fn tell(&self, store: &Store, identity: &Identity) -> Result<(), Error> {
        let counts = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let Some(worker_id) = identity.current().filter(|_| !counts.is_empty()) else {
            return Ok(());
        };
        let activities: Vec<store::Activity> = counts
            .into_iter()
            .map(|((tenant_id, queue), counts)| store::Activity {
                tenant_id,
                queue,
                started: counts.started,
                succeeded: counts.succeeded,
                failed: counts.failed,
            })
            .collect();
        within(PATIENCE, store.tell_activity(worker_id, &activities)).await
    }
}
