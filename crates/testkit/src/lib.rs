//! What tests stand on: real databases, one per test, ready-made jobs, and what is logged. Only ever a dev-dependency.

#![expect(clippy::unwrap_used, reason = "a test stops where its ground gives way")]

pub mod actor;
pub mod db;
pub mod job;
pub mod logs;
pub mod wait;

pub use actor::actor;
pub use db::TestDb;
pub use job::new_job;
pub use logs::Logs;
pub use wait::eventually;
