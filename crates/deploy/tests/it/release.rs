//! Releases, when all goes well and when it does not.

use serde_json::json;

use crate::cloud::{Cloud, NAME, image, sha};
use crate::program::{release, releases, run, start};

/// Nothing is under way, nothing is held, and both run and are recorded as this: the digits of what is recorded, and of what
/// runs.
fn assert_at_rest(cloud: &Cloud, recorded: &str, runs: &str) {
    assert_eq!(
        (cloud.recorded().as_str(), cloud.runs().as_str()),
        (recorded, runs)
    );
    let world = cloud.world();
    assert!(
        world.suspended.values().all(|state| !state[0]),
        "scaling in is still suspended: {:?}",
        world.suspended
    );
}

#[tokio::test]
async fn a_release_migrates_and_then_exchanges_the_worker_and_the_api() {
    let cloud = Cloud::running('1').await;
    let ran = releases(&cloud, '2', &[]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(
        ran.out,
        format!(
            "released {}\nreleased {}\n",
            image("api", '2'),
            image("worker", '2')
        )
    );
    assert_at_rest(&cloud, "2121", "22");
    let expected = [
        "PutParameter /tandem-test/worker/previous_digest",
        "PutParameter /tandem-test/api/previous_digest",
        "RegisterTaskDefinition tandem-test-migrate",
        "RunTask",
        "RegisterTaskDefinition tandem-test-worker",
        "UpdateService worker",
        "RegisterScalableTarget api hold",
        "RegisterTaskDefinition tandem-test-api",
        "CreateDeployment",
        "RegisterScalableTarget api free",
        "PutParameter /tandem-test/api/digest",
        "PutParameter /tandem-test/worker/digest",
    ];
    assert_eq!(cloud.world().changes, expected);
    for told in [
        "migrate/migrate/",
        "worker: 1 of 2 new tasks run",
        "Green 2 of 2 tasks, 10 % of requests",
    ] {
        assert!(ran.err.contains(told), "{told}: {}", ran.err);
    }
    // The migrations are those of the image that is released.
    let world = cloud.world();
    let revision = &world.families[&format!("{NAME}-migrate")][1];
    assert_eq!(world.tasks[0].revision, revision["taskDefinitionArn"]);
    assert!(
        revision["containerDefinitions"][0]["image"]
            .as_str()
            .unwrap()
            .ends_with(&sha('2'))
    );
}

#[tokio::test]
async fn what_is_released_already_is_left_alone() {
    let cloud = Cloud::running('1').await;
    let ran = releases(&cloud, '1', &[]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(
        ran.out,
        format!(
            "runs already {}\nruns already {}\n",
            image("api", '1'),
            image("worker", '1')
        )
    );
    assert_eq!(cloud.world().changes, Vec::<String>::new());
}

#[tokio::test]
async fn settings_ride_along_with_the_same_image() {
    let cloud = Cloud::running('1').await;
    cloud.world().terraform_changes("worker");
    let ran = releases(&cloud, '1', &["--skip-migrate"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_at_rest(&cloud, "1-1-", "11");
    assert_eq!(
        cloud.world().changes,
        [
            // Nothing else is gone back to; it says when this began.
            "PutParameter /tandem-test/worker/previous_digest",
            "PutParameter /tandem-test/api/previous_digest",
            "RegisterTaskDefinition tandem-test-worker",
            "UpdateService worker"
        ]
    );
    let world = cloud.world();
    let running = world.families[&format!("{NAME}-worker")].last().unwrap();
    assert_eq!(
        (&running["taskDefinitionArn"], &running["cpu"]),
        (&json!(world.services["worker"].revision), &json!("512"))
    );
}

#[tokio::test]
async fn the_first_release_starts_the_tasks() {
    let cloud = Cloud::new().await;
    let ran = releases(&cloud, '1', &[]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!((cloud.recorded().as_str(), cloud.runs().as_str()), ("1-1-", "11"));
    let world = cloud.world();
    assert!(
        world
            .services
            .values()
            .all(|it| (it.desired, it.running) == (2, 2)),
        "{:?}",
        world.services
    );
    // Terraform suspends scaling until it knows of a release; that is not for a release to end.
    assert!(
        world.suspended.values().all(|state| *state == [true; 3]),
        "{:?}",
        world.suspended
    );
    assert!(world.deployments[0].at_once);
}

#[tokio::test]
async fn the_old_tasks_of_the_release_before_are_let_go() {
    let cloud = Cloud::running('1').await;
    assert_eq!(releases(&cloud, '2', &[]).await.code, 0);
    let ran = releases(&cloud, '3', &[]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_at_rest(&cloud, "3232", "33");
    assert!(cloud.world().changes.contains(&"ContinueDeployment".to_owned()));
}

#[tokio::test]
async fn without_codedeploy_the_api_is_exchanged_task_by_task() {
    let cloud = Cloud::running('1').await;
    cloud.world().is_lean();
    let ran = releases(&cloud, '2', &[]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_at_rest(&cloud, "2121", "22");
    let world = cloud.world();
    assert!(world.deployments.is_empty() && world.changes.contains(&"UpdateService api".to_owned()));
}

#[tokio::test]
async fn every_reason_against_a_release_is_told_before_anything_is_changed() {
    let cloud = Cloud::running('1').await;
    cloud.world().images.remove(&sha('2'));
    let alarm = format!("{NAME}-rollback-api-errors");
    cloud.world().alarms = vec![
        (alarm.clone(), "5 % of answers".to_owned()),
        ("other-rollback-api-errors".to_owned(), "x".to_owned()),
    ];
    let ran = releases(&cloud, '2', &[]).await;
    assert_eq!(ran.code, 3, "{ran:?}");
    for told in [
        format!(
            "no image 111122223333.dkr.ecr.eu-west-1.amazonaws.com/tandem/api@{}",
            sha('2')
        ),
        format!("tandem/worker@{}", sha('2')),
        format!("{alarm} is raised"),
        "5 % of answers".to_owned(),
    ] {
        assert!(ran.err.contains(&told), "{told}: {}", ran.err);
    }
    assert!(!ran.err.contains("other-"), "{}", ran.err);
    assert_eq!(cloud.world().changes, Vec::<String>::new());
    // The release that is the cure is said to be one.
    let ran = releases(&cloud, '3', &["--despite-alarms"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(!cloud.world().deployments[0].heeds_alarms);
}

#[tokio::test]
async fn a_scan_can_be_asked_for() {
    let cloud = Cloud::running('1').await;
    let asks = ["--refuse-findings", "high"];
    let ran = releases(&cloud, '2', &asks).await;
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.err.contains("no finished scan"), "{ran:?}");
    cloud.world().findings.insert(
        sha('2'),
        [("CRITICAL".to_owned(), 2), ("MEDIUM".to_owned(), 7)].into(),
    );
    let ran = releases(&cloud, '2', &asks).await;
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(
        ran.err.contains("found 2 critical") && !ran.err.contains("medium"),
        "{ran:?}"
    );
    assert_eq!(cloud.world().changes, Vec::<String>::new());
    cloud
        .world()
        .findings
        .insert(sha('2'), [("MEDIUM".to_owned(), 7)].into());
    assert_eq!(releases(&cloud, '2', &asks).await.code, 0);
}

#[tokio::test]
async fn somebody_elses_deployment_is_not_disturbed() {
    let cloud = Cloud::running('1').await;
    cloud.world().endless.insert(sha('2'));
    let arguments = release('2', &[]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut first = start(&cloud, &arguments);
    testkit::eventually(
        "the worker is exchanged",
        std::time::Duration::from_secs(20),
        async || {
            cloud
                .world()
                .changes
                .contains(&"UpdateService worker".to_owned())
                .then_some(())
        },
    )
    .await;
    let ran = releases(&cloud, '3', &[]).await;
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(
        ran.err.contains("another deployment of the worker is under way"),
        "{ran:?}"
    );
    first.kill().await.unwrap();
}

#[tokio::test]
async fn a_worker_that_does_not_start_stops_the_release() {
    let cloud = Cloud::running('1').await;
    cloud.world().broken.insert(sha('2'));
    let ran = releases(&cloud, '2', &[]).await;
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(
        ran.err.contains("circuit breaker: tasks failed to start")
            && ran.err.contains("what ran before runs again"),
        "{ran:?}"
    );
    assert_at_rest(&cloud, "1-1-", "11");
    assert!(cloud.world().deployments.is_empty());
}

#[tokio::test]
async fn an_api_that_raises_an_alarm_turns_both_back() {
    let cloud = Cloud::running('1').await;
    assert_eq!(releases(&cloud, '2', &[]).await.code, 0);
    // Only the api's image is bad.
    cloud.world().bad.insert(sha('4'));
    let digests = format!("{},{}", image("api", '4'), image("worker", '3'));
    let ran = run(
        &cloud,
        &["release", "--digest", &digests, "--poll-interval", "5ms"],
    )
    .await;
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(
        ran.err.contains("One or more alarms have been activated"),
        "{ran:?}"
    );
    // Also what there is to go back to is as it was.
    assert_at_rest(&cloud, "2121", "22");
}

#[tokio::test]
async fn what_takes_too_long_is_turned_back() {
    let cloud = Cloud::running('1').await;
    cloud.world().endless.insert(sha('4'));
    let digests = format!("{},{}", image("api", '4'), image("worker", '3'));
    let ran = run(
        &cloud,
        &[
            "release",
            "--digest",
            &digests,
            "--poll-interval",
            "5ms",
            "--limit",
            // The way back has to be over within the same time.
            "10s",
        ],
    )
    .await;
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.err.contains("not over after 10 s"), "{ran:?}");
    assert_at_rest(&cloud, "1-1-", "11");
    assert!(cloud.world().changes.contains(&"StopDeployment".to_owned()));
}

#[tokio::test]
async fn a_first_release_that_fails_has_nothing_to_go_back_to() {
    let cloud = Cloud::new().await;
    cloud.world().broken.insert(sha('4'));
    let digests = format!("{},{}", image("api", '4'), image("worker", '3'));
    let ran = run(
        &cloud,
        &["release", "--digest", &digests, "--poll-interval", "5ms"],
    )
    .await;
    assert_eq!(ran.code, 5, "{ran:?}");
    assert!(
        ran.err.contains("tasks do not become healthy")
            && ran.err.contains("nothing before the first release"),
        "{ran:?}"
    );
    assert_eq!(cloud.recorded(), "----");
    // The next one does.
    let ran = releases(&cloud, '5', &[]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!((cloud.recorded().as_str(), cloud.runs().as_str()), ("5-5-", "55"));
}

#[tokio::test]
async fn a_command_line_that_makes_no_sense_is_one() {
    let cloud = Cloud::running('1').await;
    for (digests, told) in [
        (image("api", '1'), "--digest must name worker"),
        (
            format!("{},{}", image("api", '1'), image("api", '2')),
            "names api 2 times",
        ),
        ("api@latest".to_owned(), "is no digest"),
    ] {
        let ran = run(&cloud, &["release", "--digest", &digests]).await;
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains(told), "{ran:?}");
    }
    let ran = run(
        &cloud,
        &["release", "--digest", &image("api", '1'), "--name", "No Name"],
    )
    .await;
    assert!(ran.code == 2 && ran.err.contains("tandem-prod"), "{ran:?}");
    let digests = format!("{},{}", image("api", '1'), image("worker", '1'));
    let ran = run(
        &cloud,
        &["release", "--digest", &digests, "--name", "tandem-none"],
    )
    .await;
    assert!(
        ran.code == 1 && ran.err.contains("no SSM parameter /tandem-none/deploy"),
        "{ran:?}"
    );
}
