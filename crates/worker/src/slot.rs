//! What an attempt takes of its worker.

use tokio::sync::OwnedSemaphorePermit;

use crate::places::Place;

/// A share of the concurrency, and the place among its tenant's. Given back in this order: whoever hears that there is
/// room for the tenant finds a slot as well.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) _permit: OwnedSemaphorePermit,
    pub(crate) _place: Option<Place>,
}
