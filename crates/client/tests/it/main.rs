//! The client against a real api, which is served as in production.

#![expect(clippy::unwrap_used, reason = "a test stops where its ground gives way")]

mod jobs;
mod people;
mod retries;
mod webhook;
mod world;
