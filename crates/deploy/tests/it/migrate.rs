//! Migrations as a task that ends.

use crate::cloud::{Cloud, image, sha};
use crate::program::{Ran, releases, run};

async fn migrates(cloud: &Cloud, more: &[&str]) -> Ran {
    let digest = image("api", '2');
    let arguments = [
        &["migrate", "--digest", &*digest, "--poll-interval", "5ms"][..],
        more,
    ]
    .concat();
    run(cloud, &arguments).await
}

#[tokio::test]
async fn a_migration_runs_the_image_and_nothing_else() {
    let cloud = Cloud::running('1').await;
    let ran = migrates(&cloud, &[]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.err.contains("in /tandem-test/migrate") && ran.err.contains("up to date"),
        "{ran:?}"
    );
    // Again: the revision is there already.
    assert_eq!(migrates(&cloud, &[]).await.code, 0);
    assert_eq!(
        cloud.world().changes,
        ["RegisterTaskDefinition tandem-test-migrate", "RunTask", "RunTask"]
    );
    assert_eq!((cloud.recorded().as_str(), cloud.runs().as_str()), ("1-1-", "11"));
}

#[tokio::test]
async fn a_task_that_has_stopped_has_not_therefore_migrated() {
    for (code, reason) in [
        (Some(1), "Essential container in task exited"),
        (
            Some(137),
            "OutOfMemoryError: Container killed due to memory usage",
        ),
        (None, "CannotPullContainerError: image not found"),
    ] {
        let cloud = Cloud::running('1').await;
        cloud.world().migration = (code, reason.to_owned());
        let ran = migrates(&cloud, &[]).await;
        assert_eq!(ran.code, 1, "{ran:?}");
        let told = code.map_or("no exit code".to_owned(), |code| format!("exit code {code}"));
        assert!(
            ran.err.contains(&told) && ran.err.contains(reason) && ran.err.contains("migrate/migrate/"),
            "{ran:?}"
        );
        // A release stops there, and nothing else has happened.
        let ran = releases(&cloud, '2', &[]).await;
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.err.contains("the migration failed"), "{ran:?}");
        assert_eq!((cloud.recorded().as_str(), cloud.runs().as_str()), ("1-1-", "11"));
        let changes = cloud.world().changes.join(" ");
        assert!(
            !changes.contains("UpdateService") && !changes.contains("CreateDeployment"),
            "{changes}"
        );
    }
}

#[tokio::test]
async fn a_migration_that_does_not_end_goes_on_without_us() {
    let cloud = Cloud::running('1').await;
    cloud.world().migration = (Some(-1), String::new());
    let ran = migrates(&cloud, &["--migrate-limit", "1s"]).await;
    assert_eq!(ran.code, 7, "{ran:?}");
    assert!(
        ran.err.contains("not over after 1 s") && ran.err.contains("goes on"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn there_must_be_an_image() {
    let cloud = Cloud::running('1').await;
    cloud.world().images.remove(&sha('2'));
    let ran = migrates(&cloud, &[]).await;
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.err.contains("there is no image"), "{ran:?}");
}
