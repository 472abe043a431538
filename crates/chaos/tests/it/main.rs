//! What can be tested without a run.

#![expect(clippy::unwrap_used, reason = "a test stops where its ground gives way")]

mod guard;
mod mutants;
