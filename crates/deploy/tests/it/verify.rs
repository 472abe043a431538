//! A real api and a real worker, tried from outside.

use serde_json::json;
use testkit::World;

use crate::cloud::{Cloud, NAME, sha};
use crate::program::{Ran, command, end, releases};
use crate::worker;

/// A cloud that runs a release whose image says that it is this build.
async fn released() -> Cloud {
    let cloud = Cloud::running('1').await;
    let labels = json!({ "org.opencontainers.image.version": env!("CARGO_PKG_VERSION"), "org.opencontainers.image.revision": runtime::build::COMMIT });
    cloud.world().images.insert(sha('2'), labels);
    let ran = releases(&cloud, '2', &[]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    cloud
}

fn keeps_the_key(cloud: &Cloud) -> bool {
    !cloud.world().secrets.is_empty()
}

async fn verifies(cloud: &Cloud, world: &World, more: &[&str]) -> Ran {
    let arguments = [&["verify", "--url", &world.url, "--jobs", "10"][..], more].concat();
    let mut command = command(cloud, &arguments);
    if !keeps_the_key(cloud) {
        command.env("TANDEM_API_KEY", world.key.expose());
    }
    end(command.spawn().unwrap()).await
}

#[tokio::test]
async fn an_environment_that_is_well_is_found_so() {
    let (cloud, world) = (released().await, World::new().await);
    let _worker = worker::start(&world);
    worker::ready(&world).await;
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
    // The key can be a secret's: that of the environment, or another one.
    for (secret, arguments) in [
        ("other", &["--api-key-secret", "tandem-test/other"][..]),
        ("verify-key", &[]),
    ] {
        cloud.world().secrets = [(format!("{NAME}/{secret}"), format!("{}\n", world.key.expose()))].into();
        let ran = verifies(&cloud, &world, arguments).await;
        assert_eq!(ran.code, 0, "{ran:?}");
    }
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
    let watched = ["rollback-a", "rollback-b"].map(|it| format!("{NAME}-{it}"));
    cloud.world().alarms = watched
        .clone()
        .map(|it| {
            let reason = format!("{it} of it");
            (it, reason)
        })
        .to_vec();
    cloud.world().watched = watched.to_vec();
    let output = std::env::temp_dir().join(format!("tandem-verify-{}", std::process::id()));
    let ignore = ["--ignore-alarm", "tandem-test-rollback-b"];
    let tells = ["--output", output.to_str().unwrap()];
    let ran = verifies(&cloud, &world, &[ignore, tells].concat()).await;
    assert_eq!(ran.code, 6, "{ran:?}");
    assert_eq!(std::fs::read_to_string(&output).unwrap(), "unwell=true\n");
    std::fs::remove_file(&output).unwrap();
    let told = [
        "the worker runs another image than was released last".to_owned(),
        format!(
            "the api tells that it is {} of commit {}, and its image is 9.9.9 of commit abc",
            env!("CARGO_PKG_VERSION"),
            runtime::build::COMMIT
        ),
        "no worker is there that has a handler".to_owned(),
        "the alarm tandem-test-rollback-a is raised: tandem-test-rollback-a of it".to_owned(),
    ];
    for told in told {
        assert!(ran.err.contains(&told), "{told}: {}", ran.err);
    }
    assert!(!ran.err.contains("tandem-test-rollback-b"), "{ran:?}");
    assert!(ran.out.contains("ok      the api is ready"), "{ran:?}");
}

#[tokio::test]
async fn alarms_about_something_else_or_from_before_are_told_and_do_not_count() {
    let cloud = Cloud::running('1').await;
    let watched = format!("{NAME}-rollback-api-errors");
    let alarms = [
        "rollback-api-errors",
        "default-dead-letters",
        "worker-scale-by-age",
    ]
    .map(|it| (format!("{NAME}-{it}"), "a threshold was crossed".to_owned()));
    cloud.world().alarms = alarms.to_vec();
    let now_secs = cloud.world().now_secs;
    cloud.world().raised_at_secs.insert(watched.clone(), now_secs);
    // The cure of what one of them is about.
    let ran = releases(&cloud, '2', &["--despite-alarms"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let looks = async || {
        let arguments = ["verify", "--url", "http://127.0.0.1:1", "--api-key", "none"];
        end(command(&cloud, &arguments).spawn().unwrap()).await
    };
    let line = "no alarm that releases look at was raised since";
    let ran = looks().await;
    assert!(ran.out.contains(&format!("ok      {line}")), "{ran:?}");
    for told in [
        "tandem-test-rollback-api-errors was raised before the release: a threshold was crossed",
        "tandem-test-default-dead-letters, which releases do not look at, is raised",
        "tandem-test-worker-scale-by-age, which releases do not look at, is raised",
    ] {
        assert!(
            ran.out.contains(&format!("told    the alarm {told}")),
            "{told}: {ran:?}"
        );
    }
    assert!(!ran.err.contains("alarm"), "{ran:?}");
    // Raised again, it is about the release.
    let now_secs = cloud.world().now_secs;
    cloud.world().raised_at_secs.insert(watched, now_secs);
    let ran = looks().await;
    assert!(
        ran.out.contains(&format!("failed  {line}"))
            && ran
                .err
                .contains("the alarm tandem-test-rollback-api-errors is raised"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn an_environment_that_sleeps_is_released_to_and_not_tried() {
    let cloud = Cloud::running('1').await;
    cloud.world().is_rolling();
    cloud.world().sleeps();
    let ran = releases(&cloud, '2', &[]).await;
    assert_eq!(
        (ran.code, cloud.recorded().as_str(), cloud.runs().as_str()),
        (0, "2121", "22"),
        "{ran:?}"
    );
    assert!(cloud.world().services.values().all(|it| it.desired == 0));
    // Nobody answers, and it needs no key.
    let ran = end(command(&cloud, &["verify"]).spawn().unwrap()).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let lines: Vec<&str> = ran.out.lines().map(|line| &line[..8]).collect();
    assert_eq!(lines, ["ok      ", "asleep  "], "{ran:?}");
    // What it can see it looks at all the same.
    cloud
        .world()
        .parameters
        .insert(format!("/{NAME}/worker/digest"), sha('3'));
    let ran = end(command(&cloud, &["verify"]).spawn().unwrap()).await;
    assert!(
        ran.code == 6 && ran.err.contains("runs another image than was released last"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn what_can_not_be_tried_is_no_reason_to_take_a_release_back() {
    let cloud = Cloud::running('1').await;
    let output = std::env::temp_dir().join(format!("tandem-no-key-{}", std::process::id()));
    let arguments = [
        "verify",
        "--url",
        "http://127.0.0.1:1",
        "--output",
        output.to_str().unwrap(),
    ];
    let ran = end(command(&cloud, &arguments).spawn().unwrap()).await;
    assert!(
        ran.code == 1
            && ran
                .err
                .contains("the API key can't be read from the secret tandem-test/verify-key"),
        "{ran:?}"
    );
    assert!(!output.exists());
}

#[tokio::test]
async fn it_must_know_where_and_as_whom() {
    let cloud = Cloud::running('1').await;
    // As an earlier Terraform has left it.
    cloud.world().has_no_verify_key();
    for (arguments, told) in [
        (&["verify"][..], "--url must say where the api is"),
        (&["verify", "--url", "http://127.0.0.1:1"], "there is no API key"),
    ] {
        let ran = end(command(&cloud, arguments).spawn().unwrap()).await;
        assert!(ran.code == 2 && ran.err.contains(told), "{ran:?}");
    }
}
