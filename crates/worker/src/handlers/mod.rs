//! The handlers that every worker has.

pub mod test;
