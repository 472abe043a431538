//! Fuzzing of every parser that reads what strangers send, on the stable toolchain and without instrumentation.
//!
//! Inputs are seeds that are valid, changed at random: bytes and whole pieces deleted, doubled, swapped, cut and replaced
//! by what parsers have trouble with. A target judges an input by itself: it must not panic, and what it accepts must
//! keep to the target's promise, which mostly is that it is read again as it is written. `targets.rs` has the list, one
//! line each; `run.rs` runs one; the same seed tries the same inputs.

#![warn(missing_docs)]

mod mutator;
mod pointer;
mod run;
mod targets;
mod webhook;

pub use run::{Dose, Failed, Ran, run};
pub use targets::{TARGETS, Target};
