//! What tests stand on: real databases, one per test, ready-made jobs, what is logged, a network that can be broken,
//! and with the feature `api` an api that listens. Only ever a dev-dependency.

#![expect(clippy::unwrap_used, reason = "a test stops where its ground gives way")]

pub mod actor;
pub mod db;
pub mod job;
pub mod logs;
pub mod proxy;
pub mod wait;
#[cfg(feature = "api")]
pub mod world;

pub use actor::actor;
pub use db::{TestDb, server_url};
pub use job::new_job;
pub use logs::Logs;
pub use proxy::{Proxy, nobody_there};
pub use wait::eventually;
#[cfg(feature = "api")]
pub use world::World;
