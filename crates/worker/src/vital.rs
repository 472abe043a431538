//! Tasks whose end is the worker's end.

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use runtime::Shutdown;
use tokio_util::task::TaskTracker;

/// Starts tasks that the worker can't do without.
pub(crate) struct Vital<'a> {
    pub(crate) shutdown: &'a Shutdown,
}

impl Vital<'_> {
    pub(crate) fn spawn(
        &self,
        tasks: &TaskTracker,
        part: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let shutdown = self.shutdown.clone();
        tasks.spawn(async move {
            let panicked = AssertUnwindSafe(work).catch_unwind().await.is_err();
            if panicked || !shutdown.draining().is_cancelled() {
                tracing::error!(
                    part,
                    panicked,
                    "a part of the worker has failed, so the worker ends"
                );
                shutdown.begin();
            }
        });
    }
}
