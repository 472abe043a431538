//! A private Postgres server for development and tests, made from the machine's own programs.
//!
//! [`LocalPostgres::start`] owns one folder. It creates a database cluster there when the folder is new, runs
//! `postgres` as a child process, and stops it when the value is dropped. What the folder holds:
//!
//! - `cluster/`: the database cluster itself (what Postgres calls the data directory);
//! - `password`: the superuser's random password, readable by the owner only. There is no trust
//!   authentication, so other users of a shared machine cannot connect;
//! - `port`: the port of the last start, which the next one takes again when it is still free;
//! - `server.log`: what the server said since its last start;
//! - `socket/`: the Unix socket;
//! - `lock`: held by the process that owns the folder, with its pid inside.
//!
//! The server listens on 127.0.0.1 only. It stands in a process group of its own, so a terminal's Ctrl-C does
//! not reach it and the owner decides when it stops. An owner that is killed with SIGKILL leaves its server
//! running; the next start in the same folder stops such an orphan and begins with a fresh server, because an
//! orphan may have other settings and nobody could wait for its end.
//!
//! Postgres refuses to run as root. For root everything runs as the OS user `postgres`, and when that user
//! cannot enter the folder (a checkout under root's home), a folder under `/var/tmp` takes its place;
//! [`LocalPostgres::note`] says so.
//!
//! Everything blocks; from async code, call it on a thread where blocking is allowed.

#![warn(missing_docs)]

mod binaries;
mod cluster;
mod error;
#[cfg(feature = "fetch")]
mod fetch;
mod folder;
mod postmaster;
mod run_as;
mod server;
mod start;

pub use binaries::{NotFound, Version, find_binaries};
pub use error::Error;
pub use server::{Config, LocalPostgres, StopMode};
