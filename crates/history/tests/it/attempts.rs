//! I4, I5 and I10: the attempts of each job.

use history::Invariant::{I4, I5, I6, I10, I12, I13};
use serde_json::json;
use uuid::Uuid;

use crate::cast::correct;
use crate::scene::{id_of, moved};

#[test]
fn overlapping_attempts_are_found() {
    let (mut history, cast) = correct();
    let started_at = history.attempt(cast.retried, 2)["started_at"].clone();
    history.attempt(cast.retried, 1)["finished_at"] = moved(&started_at, 0.001);
    let report = history.breaks_once(I4, "after attempt 2 had started");
    let first_secs = report.first_broken_secs().unwrap();
    assert!((0.0..60.0).contains(&first_secs), "{first_secs}");
}

#[test]
fn an_attempt_that_runs_beside_a_later_one_is_found() {
    let (mut history, cast) = correct();
    let mut claim = history.attempt(cast.crashed, 1).clone();
    claim["attempt"] = 1.into();
    let is_first = |row: &serde_json::Value| {
        row["job_id"] == json!(cast.crashed) && row["attempt"] == 1 && !row["finished_at"].is_null()
    };
    history.database.retain(|line| !is_first(&line["row"]));
    history.add("claim", claim);
    let report = history.breaks(&[I4, I6, I12]);
    assert!(
        report
            .to_string()
            .contains("attempt 1 has not ended, but attempt 2 has started"),
        "{report}"
    );
}

#[test]
fn an_attempt_whose_start_no_event_tells_is_found() {
    let (mut history, cast) = correct();
    history.event(cast.plain, "started")["attempt"] = json!(null);
    history.breaks_once(I4, "attempt 1 started, but there are 0 events that say so");
}

#[test]
fn an_attempt_that_ended_otherwise_than_its_event_tells_is_found() {
    let (mut history, cast) = correct();
    history.attempt(cast.released, 1)["event"] = "snoozed".into();
    history.breaks_once(I4, "attempt 1 snoozed, but there are 0 events that say so");
}

#[test]
fn an_attempt_of_no_job_is_found() {
    let (mut history, cast) = correct();
    let mut stray = history.attempt(cast.echo, 1).clone();
    stray["job_id"] = json!(Uuid::from_u128(1));
    history.add("attempt", stray);
    history.breaks_once(I4, "it has 1 attempts, but no row");
}

#[test]
fn a_gap_between_attempts_is_found() {
    let (mut history, cast) = correct();
    let is_second = |line: &serde_json::Value| {
        line["table"] == "attempt"
            && line["row"]["job_id"] == json!(cast.retried)
            && line["row"]["attempt"] == 2
    };
    history.database.retain(|line| !is_second(line));
    let report = history.breaks(&[I5, I13]);
    assert!(
        report
            .to_string()
            .contains("it is at attempt 3, but these are there: [1, 3]"),
        "{report}"
    );
}

#[test]
fn an_attempt_that_ended_before_it_started_is_found() {
    let (mut history, cast) = correct();
    let started_at = history.attempt(cast.echo, 1)["started_at"].clone();
    history.attempt(cast.echo, 1)["finished_at"] = moved(&started_at, -1.0);
    history.breaks_once(I5, "and ended before");
}

#[test]
fn more_attempts_than_allowed_are_found() {
    let (mut history, cast) = correct();
    history.intent(cast.retried_n)["max_attempts"] = 2.into();
    history.row("job", cast.retried)["max_attempts"] = 2.into();
    history.breaks_once(I5, "it spent 3 attempts of 2");
}

#[test]
fn a_bound_that_the_client_did_not_ask_for_is_found() {
    let (mut history, cast) = correct();
    history.row("job", cast.retried)["max_attempts"] = 31.into();
    history.breaks_once(I5, "it has at most 31 attempts, but the client asked for 30");
}

