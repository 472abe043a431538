//! AWS does not always answer, and this process does not always live.

use std::time::Duration;

use testkit::eventually;

use crate::cloud::{Cloud, Fault, When, sha};
use crate::program::{end, killed, release, releases, start};

const SOON: Duration = Duration::from_mins(2);

#[tokio::test]
async fn calls_that_fail_for_a_while_do_not_matter() {
    let cloud = Cloud::running('1').await;
    for call in [
        "RegisterTaskDefinition",
        "RunTask",
        "UpdateService",
        "DescribeServices",
        "PutParameter",
        "DescribeAlarms",
        "RegisterScalableTarget",
    ] {
        cloud.fault(call, Fault::Throttled, 1);
        cloud.fault(call, Fault::Broken, 1);
        cloud.fault(call, Fault::Unheard, 1);
    }
    let ran = releases(&cloud, '2', &[]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!((cloud.recorded().as_str(), cloud.runs().as_str()), ("2121", "22"));
    // A task that was asked for twice by one command is one.
    assert_eq!(cloud.world().tasks.len(), 1);
}

#[tokio::test]
async fn a_deployment_that_was_begun_unheard_is_found() {
    let cloud = Cloud::running('1').await;
    cloud.fault("CreateDeployment", Fault::Unheard, 1);
    let ran = releases(&cloud, '2', &[]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(cloud.world().deployments.len(), 1);
    assert_eq!((cloud.recorded().as_str(), cloud.runs().as_str()), ("2121", "22"));
}

#[tokio::test]
async fn what_goes_on_is_waited_for_through_an_outage() {
    let cloud = Cloud::running('1').await;
    // More than the SDK tries at a time.
    cloud.fault("GetDeployment", Fault::Broken, 7);
    let ran = releases(&cloud, '2', &[]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.err
            .contains("can't look, trying again: codedeploy:GetDeployment"),
        "{ran:?}"
    );
    assert_eq!(cloud.runs(), "22");
}

#[tokio::test]
async fn a_refusal_is_told_and_what_was_begun_is_turned_back() {
    let cloud = Cloud::running('1').await;
    cloud.fault("CreateDeployment", Fault::Denied, 1);
    let ran = releases(&cloud, '2', &[]).await;
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(
        ran.err
            .contains("codedeploy:CreateDeployment: not authorized (AccessDeniedException)"),
        "{ran:?}"
    );
    assert_eq!((cloud.recorded().as_str(), cloud.runs().as_str()), ("1-1-", "11"));
    assert!(!cloud.world().suspended["api"][0]);
}

#[tokio::test]
async fn scaling_that_can_not_be_given_back_undoes_nothing() {
    let cloud = Cloud::running('1').await;
    let arguments = release('2', &[]);
    let arguments: Vec<&str> = arguments
        .iter()
        .map(|it| if it == "5ms" { "200ms" } else { it })
        .collect();
    let child = start(&cloud, &arguments);
    eventually("requests move", SOON, async || {
        cloud
            .world()
            .changes
            .iter()
            .any(|it| it == "CreateDeployment")
            .then_some(())
    })
    .await;
    cloud.fault("RegisterScalableTarget", Fault::Denied, 2);
    let ran = end(child).await;
    assert_eq!(ran.code, 5, "{ran:?}");
    assert!(
        ran.err.contains("scaling in of the api is still suspended"),
        "{ran:?}"
    );
    assert_eq!((cloud.recorded().as_str(), cloud.runs().as_str()), ("2121", "22"));
    assert!(cloud.world().suspended["api"][0]);
    assert_eq!(releases(&cloud, '2', &[]).await.code, 0);
    assert!(!cloud.world().suspended["api"][0]);
}

#[tokio::test]
async fn a_release_that_was_killed_anywhere_is_released_again() {
    let arguments = release('2', &[]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    for when in [When::Before, When::After] {
        let mut changes = 0;
        loop {
            let cloud = Cloud::running('1').await;
            if !killed(&cloud, &arguments, changes, when).await {
                break;
            }
            let ran = releases(&cloud, '2', &[]).await;
            let told = format!("killed {when:?} change {changes}: {ran:?}");
            assert_eq!(ran.code, 0, "{told}");
            assert_eq!(
                (cloud.recorded().as_str(), cloud.runs().as_str()),
                ("2121", "22"),
                "{told}"
            );
            let world = cloud.world();
            assert!(!world.suspended["api"][0], "{told}");
            assert!(world.deployments.len() == 1, "{told}");
            changes += 1;
        }
        assert_eq!(changes, 12);
    }
}

#[tokio::test]
async fn a_release_that_is_interrupted_says_what_goes_on_and_gives_scaling_back() {
    let cloud = Cloud::running('1').await;
    cloud.world().endless.insert(sha('2'));
    cloud.world().services.get_mut("worker").unwrap().by_codedeploy = false;
    for (signal, begun, told) in [
        ("INT", "UpdateService worker", "ECS goes on"),
        ("TERM", "CreateDeployment", "CodeDeploy goes on"),
    ] {
        let arguments = release('2', &["--skip-migrate"]);
        let child = start(&cloud, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        eventually(begun, SOON, async || {
            cloud.world().changes.iter().any(|it| it == begun).then_some(())
        })
        .await;
        let pid = child.id().unwrap().to_string();
        assert!(
            std::process::Command::new("kill")
                .args(["-s", signal, &pid])
                .status()
                .unwrap()
                .success()
        );
        let ran = end(child).await;
        assert_eq!(ran.code, 7, "{ran:?}");
        assert!(ran.err.contains(told), "{ran:?}");
        assert!(!cloud.world().suspended["api"][0], "{ran:?}");
        // So that the next run gets past the worker.
        cloud.world().services.get_mut("worker").unwrap().rollout = crate::cloud::Rollout::Completed;
    }
    // The same command goes on, and ends.
    cloud.world().endless.clear();
    let ran = releases(&cloud, '2', &["--skip-migrate"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!((cloud.recorded().as_str(), cloud.runs().as_str()), ("2121", "22"));
    assert_eq!(cloud.world().deployments.len(), 1);
}
