//! The `worker` process: `worker` runs jobs, `worker healthcheck` asks a running one whether it lives, `worker --help`
//! lists what can be set.

use std::process::ExitCode;

fn main() -> ExitCode {
    worker::process::main(worker::Registry::new())
}
