//! Availability and readability: the run as a whole.

use history::Invariant::{Availability, Readable};
use serde_json::{Value, json};

use crate::cast::correct;
use crate::scene::Scene;

#[test]
fn a_server_error_is_found_where_none_is_allowed() {
    let (mut history, _) = correct();
    let exchange = history
        .clients
        .iter_mut()
        .find(|line| line["phase"] == "try")
        .unwrap();
    exchange["status"] = 503.into();
    assert!(history.report().holds());
    history.run["allow_5xx"] = false.into();
    let report = history.breaks_once(Availability, "api-1: it answered with a server error 1 times");
    assert_eq!(report.figures.server_errors["api-1"], 1);
}

#[test]
fn a_run_in_which_nothing_was_acknowledged_shows_nothing() {
    Scene::new()
        .done()
        .breaks_once(Readable, "no submit was acknowledged");
}

/// The correct history with one more line of the clients.
fn with_client_line(line: Value, problem: &str) {
    let (mut history, _) = correct();
    history.clients.push(line);
    let last = history.clients.len();
    let report = history.breaks_once(Readable, problem);
    assert_eq!(report.violations[0].subject, format!("clients.jsonl:{last}"));
}

fn line(op: u64, phase: &str) -> Value {
    json!({ "at": "2026-09-21T00:00:00.000001Z", "client": 1, "op": op, "type": "cancel", "phase": phase })
}

#[test]
fn contradictions_of_the_clients_are_found() {
    with_client_line(line(9_999, "fail"), "operation 9999 was never invoked");
    with_client_line(line(1, "fail"), "operation 1 had ended before");
    with_client_line(line(1, "invoke"), "operation 1 was invoked before");
    with_client_line(line(9_999, "invoke"), "missing field `job_id`");
    with_client_line(json!({ "at": "yesterday" }), "input contains invalid characters");
    let mut acknowledged = line(1, "ok");
    acknowledged["type"] = "submit".into();
    with_client_line(acknowledged, "operation 1 was acknowledged without a job_id");
}

#[test]
fn one_number_for_two_keys_is_found() {
    let (mut history, cast) = correct();
    let mut second = history.intent(cast.echo_n).clone();
    second["op"] = 9_999.into();
    second["key"] = "another".into();
    history.clients.push(second);
    history.breaks_once(Readable, "was used with another key");
}

#[test]
fn states_and_events_that_do_not_exist_are_found() {
    let (mut history, cast) = correct();
    history.event(cast.echo, "succeeded")["event"] = "exploded".into();
    let report = history.report();
    assert!(
        report.to_string().contains("unknown variant `exploded`"),
        "{report}"
    );
    let (mut history, cast) = correct();
    history.row("job", cast.echo)["state"] = "done".into();
    let report = history.report();
    assert!(report.to_string().contains("unknown variant `done`"), "{report}");
}
