//! What tests stand on: real databases, one per test, and ready-made jobs. Only ever a dev-dependency.

#![expect(clippy::unwrap_used, reason = "a test stops where its ground gives way")]

pub mod db;
pub mod job;
pub mod wait;

pub use db::TestDb;
pub use job::new_job;
pub use wait::eventually;
