//! `tandem-deploy` as a process, against a server that speaks AWS' protocols and keeps the state that AWS would.

#![expect(clippy::unwrap_used, reason = "a test stops where its ground gives way")]

mod cloud;
mod emulator;
mod migrate;
mod outages;
mod program;
mod promote;
mod refusals;
mod release;
mod rollback;
mod status;
mod verify;
mod worker;
