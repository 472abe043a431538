//! Both backends against real servers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod faulty;
mod postgres;
mod postgres_backend;
mod sqs;
mod sqs_backend;
