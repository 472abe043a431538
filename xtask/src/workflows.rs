//! `cargo xtask workflows`.

pub mod document;