#[test]
fn a_wrong_count_of_spent_attempts_is_found() {
    let (mut history, cast) = correct();
    for (job_id, spent, counted) in [
        (cast.retried, 2, 3),
        (cast.released, 2, 1),
        (cast.snoozed, 2, 1),
        (cast.crashed, 1, 2),
        (cast.redriven, 0, 1),
    ] {
        let row = history.row("job", job_id);
        let right = row["attempts_spent"].clone();
        row["attempts_spent"] = spent.into();
        history.breaks_once(I5, &format!("it spent {spent} attempts, but {counted} count"));
        history.row("job", job_id)["attempts_spent"] = right;
    }
}

#[test]
fn a_cancelled_attempt_may_count_or_not() {
    let (mut history, cast) = correct();
    history.row("job", cast.aborted)["attempts_spent"] = 1.into();
    let report = history.report();
    assert!(report.holds(), "{report}");
}

#[test]
fn a_start_before_the_clients_time_is_found() {
    let (mut history, cast) = correct();
    let run_at = history.intent(cast.scheduled_n)["run_at"].clone();
    history.intent(cast.scheduled_n)["run_at"] = moved(&run_at, 60.0);
    history.breaks_once(I10, "but the client wanted it to start at");
}

#[test]
fn a_start_before_the_scheduled_time_is_found() {
    let (mut history, cast) = correct();
    let row = history.row("job", cast.scheduled);
    row["scheduled_for"] = moved(&row["scheduled_for"], 60.0);
    history.breaks_once(I10, "but it was scheduled for at");
}

#[test]
fn a_start_before_the_end_of_the_wait_is_found() {
    let (mut history, cast) = correct();
    let row = history.row("job", cast.retried);
    row["run_at"] = moved(&row["run_at"], 60.0);
    history.breaks_once(I10, "attempt 3 started at");
}

#[test]
fn a_start_before_the_submit_is_found() {
    let (mut history, cast) = correct();
    let row = history.row("job", cast.echo);
    row["created_at"] = moved(&row["created_at"], 60.0);
    history.breaks_once(I10, "but it was submitted at");
}

#[test]
fn a_retry_by_hand_does_not_wait_for_the_first_time() {
    let (mut history, cast) = correct();
    // Had it been cancelled while it was scheduled, its next life would begin before that time.
    let n = history.number(cast.cancelled);
    let row = history.row("job", cast.cancelled);
    row["version"] = 5.into();
    row["state"] = "succeeded".into();
    row["result"] = json!({});
    row["attempt"] = 1.into();
    row["attempts_spent"] = 1.into();
    row["run_at"] = row["created_at"].clone();
    let (created_at, tenant_id) = (row["created_at"].clone(), id_of("acme"));
    let (started_at, finished_at) = (moved(&created_at, 1.0), moved(&created_at, 2.0));
    for (number, event, attempt) in [
        (3, "redriven", None),
        (4, "started", Some(1)),
        (5, "succeeded", Some(1)),
    ] {
        let row = json!({
            "job_id": cast.cancelled, "number": number, "tenant_id": tenant_id, "event": event, "attempt": attempt,
        });
        history.add("job_event", row);
    }
    history.add(
        "attempt",
        json!({
            "job_id": cast.cancelled, "attempt": 1, "tenant_id": tenant_id, "worker_id": id_of("worker-2-i1"),
            "started_at": started_at, "finished_at": finished_at, "event": "succeeded",
        }),
    );
    history.receiver.push(json!({
        "at": started_at, "request": 9_999, "webhook_id": cast.cancelled, "attempt": 1, "tenant": "acme", "n": n,
        "answer": 200,
    }));
    history
        .receiver
        .push(json!({ "at": started_at, "request": 9_999, "answered": true }));
    history.operation(
        "redrive",
        json!({ "job_id": cast.cancelled }),
        json!({ "status": 202 }),
    );
    let report = history.report();
    assert!(report.holds(), "{report}");
}
