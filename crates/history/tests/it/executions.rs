//! I13: what the attempts did at the receiver.

use history::Invariant::I13;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cast::correct;
use crate::scene::moved;
use crate::written::Written;

/// The arrival of an attempt, and its answer.
fn delivery(history: &mut Written, job_id: Uuid, attempt: u32) -> (usize, usize) {
    let lines = &history.receiver;
    let arrives = |line: &Value| line["webhook_id"] == json!(job_id) && line["attempt"] == attempt;
    let arrival = lines.iter().position(arrives).unwrap();
    let answers = |line: &Value| line["request"] == lines[arrival]["request"] && line["answered"] == true;
    (arrival, lines.iter().position(answers).unwrap())
}

#[test]
fn an_attempt_that_two_run_is_found() {
    let (mut history, cast) = correct();
    let (arrival, _) = delivery(&mut history, cast.plain, 1);
    let mut again = history.receiver[arrival].clone();
    again["request"] = history.receiver.len().into();
    history.receiver.push(again);
    let report = history.breaks_once(I13, "attempt 1 reached the receiver again at");
    assert!(report.violations[0].at.is_some());
}

#[test]
fn a_retry_within_an_attempt_is_found() {
    let (mut history, cast) = correct();
    let (arrival, _) = delivery(&mut history, cast.retried, 2);
    history.receiver[arrival]["attempt"] = 1.into();
    history.breaks_once(I13, "attempt 1 reached the receiver again at");
}

#[test]
fn an_attempt_that_never_was_is_found() {
    let (mut history, cast) = correct();
    let (arrival, _) = delivery(&mut history, cast.retried, 2);
    history.receiver[arrival]["attempt"] = 4.into();
    history.breaks_once(I13, "attempt 4 reached the receiver at");
}

#[test]
fn a_request_that_does_not_say_its_attempt_is_found() {
    let (mut history, cast) = correct();
    let (arrival, _) = delivery(&mut history, cast.retried, 1);
    history.receiver[arrival]["attempt"] = Value::Null;
    history.breaks_once(I13, "without the number of its attempt");
}

#[test]
fn an_attempt_that_acts_before_it_starts_is_found_but_not_a_clock_that_is_read_late() {
    for (secs, is_fine) in [(-0.003, true), (-0.02, false)] {
        let (mut history, cast) = correct();
        let started_at = history.attempt(cast.plain, 1)["started_at"].clone();
        let (arrival, _) = delivery(&mut history, cast.plain, 1);
        history.receiver[arrival]["at"] = moved(&started_at, secs);
        if is_fine {
            let report = history.report();
            assert!(report.holds(), "{report}");
        } else {
            history.breaks_once(I13, "but started at");
        }
    }
}

#[test]
fn a_success_that_only_another_attempt_heard_is_found() {
    let (mut history, cast) = correct();
    let (arrival, _) = delivery(&mut history, cast.crashed, 2);
    history.receiver[arrival]["answer"] = 500.into();
    history.breaks_once(I13, "attempt 2 succeeded at");
}

#[test]
fn a_success_before_the_answer_is_found() {
    let (mut history, cast) = correct();
    let (_, answer) = delivery(&mut history, cast.plain, 1);
    let at = history.receiver[answer]["at"].clone();
    history.receiver[answer]["at"] = moved(&at, 1.0);
    history.breaks_once(I13, "was not answered with success before");
    history.receiver.remove(answer);
    history.breaks_once(I13, "was not answered with success before");
}
