//! How busy the connections to the database are, for whoever watches without asking `/metrics`.

use std::time::Duration;

use runtime::{Shutdown, metric};
use store::Store;
use tokio::time::sleep;

/// Several times within the minute that CloudWatch's metrics have, so that what it is told is not old.
const INTERVAL: Duration = Duration::from_secs(10);

/// Tells now.
pub(crate) fn tell(store: &Store) {
    let connections = store.connections();
    let gauge = |state: &'static str| metric::DB_POOL_CONNECTIONS.with([state.into()]);
    gauge("idle").set(f64::from(connections.idle));
    gauge("busy").set(f64::from(connections.busy));
}

/// Tells again and again, until the process drains.
pub(crate) fn keep_telling(store: Store, shutdown: &Shutdown) {
    let draining = shutdown.draining().clone();
    let telling = async move {
        while !draining.is_cancelled() {
            tell(&store);
            draining.run_until_cancelled(sleep(INTERVAL)).await;
        }
    };
    shutdown.tasks().spawn(telling);
}
