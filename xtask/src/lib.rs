//! The repository's own commands; `cargo xtask help` lists them.
//!
//! They need the Rust toolchain, Python 3, Node.js, Terraform and, on a machine without Postgres, the right to install it.
//! Whatever they set up lies in `.testenv/` and `target/`.

#![expect(
    clippy::print_stdout,
    reason = "talking to the developer is what these commands are for"
)]

pub mod browser;
pub mod chaos;
pub mod cloud;
pub mod contract;
pub mod cost;
pub mod counts;
pub mod drills;
pub mod emulated;
pub mod emulator;
pub mod fuzz;
pub mod git;
pub mod http;
pub mod image;
pub mod infrastructure;
pub mod interrupt;
pub mod machine;
pub mod metadata;
pub mod node;
pub mod openapi;
pub mod phases;
pub mod policies;
pub mod postgres17;
pub mod programs;
pub mod psql;
pub mod python;
pub mod python_client;
pub mod scan;
pub mod services;
pub mod sqlx;
pub mod terraform;
pub mod test;
pub mod tidy;
pub mod version;
pub mod workflows;

use std::path::Path;

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask is a folder of the repository")
}
