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
        let output = Command::new(env!("CARGO_BIN_EXE_tandem"))
            .args(arguments)
            .env_clear()
            .env("TANDEM_URL", &self.url)
            .env("TANDEM_API_KEY", self.key.expose())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        Ran {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Deref for World {
    type Target = testkit::World;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
