//! A private server from its first start to what a crash leaves behind, with the machine's own Postgres.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test that fails is a test that fails"
)]

mod harness;
mod recovery;
mod refusals;
mod start;
