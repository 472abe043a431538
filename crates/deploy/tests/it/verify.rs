//! A real api and a real worker, tried from outside.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::json;
use testkit::World;
use tokio::process::{Child, Command};

use crate::cloud::{Cloud, NAME, sha};
use crate::program::{Ran, command, end, releases};

/// The workspace's binaries lie beside the tests'.
fn binary(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.ancestors().nth(2).unwrap().join(name)
}

/// A worker on the api's database, with the handlers for tests, that may send to this machine.
fn worker(world: &World) -> Child {
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

/// A cloud that runs a release whose image says that it is this build.
async fn released() -> Cloud {
    let cloud = Cloud::running('1').await;
    let labels = json!({ "org.opencontainers.image.version": env!("CARGO_PKG_VERSION"), "org.opencontainers.image.revision": runtime::build::COMMIT });
    cloud.world().images.insert(sha('2'), labels);
    let ran = releases(&cloud, '2', &[]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    cloud
}

async fn verifies(cloud: &Cloud, world: &World, more: &[&str]) -> Ran {
    let arguments = [&["verify", "--url", &world.url, "--jobs", "10"][..], more].concat();
    let mut command = command(cloud, &arguments);
    if !more.contains(&"--api-key-secret") {
        command.env("TANDEM_API_KEY", world.key.expose());
    }
    end(command.spawn().unwrap()).await
}

#[tokio::test]
async fn an_environment_that_is_well_is_found_so() {
    let (cloud, world) = (released().await, World::new().await);
    let _worker = worker(&world);
    testkit::eventually(
        "the worker's kinds",
        std::time::Duration::from_secs(20),
        async || {
            let client = client::Client::new(&world.url, world.key.expose()).unwrap();
            let kinds = client.kinds().await.unwrap();
            kinds
                .iter()
                .any(|kind| kind.live && kind.name == "test.echo")
                .then_some(())
        },
    )
    .await;
    let ran = verifies(&cloud, &world, &[]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.out.lines().count() == 5 && ran.out.lines().all(|line| line.starts_with("ok ")),
        "{ran:?}"
    );
    let client = client::Client::new(&world.url, world.key.expose()).unwrap();
    let jobs = client
        .jobs(&client::JobFilter {
            tag: Some("verify".to_owned()),
            ..Default::default()
        })
        .all()
        .await
        .unwrap();
    let of = |kind: &str| {
        jobs.iter()
            .filter(|job| job.kind == kind && job.state == client::JobState::Succeeded)
            .count()
    };
    assert_eq!((of("test.echo"), of("http.request"), jobs.len()), (10, 10, 20));
    // The key can be a secret's.
    cloud.world().secrets.insert(
        "tandem-test/verify-key".to_owned(),
        format!("{}\n", world.key.expose()),
    );
    let ran = verifies(&cloud, &world, &["--api-key-secret", "tandem-test/verify-key"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    // A target that can't be reached is found too, by its error.
    let ran = verifies(
        &cloud,
        &world,
        &["--target-url", "http://127.0.0.1:1/", "--within", "1s"],
    )
    .await;
    assert_eq!(ran.code, 6, "{ran:?}");
    assert!(
        ran.err.contains("of the kind http.request") && ran.out.contains("failed  jobs run, once each"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn everything_that_is_wrong_is_told() {
    let (cloud, world) = (released().await, World::new().await);
    let labels =
        json!({ "org.opencontainers.image.version": "9.9.9", "org.opencontainers.image.revision": "abc" });
    cloud.world().images.insert(sha('2'), labels);
    cloud
        .world()
        .parameters
        .insert(format!("/{NAME}/worker/digest"), sha('3'));
    cloud.world().alarms = ["workers", "known", "other"]
        .map(|it| (format!("{NAME}-{it}"), format!("{it} of it")))
        .to_vec();
    let ran = verifies(&cloud, &world, &["--ignore-alarm", "tandem-test-known"]).await;
    assert_eq!(ran.code, 6, "{ran:?}");
    let told = [
        "the worker runs another image than was released last".to_owned(),
        format!(
            "the api tells that it is {} of commit {}, and its image is 9.9.9 of commit abc",
            env!("CARGO_PKG_VERSION"),
            runtime::build::COMMIT
        ),
        "no worker is there that has a handler".to_owned(),
        "the alarm tandem-test-workers is raised: workers of it".to_owned(),
        "the alarm tandem-test-other is raised".to_owned(),
    ];
    for told in told {
        assert!(ran.err.contains(&told), "{told}: {}", ran.err);
    }
    assert!(!ran.err.contains("tandem-test-known"), "{ran:?}");
    assert!(ran.out.contains("ok      the api is ready"), "{ran:?}");
}

#[tokio::test]
async fn it_must_know_where_and_as_whom() {
    let cloud = Cloud::running('1').await;
    for (arguments, told) in [
        (&["verify"][..], "--url must say where the api is"),
        (&["verify", "--url", "http://127.0.0.1:1"], "there is no API key"),
    ] {
        let ran = end(command(&cloud, arguments).spawn().unwrap()).await;
        assert!(ran.code == 2 && ran.err.contains(told), "{ran:?}");
    }
}
