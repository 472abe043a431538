//! What needs a process of its own, or Secrets Manager.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod child;
mod database;
mod ops;
mod shutdown;
mod telemetry;
mod timing;
