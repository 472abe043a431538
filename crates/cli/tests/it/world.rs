//! An api that listens, with a tenant, a key, a worker, and `tandem` to talk to it.

use std::ops::Deref;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// How long a test waits for what should happen at once.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct World(testkit::World);

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self(testkit::World::new().await)
    }

    /// Runs `tandem` as a script does: without a terminal.
    pub(crate) async fn tandem(&self, arguments: &[&str]) -> Ran {
        run(self.command(arguments)).await
    }

    /// A command that is about to be run.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = tandem(arguments);
        command
            .env("TANDEM_URL", &self.url)
            .env("TANDEM_API_KEY", self.key.expose());
        command
    }
}

/// A command that knows of no api.
pub(crate) fn tandem(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    command
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Runs a command to its end.
pub(crate) async fn run(mut command: Command) -> Ran {
    let output = command.output().await.unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Deref for World {
    type Target = testkit::World;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
