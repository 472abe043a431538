//! A worker with a handler of your own beside the built-in ones. It is set, started and stopped like `worker`:
//!
//! ```sh
//! source .tandem/env          # the database of a running `cargo tandem dev`
//! cargo run --package worker --example own_handler
//! cargo tandem jobs submit greeting.write -p '{"name": "Ada"}' --wait --json
//! ```

use std::process::ExitCode;

use serde::{Deserialize, Serialize};
use worker::{Done, Handler, JobError, JobScope, Registry};

/// Writes a greeting.
struct WriteGreeting;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Greeting {
    name: String,
}

#[derive(Serialize)]
struct Written {
    text: String,
    attempt: u32,
}

impl Handler for WriteGreeting {
    const KIND: &'static str = "greeting.write";
    type Payload = Greeting;

    async fn run(&self, payload: Greeting, scope: JobScope) -> Result<Done, JobError> {
        if payload.name.is_empty() {
            return Err(JobError::abort("nobody has an empty name"));
        }
        let written = Written {
            text: format!("Good day, {}!", payload.name),
            attempt: scope.attempt,
        };
        Ok(Done::json(&written)?)
    }
}

fn main() -> ExitCode {
    worker::process::main(Registry::new().register(WriteGreeting))
}
