//! Telling who waits for jobs that they ended.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::JobId;
use store::Store;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::within;

/// The least time between two notes of one process: all that ends meanwhile goes into the next one.
const MIN_INTERVAL: Duration = Duration::from_millis(2);
/// How long the database may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most jobs that are kept to be told, while the database can't be asked. Who waits also looks.
const MAX_PENDING: usize = 10_000;

/// Tells of jobs that reached a terminal state. It is a hint, so it never waits and never fails. Copies share it.
#[derive(Clone, Debug)]
pub(crate) struct News(Arc<Pending>);

#[derive(Debug, Default)]
struct Pending {
    ids: Mutex<Vec<JobId>>,
    any: Notify,
}

impl News {
    /// Starts the task that tells, until `stop` is cancelled; what ended until then is still told.
    pub(crate) fn start(store: Store, tasks: &TaskTracker, stop: CancellationToken) -> Self {
        let pending = Arc::<Pending>::default();
        let news = Self(Arc::clone(&pending));
        tasks.spawn(async move {
            while stop.run_until_cancelled(pending.any.notified()).await.is_some() {
                tell(&store, pending.take()).await;
                tokio::time::sleep(MIN_INTERVAL).await;
            }
            tell(&store, pending.take()).await;
        });
        news
    }

    pub(crate) fn ended(&self, ids: impl IntoIterator<Item = JobId>) {
        let mut pending = self.0.ids.lock().unwrap_or_else(PoisonError::into_inner);
        let known = pending.len();
        pending.extend(ids.into_iter().take(MAX_PENDING - known));
        if pending.len() > known {
            self.0.any.notify_one();
        }
    }
}

impl Pending {
    fn take(&self) -> Vec<JobId> {
        std::mem::take(&mut *self.ids.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn tell(store: &Store, ids: Vec<JobId>) {
    if let Err(error) = within(PATIENCE, store.notify_finished(&ids)).await {
        tracing::debug!(error.chain = %runtime::error_chain(&error), jobs = ids.len(), "the end of jobs could not be told");
    }
}
