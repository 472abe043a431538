//! Tests that must own a process run themselves again, alone, in a new one.

use std::process::Stdio;

use runtime::env::{Env, Setting};
use tokio::process::Command;

const CHILD: Setting = Setting::optional(
    "RUNTIME_TEST_CHILD",
    "Set within the process that a test started.",
);

/// Whether this is the new process.
pub(crate) fn is_child() -> bool {
    Env::from_process().is_set(&CHILD)
}

/// The command that runs this test in a new process, which ends with the old one. `test` is its path, e.g.
/// `shutdown::sigterm_drains_and_ends_with_0`.
pub(crate) fn rerun(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD.name, "1");
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}
