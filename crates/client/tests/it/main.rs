//! The client against a real api, which is served as in production.

#![expect(clippy::unwrap_used, reason = "a test stops where its ground gives way")]

mod administration;
mod jobs;
mod newer;
mod operations;
mod retries;
mod watch;
mod webhook;
mod world;
