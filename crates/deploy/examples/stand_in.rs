//! What the dry run of the workflows deploys to: the tests' own cloud with an environment that runs a release, an api with a
//! worker, and in the registry a newer release, whose api says that it is this build.
//!
//! Prints what a step finds in its environment, as JSON on one line, and ends with its input.

#![expect(clippy::unwrap_used, reason = "whoever starts it sees why it stopped")]

#[expect(dead_code, unused_imports, reason = "the tests use the rest of it")]
#[path = "../tests/it/cloud/mod.rs"]
mod cloud;
#[path = "../tests/it/worker.rs"]
mod worker;

use serde_json::json;
use testkit::World;

use cloud::{Cloud, NAME, image, sha};

/// The tree that the newer release was built from, as the dry run has it.
const TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

#[tokio::main]
async fn main() {
    let (cloud, world) = (Cloud::running('1').await, World::new().await);
    offer(&cloud);
    // As the migration of the release before has left it.
    let key = (format!("{NAME}/verify-key"), world.key.expose().to_owned());
    cloud.world().secrets.extend([key]);
    let worker = worker::start(&world);
    worker::ready(&world).await;
    let digests = format!("{},{}", image("api", '2'), image("worker", '2'));
    let variables = json!({
        "STAND_IN": cloud.url, "TANDEM_DEPLOY_NAME": NAME, "DIGESTS": digests, "TREE": TREE,
        "TANDEM_URL": world.url,
    });
    tell(&variables.to_string());
    // The system closes it even when whoever holds the other end is killed.
    let closed = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    closed.await.unwrap().unwrap();
    drop(worker);
}

/// Puts the newer release into the registry.
fn offer(cloud: &Cloud) {
    let labels = json!({
        "org.opencontainers.image.version": env!("CARGO_PKG_VERSION"), "org.opencontainers.image.revision": runtime::build::COMMIT,
        "tandem.tree": TREE,
    });
    let mut world = cloud.world();
    world.images.insert(sha('2'), labels);
    for program in ["api", "worker"] {
        let tag = (format!("tandem/{program}"), format!("tree-{TREE}"));
        world.tags.insert(tag, sha('2'));
    }
}

#[expect(clippy::print_stdout, reason = "whoever starts it reads it there")]
fn tell(line: &str) {
    println!("{line}");
}
