//! I9: what reached the receiver.

use history::Invariant::{I9, I11, I13};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cast::correct;
use crate::written::Written;

fn deliveries(history: &mut Written, job_id: Uuid) -> Vec<&mut Value> {
    let lines = history.receiver.iter_mut();
    lines.filter(|line| line["webhook_id"] == json!(job_id)).collect()
}

fn stray(history: &mut Written, webhook_id: &str) {
    let mut line = history.receiver[0].clone();
    line["webhook_id"] = webhook_id.into();
    line["request"] = history.receiver.len().into();
    history.receiver.push(line);
}

#[test]
fn an_id_that_is_no_jobs_is_found() {
    let (mut history, _) = correct();
    stray(&mut history, &Uuid::from_u128(1).to_string());
    let report = history.breaks_once(I9, "the receiver saw its id 1 times, but there is no such job");
    assert_eq!(report.figures.unexpected, 1);
}

#[test]
fn an_id_that_is_none_is_found() {
    let (mut history, _) = correct();
    stray(&mut history, "msg_1");
    let report = history.breaks_once(I9, "\"msg_1\"");
    assert_eq!(report.figures.unexpected, 1);
}

#[test]
fn the_target_of_another_job_is_found() {
    let (mut history, cast) = correct();
    deliveries(&mut history, cast.plain)[0]["n"] = cast.echo_n.into();
    let report = history.breaks_once(I9, "but reached the receiver with");
    assert_eq!(report.figures.unexpected, 1);
}

#[test]
fn one_id_with_two_targets_is_found() {
    let (mut history, cast) = correct();
    deliveries(&mut history, cast.retried)[1]["n"] = cast.echo_n.into();
    history.breaks_once(I9, "the receiver saw it for several targets");
    let (mut history, cast) = correct();
    deliveries(&mut history, cast.retried)[1]["tenant"] = "globex".into();
    history.breaks(&[I9, I11]);
}

#[test]
fn a_success_without_its_effect_is_found() {
    let (mut history, cast) = correct();
    let request = deliveries(&mut history, cast.plain)[0]["request"].clone();
    history.receiver.retain(|line| line["request"] != request);
    let report = history.breaks(&[I9, I13]);
    assert!(
        report
            .to_string()
            .contains("it succeeded, but the receiver never took it")
    );
}

#[test]
fn a_success_that_the_receiver_refused_is_found() {
    let (mut history, cast) = correct();
    deliveries(&mut history, cast.plain)[0]["answer"] = 500.into();
    let report = history.breaks(&[I9, I13]);
    assert!(
        report
            .to_string()
            .contains("it succeeded, but the receiver never took it")
    );
}
