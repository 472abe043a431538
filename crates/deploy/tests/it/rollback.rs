//! Going back, from wherever things are.

use std::time::Duration;

use testkit::eventually;

use crate::cloud::{Cloud, Fault, NAME, When, image, sha};
use crate::program::{Ran, killed, release, releases, run, start};

const SOON: Duration = Duration::from_mins(2);

async fn rolls_back(cloud: &Cloud, more: &[&str]) -> Ran {
    run(
        cloud,
        &[&["rollback", "--poll-interval", "5ms"][..], more].concat(),
    )
    .await
}

fn assert_at_rest(cloud: &Cloud, recorded: &str, runs: &str, told: &str) {
    assert_eq!(
        (cloud.recorded().as_str(), cloud.runs().as_str()),
        (recorded, runs),
        "{told}"
    );
    assert!(!cloud.world().suspended["api"][0], "{told}");
}

#[tokio::test]
async fn a_release_is_taken_back_in_reverse() {
    let cloud = Cloud::running('1').await;
    assert_eq!(releases(&cloud, '2', &[]).await.code, 0);
    cloud.world().changes.clear();
    // What it takes away is what the alarm is about.
    cloud.world().alarms = vec![(format!("{NAME}-rollback-api-errors"), "errors".to_owned())];
    let ran = rolls_back(&cloud, &[]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(
        ran.out,
        format!(
            "back to {}\nback to {}\n",
            image("api", '1'),
            image("worker", '1')
        )
    );
    assert_at_rest(&cloud, "1111", "11", "");
    let expected = [
        "PutParameter /tandem-test/api/digest",
        "PutParameter /tandem-test/worker/digest",
        // The old tasks still stand, so that it takes seconds.
        "RegisterScalableTarget api hold",
        "StopDeployment",
        "RegisterScalableTarget api free",
        "UpdateService worker",
    ];
    assert_eq!(cloud.world().changes, expected);
    // There is nothing before that, and nothing goes back and forth.
    let ran = rolls_back(&cloud, &[]).await;
    assert_eq!(
        (ran.code, ran.out),
        (
            0,
            format!(
                "runs already {}\nruns already {}\n",
                image("api", '1'),
                image("worker", '1')
            )
        )
    );
    assert_at_rest(&cloud, "1111", "11", "");
}

#[tokio::test]
async fn when_the_old_tasks_are_gone_new_ones_of_the_old_image_start() {
    let cloud = Cloud::running('1').await;
    assert_eq!(releases(&cloud, '2', &[]).await.code, 0);
    cloud.world().deployments[0].status = "Succeeded";
    cloud.world().alarms = vec![(format!("{NAME}-rollback-api-errors"), "errors".to_owned())];
    // Settings that came with the bad release go with it.
    let ran = rolls_back(&cloud, &[]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_at_rest(&cloud, "1111", "11", "");
    let world = cloud.world();
    assert!(world.deployments[1].at_once && !world.deployments[1].heeds_alarms);
    assert!(
        world.services["worker"].revision.ends_with("-worker:2"),
        "{:?}",
        world.services
    );
}

#[tokio::test]
async fn it_goes_further_back_when_it_is_told_where() {
    let cloud = Cloud::running('1').await;
    for digit in ['2', '3'] {
        assert_eq!(releases(&cloud, digit, &[]).await.code, 0);
    }
    let to = format!("{},{}", image("api", '1'), image("worker", '1'));
    let ran = rolls_back(&cloud, &["--to", &to]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_at_rest(&cloud, "1212", "11", &ran.err);
    // One program alone: the other stays.
    let ran = rolls_back(&cloud, &["--to", &image("worker", '3')]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_at_rest(&cloud, "1232", "13", &ran.err);
}

#[tokio::test]
async fn without_somewhere_to_go_it_is_refused() {
    let cloud = Cloud::running('1').await;
    let ran = rolls_back(&cloud, &[]).await;
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(
        ran.err.contains("the worker could go back to") && ran.err.contains("the api could go back to"),
        "{ran:?}"
    );
    assert_eq!(releases(&cloud, '2', &[]).await.code, 0);
    cloud.world().images.remove(&sha('1'));
    let ran = rolls_back(&cloud, &[]).await;
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.err.contains("there is no image"), "{ran:?}");
    assert_at_rest(&cloud, "2121", "22", "");
}

#[tokio::test]
async fn a_release_that_hangs_is_taken_back() {
    for begun in ["UpdateService worker", "CreateDeployment"] {
        let cloud = Cloud::running('1').await;
        let endless = if begun == "CreateDeployment" { '4' } else { '2' };
        cloud.world().endless.insert(sha(endless));
        let digests = format!("{},{}", image("api", '4'), image("worker", '2'));
        let mut hangs = start(
            &cloud,
            &["release", "--digest", &digests, "--poll-interval", "5ms"],
        );
        eventually(begun, SOON, async || {
            cloud.world().changes.iter().any(|it| it == begun).then_some(())
        })
        .await;
        hangs.kill().await.unwrap();
        let ran = rolls_back(&cloud, &[]).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_at_rest(&cloud, "1111", "11", &format!("{begun}: {}", ran.err));
    }
}

#[tokio::test]
async fn when_it_fails_too_it_says_so() {
    let cloud = Cloud::running('1').await;
    assert_eq!(releases(&cloud, '2', &[]).await.code, 0);
    cloud.fault("UpdateService", Fault::Denied, 1);
    let ran = rolls_back(&cloud, &[]).await;
    assert_eq!(ran.code, 5, "{ran:?}");
    assert!(
        ran.err
            .contains("the worker could not be turned back: ecs:UpdateService"),
        "{ran:?}"
    );
    assert_eq!(cloud.runs(), "12");
    assert_eq!(rolls_back(&cloud, &[]).await.code, 0);
    assert_at_rest(&cloud, "1111", "11", "");
}

#[tokio::test]
async fn a_release_that_was_killed_anywhere_is_taken_back() {
    for when in [When::Before, When::After] {
        let mut changes = 0;
        loop {
            let cloud = Cloud::running('1').await;
            cloud
                .world()
                .parameters
                .insert(format!("/{NAME}/api/previous_digest"), sha('9'));
            cloud
                .world()
                .parameters
                .insert(format!("/{NAME}/worker/previous_digest"), sha('9'));
            let arguments = release('2', &[]);
            if !killed(
                &cloud,
                &arguments.iter().map(String::as_str).collect::<Vec<_>>(),
                changes,
                when,
            )
            .await
            {
                break;
            }
            let before = cloud.recorded();
            let ran = rolls_back(&cloud, &[]).await;
            let told = format!("killed {when:?} change {changes}: {ran:?}");
            assert_eq!(ran.code, 0, "{told}");
            match before.as_str() {
                // It had not begun, so that what ran before is the release before.
                "1919" => assert_at_rest(&cloud, "9999", "99", &told),
                // Nothing was changed yet.
                "1911" => assert_at_rest(&cloud, "1911", "11", &told),
                _ => assert_at_rest(&cloud, "1111", "11", &told),
            }
            changes += 1;
        }
        assert_eq!(changes, 12);
    }
}

#[tokio::test]
async fn a_rollback_that_was_killed_anywhere_is_run_again() {
    for when in [When::Before, When::After] {
        let mut changes = 0;
        loop {
            let cloud = Cloud::running('1').await;
            assert_eq!(releases(&cloud, '2', &[]).await.code, 0);
            if !killed(&cloud, &["rollback", "--poll-interval", "5ms"], changes, when).await {
                break;
            }
            let ran = rolls_back(&cloud, &[]).await;
            let told = format!("killed {when:?} change {changes}: {ran:?}");
            assert_eq!(ran.code, 0, "{told}");
            assert_at_rest(&cloud, "1111", "11", &told);
            changes += 1;
        }
        assert_eq!(changes, 6);
    }
}
