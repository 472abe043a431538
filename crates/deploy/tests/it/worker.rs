//! A real worker beside an api of the testkit.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use testkit::World;
use tokio::process::{Child, Command};

/// The workspace's binaries lie a folder above the tests and the examples.
fn binary(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.ancestors().nth(2).unwrap().join(name)
}

/// A worker on the api's database, with the handlers for tests, that may send to this machine.
pub(crate) fn start(world: &World) -> Child {
    let ops = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let binary = binary("worker");
    let mut worker = Command::new(&binary);
    worker
        .env_clear()
        .env("DATABASE_URL", world.db.url())
        .env("TANDEM_OPS_ADDR", ops.to_string())
        .env("TANDEM_TEST_HANDLERS", "true")
        .env("TANDEM_HTTP_TARGETS", "local")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    worker.spawn().unwrap_or_else(|error| {
        panic!(
            "{} can't be started: {error}; run `cargo xtask test`",
            binary.display()
        )
    })
}

/// Waits until the api knows what the worker can do.
pub(crate) async fn ready(world: &World) {
    testkit::eventually("the worker's kinds", Duration::from_secs(60), async || {
        let client = client::Client::new(&world.url, world.key.expose()).unwrap();
        let kinds = client.kinds().await.unwrap();
        kinds
            .iter()
            .any(|kind| kind.live && kind.name == "test.echo")
            .then_some(())
    })
    .await;
}
