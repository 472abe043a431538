//! I2 and I3: the history of each job.

use history::Invariant::{I2, I3, I4};
use serde_json::json;
use uuid::Uuid;

use crate::cast::correct;
use crate::scene::id_of;

#[test]
fn an_illegal_transition_is_found() {
    let (mut history, cast) = correct();
    history.event(cast.retried, "promoted")["event"] = "released".into();
    history.breaks_once(I2, "event 4, released, can't happen to a scheduled job");
}

#[test]
fn a_start_without_promotion_is_found() {
    let (mut history, cast) = correct();
    history.row("job", cast.scheduled)["version"] = 3.into();
    let is_promotion =
        |row: &serde_json::Value| row["job_id"] == json!(cast.scheduled) && row["event"] == "promoted";
    history.database.retain(|line| !is_promotion(&line["row"]));
    for row in history.rows("job_event", cast.scheduled) {
        row["number"] = (row["number"].as_u64().unwrap() - 1).into();
    }
    history.breaks_once(I2, "started, can't happen to a scheduled job");
}

#[test]
fn a_missing_event_is_found() {
    let (mut history, cast) = correct();
    history.event(cast.retried, "promoted")["job_id"] = json!(Uuid::from_u128(1));
    let report = history.breaks(&[I2]);
    let text = report.to_string();
    assert!(text.contains("event 4 is missing"), "{text}");
    assert!(text.contains("it has 1 events, but no row"), "{text}");
}

#[test]
fn a_version_that_is_not_the_number_of_the_last_event_is_found() {
    let (mut history, cast) = correct();
    history.row("job", cast.echo)["version"] = 4.into();
    history.breaks_once(I2, "the job's version is 4, its last event is 3");
}

#[test]
fn a_state_to_which_the_events_do_not_lead_is_found() {
    let (mut history, cast) = correct();
    // One that was never started has no attempt that would tell the difference.
    history.event(cast.cancelled, "cancelled")["event"] = "expired".into();
    history.breaks_once(I2, "its events lead to expired, but it is cancelled");
}

#[test]
fn a_retry_that_nobody_asked_for_is_found() {
    let (mut history, _) = correct();
    history.remove_operations("redrive");
    history.breaks_once(I2, "nobody asked for event 4, redriven");
}

#[test]
fn a_discard_that_nobody_asked_for_is_found() {
    let (mut history, _) = correct();
    history.remove_operations("discard");
    history.breaks_once(I2, "nobody asked for event 4, discarded");
}

#[test]
fn a_dead_letter_that_is_discarded_twice_is_found() {
    let (mut history, cast) = correct();
    let mut again = history.event(cast.discarded, "discarded").clone();
    again["number"] = 5.into();
    history.add("job_event", again);
    history.row("job", cast.discarded)["version"] = 5.into();
    history.breaks_once(I2, "event 5, discarded, can't happen to a failed job");
}

#[test]
fn a_second_end_is_found() {
    let (mut history, cast) = correct();
    history.row("job", cast.cancelled)["version"] = 3.into();
    let again = json!({
        "job_id": cast.cancelled, "number": 3, "tenant_id": id_of("acme"), "at": "2026-09-21T00:00:00Z",
        "event": "cancelled", "attempt": null,
    });
    history.add("job_event", again);
    let report = history.breaks(&[I2, I3]);
    assert!(
        report
            .to_string()
            .contains("it ended 2 times: cancelled, cancelled"),
        "{report}"
    );
}

#[test]
fn a_second_success_is_found() {
    let (mut history, cast) = correct();
    history.event(cast.crashed, "lease_expired")["event"] = "succeeded".into();
    history.attempt(cast.crashed, 1)["event"] = "succeeded".into();
    let report = history.breaks(&[I2, I3]);
    assert!(
        report.to_string().contains("of which these succeeded: [1, 2]"),
        "{report}"
    );
    assert_eq!(report.figures.duplicated, 1);
}

#[test]
fn a_second_attempt_that_is_recorded_as_a_success_is_found() {
    let (mut history, cast) = correct();
    history.attempt(cast.crashed, 1)["event"] = "succeeded".into();
    let report = history.breaks(&[I3, I4]);
    assert_eq!(report.figures.duplicated, 1);
}

#[test]
fn a_result_of_a_failed_job_is_found() {
    let (mut history, cast) = correct();
    history.row("job", cast.failed)["result"] = json!({ "done": true });
    history.breaks_once(I3, "it is failed and has a result");
}

#[test]
fn a_success_without_the_result_of_its_kind_is_found() {
    for n in [0, 1] {
        let (mut history, cast) = correct();
        history.row("job", [cast.echo, cast.plain][n])["result"] = json!(null);
        history.breaks_once(I3, "it succeeded and has no result");
    }
}
