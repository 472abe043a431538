//! How a process starts, tells and stops; what both binaries and the command line share.
//!
//! Read in the order in which a process uses it: [`mod@env`] collects the settings and all their problems at
//! once, [`telemetry`], [`metric`] and [`trace`] say what it tells, [`database`] finds the database's credentials,
//! [`ops`] answers health checks, [`shutdown`] ends it. [`duration`] reads what people write on command lines. [`clock`] and
//! [`random`] are the only sources of time and randomness; whatever decides something takes them as arguments.
//!
//! Deliberately absent: SQL, queues, and the product's HTTP interface.

#![warn(missing_docs, clippy::wildcard_enum_match_arm)]

pub mod build;
pub mod clock;
pub mod credential;
pub mod database;
pub mod duration;
pub mod env;
pub mod error_chain;
pub mod lanes;
pub mod metric;
pub mod ops;
pub mod process;
pub mod random;
pub mod secret;
pub mod secrets_manager;
pub mod shutdown;
pub mod telemetry;
pub mod trace;

pub use env::{ConfigErrors, Env, Setting};
pub use error_chain::error_chain;
pub use secret::Secret;
pub use shutdown::Shutdown;
