//! I6, I11 and I12: tokens, tenants, and the end.

use history::Invariant::{I6, I7, I11, I12};
use serde_json::json;
use uuid::Uuid;

use crate::cast::correct;
use crate::scene::{ECHO, Scene, id_of, moved};

#[test]
fn a_missing_token_is_found() {
    let (mut history, cast) = correct();
    history.remove(&["dead_letter"], cast.failed);
    history.breaks_once(
        I6,
        "it is failed and needs a token in dead_letter, but has these: []",
    );
}

#[test]
fn a_dead_letter_that_was_discarded_is_found() {
    let (mut history, cast) = correct();
    history.add(
        "dead_letter",
        json!({ "job_id": cast.discarded, "tenant_id": id_of("acme") }),
    );
    history.breaks_once(
        I6,
        "it is failed and needs no token, but has these: [\"dead_letter\"]",
    );
}

#[test]
fn a_token_without_a_job_is_found() {
    let (mut history, _) = correct();
    let id = Uuid::from_u128(1);
    history.add("dead_letter", json!({ "job_id": id, "tenant_id": id_of("acme") }));
    history.breaks_once(I6, "it has a token in dead_letter, but no row");
}

#[test]
fn a_leftover_doorbell_is_found() {
    let (mut history, cast) = correct();
    history.add(
        "outbox",
        json!({ "job_id": cast.echo, "tenant_id": id_of("acme") }),
    );
    let report = history.breaks(&[I6, I12]);
    assert!(report.to_string().contains("it is still in outbox"), "{report}");
}

#[test]
fn a_leftover_claim_is_found() {
    let (mut history, cast) = correct();
    let claim = json!({
        "job_id": cast.cancelled, "tenant_id": id_of("acme"), "attempt": 1, "worker_id": id_of("worker-2-i1"),
        "started_at": history.run["drained_at"],
    });
    history.add("claim", claim);
    let report = history.report();
    let broken = report.broken();
    assert!(broken.contains_key(&I6) && broken.contains_key(&I12), "{report}");
}

#[test]
fn a_claim_of_another_attempt_is_found() {
    let mut scene = Scene::new();
    let mut job = scene.submit(ECHO);
    scene.start(&mut job, "worker-2-i1");
    let id = scene.keep(job);
    let mut history = scene.done();
    let report = history.breaks_once(I12, "it is still running");
    assert_eq!((report.figures.unfinished, report.figures.lost), (1, 1));
    history.row("claim", id)["attempt"] = 2.into();
    let report = history.report();
    assert!(
        report
            .to_string()
            .contains("attempt 2 is claimed, but it is at attempt 1"),
        "{report}"
    );
}

#[test]
fn jobs_that_still_wait_are_found_and_have_their_tokens() {
    let mut scene = Scene::new();
    let queued = scene.submit(ECHO);
    let mut waiting = scene.submit(ECHO);
    scene.start(&mut waiting, "worker-2-i1");
    scene.end(&mut waiting, "retry_scheduled", Some("handler_error"));
    let (queued, waiting) = (scene.keep(queued), scene.keep(waiting));
    let mut history = scene.done();
    let report = history.breaks(&[I12]);
    assert_eq!(report.violations.len(), 2, "{report}");
    // Each token in the place of the other.
    history.remove(&["due"], waiting);
    history.remove(&["outbox"], queued);
    history.add("outbox", json!({ "job_id": waiting, "tenant_id": id_of("acme") }));
    history.add("due", json!({ "job_id": queued, "tenant_id": id_of("acme") }));
    history.breaks(&[I6, I12]);
}

#[test]
fn a_run_that_did_not_drain_is_found() {
    let (mut history, _) = correct();
    history.run["drained_at"] = json!(null);
    history.breaks_once(I12, "it was not drained within 60 s");
}

#[test]
fn a_run_that_drained_too_late_is_found() {
    let (mut history, _) = correct();
    let ended_at = history.run["faults_ended_at"].clone();
    history.run["drained_at"] = moved(&ended_at, 60.0);
    assert!(history.report().holds());
    history.run["drained_at"] = moved(&ended_at, 61.0);
    history.breaks_once(I12, "it took 61.0 s to drain instead of 60 s");
}

#[test]
fn a_foreign_tenant_is_found_wherever_it_stands() {
    let (correct, cast) = correct();
    for (table, job_id) in [
        ("attempt", cast.plain),
        ("job_event", cast.plain),
        ("dead_letter", cast.failed),
    ] {
        let mut history = correct.clone();
        history.rows(table, job_id)[0]["tenant_id"] = json!(id_of("globex"));
        history.breaks_once(I11, "it is of tenant acme, but");
    }
    let mut history = correct.clone();
    history.row("idempotency", cast.unknown)["tenant_id"] = json!(id_of("globex"));
    history.breaks(&[I7, I11]);
    let mut history = correct;
    let delivery = history
        .receiver
        .iter_mut()
        .find(|it| it["webhook_id"] == json!(cast.plain));
    delivery.unwrap()["tenant"] = "globex".into();
    let report = history.breaks_once(I11, "but its effect is of globex");
    assert_eq!(report.figures.unexpected, 1);
}
