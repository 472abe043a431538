//! `tandem jobs …`: many at a time, and as they happen.

use domain::JobId;
use serde_json::{Value, json};
use testkit::eventually;

use crate::world::{Ran, SOON, World};

async fn jobs(world: &World, arguments: &[&str]) -> Ran {
    world.tandem(&[&["jobs"], arguments].concat()).await
}

async fn in_state(world: &World, state: &str) -> usize {
    let ran = jobs(world, &["list", "--state", state, "--limit", "10000", "--json"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    serde_json::from_str::<Vec<Value>>(&ran.out).unwrap().len()
}

#[tokio::test]
async fn without_a_terminal_nothing_is_changed_unless_it_is_said() {
    let world = World::new().await;
    let id = world.submit(1).await[0].to_string();
    for verb in ["cancel", "retry"] {
        for (arguments, told) in [
            (&["--all"][..], "--yes"),
            (&["--yes"], "--all"),
            (&["--yes", "--all", "--kind", "k"], "--all"),
            (&[&*id, "--all"], "an id"),
        ] {
            let ran = jobs(&world, &[&[verb], arguments].concat()).await;
            assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{ran:?}");
            assert!(ran.err.contains(told), "{ran:?}");
        }
        let ran = jobs(&world, &[verb, "--yes", "--kind", "No Kind"]).await;
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.err.contains("/filter/kind"), "{ran:?}");
    }
    let ran = jobs(&world, &["cancel", "--all", "--dry-run"]).await;
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "would cancel 1 job\n"),
        "{ran:?}"
    );
    assert_eq!(in_state(&world, "queued").await, 1);
    let ran = jobs(&world, &["cancel", &id]).await;
    assert_eq!((ran.code, ran.out), (0, format!("{id}  cancelled\n")));
    let ran = jobs(&world, &["retry", &id]).await;
    assert_eq!((ran.code, ran.out), (0, format!("{id}  queued\n")));
}

#[tokio::test]
async fn more_jobs_than_a_request_takes_are_cancelled_and_retried() {
    let world = World::new().await;
    world.submit(700).await;
    let running = world.submit(500).await;
    world.start(&running[..2]).await;
    let ran = jobs(&world, &["cancel", "--all", "--yes"]).await;
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "cancelled 1200 of 1200\n"),
        "{ran:?}"
    );
    assert!(ran.err.contains("cancelled 1000 of 1200\n"), "{ran:?}");
    assert!(ran.err.contains("asked to end while they run: 2\n"), "{ran:?}");
    assert_eq!(in_state(&world, "cancelled").await, 1_198);
    assert_eq!(in_state(&world, "running").await, 2);

    let retry = [
        "retry",
        "--state",
        "cancelled",
        "--kind",
        "test.echo",
        "--yes",
        "--json",
    ];
    let ran = jobs(&world, &retry).await;
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    let expected =
        json!({ "action": "retry", "matched": 1198, "changed": 1198, "requested": 0, "dry_run": false });
    assert_eq!(told, expected, "{ran:?}");
    assert_eq!(in_state(&world, "queued").await, 1_198);
}

#[tokio::test]
async fn a_job_is_watched_to_its_end() {
    let world = World::new().await;
    let ids: Vec<JobId> = world.submit(2).await;
    let (fails, cancelled) = (ids[0].to_string(), ids[1].to_string());
    let working = async {
        // The watchers have begun when the api streams for them; that shows nowhere, so each step comes after another.
        eventually("the job has failed", SOON, async || {
            (world.fail(&ids[..1], "no luck").await == 1).then_some(())
        })
        .await;
        jobs(&world, &["cancel", &cancelled]).await;
    };
    let (failing, ending) = (
        [&["watch"][..], &[&*fails]].concat(),
        ["watch", &cancelled, "--json"],
    );
    let (failed, ended, ()) = tokio::join!(jobs(&world, &failing), jobs(&world, &ending), working);
    let told: Vec<&str> = failed.out.lines().collect();
    assert_eq!((failed.code, told.len()), (3, 3), "{failed:?}");
    for (line, part) in told
        .iter()
        .zip(["submitted", "started, attempt 1", "failed, attempt 1"])
    {
        assert!(line.ends_with(part), "{failed:?}");
    }
    let event = |line: &str| serde_json::from_str::<Value>(line).unwrap()["event"].clone();
    let events: Vec<Value> = ended.out.lines().map(event).collect();
    assert_eq!(
        (ended.code, events),
        (3, vec![json!("submitted"), json!("cancelled")]),
        "{ended:?}"
    );

    let ran = jobs(&world, &["watch", "0190163d-8694-739b-aea5-966c26f8ad91"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
    assert!(ran.err.contains("no such job"), "{ran:?}");
}

#[tokio::test]
async fn a_payload_is_shown_as_it_was_written() {
    let world = World::new().await;
    let payload = r#"{"b": 1e400, "a": 12345678901234567890.10}"#;
    let submitted = jobs(&world, &["submit", "test.echo", "-p", payload]).await;
    let (id, state) = submitted.out.trim().split_once("  ").unwrap();
    assert_eq!((submitted.code, state), (0, "queued"), "{submitted:?}");
    let shown = jobs(&world, &["get", id, "--json"]).await;
    let written = r#""payload":{"b":1e400,"a":12345678901234567890.10}"#;
    assert!(
        shown.out.contains(written) && shown.out.lines().count() == 1,
        "{shown:?}"
    );
    let shown = jobs(&world, &["get", id]).await;
    let written = format!(
        "{:<20}{}",
        "payload", r#"{"b":1e400,"a":12345678901234567890.10}"#
    );
    assert!(shown.out.lines().any(|line| line == written), "{shown:?}");
    assert_eq!(jobs(&world, &["get", "no-id"]).await.code, 2);
}
