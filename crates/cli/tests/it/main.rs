//! The command line against a real api.

#![expect(clippy::unwrap_used, reason = "a test stops where its ground gives way")]

mod access;
mod audit;
mod dead_letters;
mod endpoints;
mod fresh;
mod held_keys;
mod jobs;
mod keys;
mod queues;
mod schedules;
mod secrets;
mod setup;
mod submit;
mod tls;
mod users;
mod wait;
mod world;
