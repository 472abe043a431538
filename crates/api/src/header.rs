//! Headers with a meaning of their own, each parsed in one place.

pub(crate) mod etag;
pub(crate) mod idempotency_key;
pub(crate) mod if_match;
pub(crate) mod prefer;
pub(crate) mod traceparent;
