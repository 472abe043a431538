//! What needs a process of its own, or Secrets Manager.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod aws;
mod child;
mod database;
mod ops;
mod secrets;
mod shutdown;
mod telemetry;
mod timing;
