//! `tandem dead-letters …`

use std::cell::Cell;
use std::time::{Duration, Instant};

use domain::JobId;
use serde_json::{Value, json};
use testkit::eventually;

use crate::world::World;

const SOON: Duration = Duration::from_secs(20);

async fn dead_letters(world: &World, arguments: &[&str]) -> crate::world::Ran {
    world.tandem(&[&["dead-letters"], arguments].concat()).await
}

/// The dead letters that are left, the oldest one first.
async fn left(world: &World) -> Vec<JobId> {
    let ran = dead_letters(world, &["list", "--limit", "10000", "--json"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let letters: Vec<Value> = serde_json::from_str(&ran.out).unwrap();
    let id = |letter: &Value| letter["job_id"].as_str().unwrap().parse().unwrap();
    letters.iter().rev().map(id).collect()
}

#[tokio::test]
async fn dead_letters_are_listed_and_grouped() {
    let world = World::new().await;
    let users = world.dead_letters(101, "user 7 not found\nat line 3").await;
    world.dead_letters(1, "disk full").await;

    let ran = dead_letters(&world, &["list", "--limit", "1"]).await;
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!((ran.code, lines.len()), (0, 2), "{ran:?}");
    assert!(lines[0].starts_with("job_id"), "{ran:?}");
    for part in ["test.echo", "default", "handler_error", "disk full"] {
        assert!(lines[1].contains(part), "{ran:?}");
    }

    let ran = dead_letters(&world, &["groups"]).await;
    let lines: Vec<&str> = ran.out.lines().collect();
    assert!(lines[0].starts_with("count  kind"), "{ran:?}");
    assert!(lines[1].starts_with("101    test.echo  handler_error"), "{ran:?}");
    assert!(lines[1].ends_with("user 7 not found…"), "{ran:?}");
    assert!(
        lines[2].starts_with("1 ") && lines[2].ends_with("disk full"),
        "{ran:?}"
    );

    let ran = dead_letters(&world, &["groups", "--json", "--limit", "1"]).await;
    let groups: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(groups.as_array().unwrap().len(), 1);
    let fingerprint = groups[0]["fingerprint"].as_str().unwrap();

    // More than a page of the api.
    let filter = ["list", "--fingerprint", fingerprint, "--limit", "200", "--json"];
    let ran = dead_letters(&world, &filter).await;
    let letters: Vec<Value> = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(letters.len(), users.len());
}

#[tokio::test]
async fn without_a_terminal_nothing_is_changed_unless_it_is_said() {
    let world = World::new().await;
    let letters = world.dead_letters(3, "no luck").await;
    for verb in ["retry", "discard"] {
        let ran = dead_letters(&world, &[verb, "--all"]).await;
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{ran:?}");
        assert!(ran.err.contains("--yes"), "{ran:?}");
        let ran = dead_letters(&world, &[verb, "--yes"]).await;
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains("--all"), "{ran:?}");
        let ran = dead_letters(&world, &[verb, "--yes", "no-id"]).await;
        assert_eq!(ran.code, 2, "{ran:?}");
        let ran = dead_letters(&world, &[verb, "--yes", "--kind", "No Kind"]).await;
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.err.contains("/filter/kind"), "{ran:?}");
        let ran = dead_letters(&world, &[verb, "--all", "--dry-run"]).await;
        assert_eq!((ran.code, ran.out), (0, format!("would {verb} 3 dead letters\n")));
    }
    let ran = dead_letters(&world, &["retry", "--all", "--dry-run", "--rate", "0.5"]).await;
    assert_eq!(ran.out, "would retry 3 dead letters, over 6 s\n");
    assert_eq!(left(&world).await, letters);
}

#[tokio::test]
async fn dead_letters_are_picked_by_ids_and_by_filters() {
    let world = World::new().await;
    let letters = world.dead_letters(3, "no luck").await;
    let other = world.dead_letters(1, "disk full").await[0];
    let ids = [letters[0].to_string(), letters[2].to_string()];
    let ran = dead_letters(&world, &["retry", "--yes", &ids[0], &ids[1]]).await;
    assert_eq!((ran.code, ran.out.as_str()), (0, "retried 2 of 2\n"), "{ran:?}");
    assert_eq!(left(&world).await, [letters[1], other]);

    let ran = dead_letters(&world, &["discard", "-y", "--json", &ids[0], &other.to_string()]).await;
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(told, json!({ "matched": 1, "discarded": 1, "dry_run": false }));
    assert!(ran.err.starts_with("1 of the jobs that were named"), "{ran:?}");

    let ran = dead_letters(&world, &["discard", "--yes", "--error-code", "timed_out"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (0, "discarded 0 of 0\n"), "{ran:?}");
    let ran = dead_letters(&world, &["discard", "--yes", "--error-code", "handler_error"]).await;
    assert_eq!(ran.out, "discarded 1 of 1\n");
    assert!(left(&world).await.is_empty());
}

#[tokio::test]
async fn many_are_retried_in_order_at_the_rate_and_those_that_fail_again_once() {
    let world = World::new().await;
    let mut letters = world.dead_letters(700, "no luck").await;
    letters.extend(world.dead_letters(500, "no luck").await);
    let again = &letters[..50];

    let began = Instant::now();
    let retry = ["retry", "--all", "--yes", "--rate", "400"];
    let failed_again = Cell::new(0);
    let fail_again = async || {
        failed_again.set(failed_again.get() + world.fail(again, "no luck again").await);
        (failed_again.get() == again.len()).then_some(())
    };
    let fail_again = eventually("the first jobs run again", SOON, fail_again);
    let (ran, ()) = tokio::join!(dead_letters(&world, &retry), fail_again);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "retried 1200 of 1200\n"),
        "{ran:?}"
    );
    assert!(ran.err.contains("retried 1000 of 1200\n"), "{ran:?}");
    assert!(
        began.elapsed() >= Duration::from_millis(2_500),
        "1,000 at 400 per second"
    );
    assert_eq!(left(&world).await, again, "they were retried once");

    let mut superuser = world.db.superuser().await;
    let due: Vec<f64> = sqlx::query_scalar(
        "select extract(epoch from run_at - min(run_at) over ())::float8 from job order by id",
    )
    .fetch_all(&mut superuser)
    .await
    .unwrap();
    for (index, due) in due.into_iter().enumerate() {
        let earliest = index as f64 / 400.0;
        assert!(due > earliest - 0.001, "job {index} is due after {due} s");
    }
}
