//! Telling that rows became visible.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::QueueName;
use sqlx::PgPool;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::listener::CHANNEL;
use crate::Error;

/// The least time between two rings of one process.
const MIN_INTERVAL: Duration = Duration::from_millis(1);

/// Announces lanes to all listeners, in one round trip. Call it when the rows are committed, and outside of
/// their transaction: Postgres lets only one transaction at a time commit a notification.
///
/// # Errors
/// When Postgres did not do it. Receivers will look by themselves in a few seconds.
pub async fn ring(pool: &PgPool, lanes: &[QueueName]) -> Result<(), Error> {
    let names: Vec<String> = lanes.iter().map(ToString::to_string).collect();
    sqlx::query!(
        "select pg_notify($1, lane) from unnest($2::text[]) as lane",
        CHANNEL,
        &names
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Rings for whoever can't wait for it. Rings that come while one is under way are merged into the next one.
/// Copies share it.
#[derive(Clone, Debug)]
pub struct Bell(Arc<Pending>);

#[derive(Debug, Default)]
struct Pending {
    lanes: Mutex<BTreeSet<QueueName>>,
    any: Notify,
}

impl Bell {
    /// Starts the task that rings, until `stop` is cancelled; what was asked for until then is still rung.
    #[must_use]
    pub fn start(pool: PgPool, tasks: &TaskTracker, stop: CancellationToken) -> Self {
        let pending = Arc::<Pending>::default();
        tasks.spawn(run(pool, Arc::clone(&pending), stop));
        Self(pending)
    }

    /// Asks for a lane to be announced soon. Never waits and never fails.
    pub fn ring(&self, lane: &QueueName) {
        let mut lanes = self.0.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if !lanes.contains(lane) {
            lanes.insert(lane.clone());
            self.0.any.notify_one();
        }
    }
}

impl Pending {
    fn take(&self) -> Vec<QueueName> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *lanes).into_iter().collect()
    }
}

async fn run(pool: PgPool, pending: Arc<Pending>, stop: CancellationToken) {
    let mut healthy = true;
    while stop.run_until_cancelled(pending.any.notified()).await.is_some() {
        healthy = ring_pending(&pool, &pending, healthy).await;
        tokio::time::sleep(MIN_INTERVAL).await;
    }
    ring_pending(&pool, &pending, healthy).await;
}

/// Answers whether it worked. Only the first failure of a row of them is a warning.
async fn ring_pending(pool: &PgPool, pending: &Pending, healthy: bool) -> bool {
    let lanes = pending.take();
    if lanes.is_empty() {
        return healthy;
    }
    let Err(error) = ring(pool, &lanes).await else {
        return true;
    };
    let error = &error as &(dyn std::error::Error + 'static);
    if healthy {
        tracing::warn!(
            error,
            "queued jobs can't be announced, receivers find them by looking"
        );
    } else {
        tracing::debug!(error, "queued jobs still can't be announced");
    }
    false
}
