//! Headers with a meaning of their own, each parsed in one place.

pub(crate) mod accept;
pub(crate) mod etag;
pub(crate) mod idempotency_key;
pub(crate) mod last_event_id;
pub(crate) mod precondition;
pub(crate) mod prefer;
pub(crate) mod traceparent;
