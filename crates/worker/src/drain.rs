//! The end of a worker, in the one order that loses nothing.

use std::sync::Arc;
use std::time::Duration;

use domain::WorkerId;
use store::Store;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::consumer::Shared;
use crate::error::within;
use crate::running::Stop;

/// How often attempts are told again to stop, because a claim that was under way may still start some.
const TELL_AGAIN: Duration = Duration::from_millis(100);

/// The pause before a worker that could not be deregistered tries again.
const TRY_AGAIN: Duration = Duration::from_millis(500);

/// How a worker ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Drained {
    /// Attempts whose end could not be recorded, because the database does not answer. They start again when the
    /// lease has run out.
    pub abandoned: usize,
}

/// What has to be ended.
pub(crate) struct Draining {
    pub(crate) shared: Arc<Shared>,
    pub(crate) takers: TaskTracker,
    pub(crate) attempts: TaskTracker,
    pub(crate) services: TaskTracker,
    pub(crate) beating: CancellationToken,
    pub(crate) served: DropGuard,
    pub(crate) give_up: CancellationToken,
}

impl Draining {
    /// Waits for the attempts until `abort`, and ends everything within the time for handing back after that.
    pub(crate) async fn run(self, abort: &CancellationToken) -> Drained {
        let running = Arc::clone(&self.shared.running);
        tracing::info!(running = running.len(), "draining");
        self.takers.close();
        let hand_back = self.shared.config.hand_back;
        // What takes jobs ends first, or nobody knows whether these attempts are the last ones.
        let ending = async {
            self.takers.wait().await;
            failpoint::hit("in_shutdown");
            self.attempts.close();
            self.attempts.wait().await;
        };
        let ended = abort.run_until_cancelled(ending).await.is_some();
        let began = Instant::now();
        if !ended {
            self.hand_back(began + hand_back.mul_f64(0.6)).await;
            self.give_up.cancel();
            self.attempts.close();
            drop(timeout_at(began + hand_back.mul_f64(0.7), self.attempts.wait()).await);
        }
        let (store, identity) = (self.shared.store.clone(), self.shared.identity.clone());
        // With the last of those who need them, the services end; what they were given is done before.
        drop((self.shared, self.served));
        self.beating.cancel();
        self.services.close();
        if timeout_at(began + hand_back.mul_f64(0.85), self.services.wait())
            .await
            .is_err()
        {
            self.give_up.cancel();
        }
        if let Some(id) = identity.current() {
            deregister(&store, id, began + hand_back).await;
        }
        let abandoned = running.abandoned();
        tracing::info!(abandoned, "drained");
        Drained { abandoned }
    }

    /// Stops what still runs, until all of it is recorded or the time is up.
    async fn hand_back(&self, until: Instant) {
        let running = &self.shared.running;
        tracing::warn!(
            attempts = running.len(),
            "attempts did not end in time, handing them back"
        );
        while Instant::now() < until {
            running.stop_all(Stop::Shutdown);
            let ended = async {
                self.takers.wait().await;
                self.attempts.close();
                self.attempts.wait().await;
            };
            if timeout(TELL_AGAIN, ended).await.is_ok() {
                return;
            }
        }
    }
}

/// Tells the others at once that this worker is gone, unless the database does not answer until then.
async fn deregister(store: &Store, id: WorkerId, until: Instant) {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let Err(error) = within(left, store.deregister_worker(id)).await else {
            return;
        };
        if Instant::now() + TRY_AGAIN >= until {
            tracing::warn!(error.chain = %runtime::error_chain(&error), "the worker could not be deregistered, its lease runs out");
            return;
        }
        sleep(TRY_AGAIN).await;
    }
}
