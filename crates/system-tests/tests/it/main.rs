//! The whole system from outside.

#![expect(clippy::unwrap_used, reason = "a test stops where its ground gives way")]

mod configuration;
mod crash;
mod delivery;
mod drain;
mod process;
mod receiver;
mod sqs;
mod system;
