//! The checker against small histories: a correct one, which it must accept, and correct ones with one thing broken,
//! which it must reject for that reason.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod accepted;
mod attempts;
mod cast;
mod correct;
mod effects;
mod events;
mod executions;
mod figures;
mod intent;
mod program;
mod reading;
mod run;
mod scene;
mod tokens;
mod written;
