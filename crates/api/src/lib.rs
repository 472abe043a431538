//! The REST interface: from HTTP to the store and back.
//!
//! Start reading at `router.rs`, which shows every route, and `middleware.rs`, which shows what every request
//! passes. [`App::build`] puts both together, [`serve`] listens. Three things work behind the handlers:
//!
//! - **Submits are grouped** (`submitter.rs`): what waits at a moment is stored in one transaction.
//! - **Who waits for a job's end is woken, and who follows its events is told of them** (`watch.rs`), without holding
//!   a connection meanwhile.
//! - **Every error is a problem** (`problem.rs`): one table of types, one place that writes bodies. Causes
//!   are logged,
//!   never sent.
//!
//! Deliberately absent: SQL, decisions about a job's life, and trust in what a client says about its tenant.

#![warn(missing_docs, clippy::wildcard_enum_match_arm)]

mod app;
mod auth;
mod body;
mod config;
mod connections;
mod cursor;
mod endpoint_secret;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod header;
mod json;
mod kinds;
mod middleware;
mod openapi;
mod problem;
mod query;
mod quota;
mod rate_limit;
mod readiness;
mod router;
mod routes;
mod serve;
mod submitter;
mod validate;
mod values;
mod watch;
mod wire;

pub use app::{App, Parts};
pub use axum::Router;
pub use config::{AuthConfig, Config, Limits, RateLimit, ServerConfig, SubmitConfig};
pub use problem::ProblemType;
pub use serve::serve;
