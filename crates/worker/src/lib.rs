//! Runs jobs: takes their messages, claims and runs them, records what came of it, and sweeps up what others left.
//!
//! # How it hangs together
//!
//! - A [`Consumer`] per lane owns slots before it receives messages, claims their jobs in one statement, and gives each
//!   delivery with its claim to [`Consumer::step`], which has one rule per answer.
//! - A step runs the handler of its job's kind ([`Registry`], [`Handler`]) to an outcome, whatever the handler does.
//! - The finisher records outcomes, many in one statement, and keeps trying while the database is away. Only then are
//!   messages deleted: no code path deletes the message of a started job before its outcome is committed.
//! - The heartbeat keeps the lease of all attempts by one write per interval. When it fails for too long, or the
//!   database says so, every handler is stopped, and nothing of it is recorded.
//! - A [`Dispatcher`] announces queued jobs, unless the queue is the outbox itself. It and everything else that is
//!   signalled is also swept: by [maintenance passes](Pass), which one worker at a time does for all.
//!
//! [`Worker::build`] puts this together and [`Worker::run`] runs it until the process drains.
//!
//! # What is deliberately absent
//!
//! There is no retry loop around a handler (the database plans attempts), no state of a job in memory that matters after
//! a crash, and no reading of the environment.

#![warn(missing_docs, clippy::wildcard_enum_match_arm)]

mod activity;
mod attempt;
mod backoff;
mod cancel;
mod config;
mod consumer;
mod dispatcher;
mod drain;
mod error;
mod finisher;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod handler;
pub mod handlers;
mod heartbeat;
mod holds;
mod identity;
mod maintenance;
mod messages;
mod meters;
mod news;
mod parts;
mod places;
pub mod process;
mod quiet;
mod redriven;
mod registry;
mod running;
pub mod service;
mod share;
mod slot;
mod started;
mod step;
mod traced;
mod unheard;
mod visibility;
mod vital;
mod window;
mod worker;

pub use config::{Config, DeadLetterConfig, MaintenanceConfig};
pub use consumer::{Consumer, Lane};
pub use dispatcher::{Dispatched, Dispatcher};
pub use drain::Drained;
pub use error::Error;
pub use handler::{Done, Handler, JobError, JobScope, payload_schema};
pub use heartbeat::Beat;
pub use maintenance::{Counts, Pass};
pub use parts::Parts;
pub use quiet::quiet_panics;
pub use registry::Registry;
/// For the schemas of payloads: what [`Handler::payload_schema`] answers.
pub use schemars;
pub use step::{Received, StepOutcome};
pub use worker::{Handle, Status, Worker};
