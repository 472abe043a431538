//! The command line against a real api.

#![expect(clippy::unwrap_used, reason = "a test stops where its ground gives way")]

mod dead_letters;
mod queues;
mod users;
mod world;
