//! Who this worker is at the moment.

use domain::WorkerId;
use tokio::sync::watch;

/// The id that claims are made with: absent until the worker is registered, and from the loss of its lease until it is
/// registered anew, as another worker. Copies share it.
#[derive(Clone, Debug)]
pub(crate) struct Identity(watch::Sender<Option<WorkerId>>);

impl Identity {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    pub(crate) fn current(&self) -> Option<WorkerId> {
        *self.0.borrow()
    }

    pub(crate) fn set(&self, id: Option<WorkerId>) {
        self.0.send_replace(id);
    }

    /// Waits until the worker is registered.
    pub(crate) async fn registered(&self) -> WorkerId {
        let mut changes = self.0.subscribe();
        loop {
            if let Some(id) = *changes.borrow_and_update() {
                return id;
            }
            // The sender lives as long as `self`, so there will be a change or we wait for ever.
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
