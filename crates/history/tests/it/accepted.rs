//! I1, I7 and I8: what was accepted.

use history::Invariant::{I1, I7, I8, I11};
use serde_json::json;
use uuid::Uuid;

use crate::cast::correct;
use crate::scene::id_of;

#[test]
fn a_lost_job_is_found() {
    let (mut history, cast) = correct();
    history.remove(&["job", "attempt", "job_event", "idempotency"], cast.echo);
    let report = history.breaks_once(I1, "was acknowledged, but there is no such job");
    assert_eq!(report.figures.lost, 1);
}

#[test]
fn a_job_of_another_tenant_than_the_submitter_is_found() {
    let (mut history, cast) = correct();
    for table in ["job", "attempt", "job_event"] {
        for row in history.rows(table, cast.echo) {
            row["tenant_id"] = json!(id_of("globex"));
        }
    }
    history.breaks(&[I1, I11]);
}

#[test]
fn two_jobs_of_one_key_are_found() {
    let (mut history, cast) = correct();
    let answer = history
        .clients
        .iter_mut()
        .find(|line| line["replayed"] == true)
        .unwrap();
    answer["job_id"] = json!(cast.unknown);
    let report = history.breaks(&[I7]);
    let found = report.violations[0].to_string();
    assert!(
        found.contains("of tenant acme") && found.contains("was made into 2 jobs"),
        "{found}"
    );
    assert_eq!(report.figures.duplicate_jobs, 1);
}

#[test]
fn a_second_job_of_one_submit_is_found_though_no_answer_names_it() {
    let (mut history, cast) = correct();
    let copy = Uuid::from_u128(1);
    for table in ["job", "attempt", "job_event"] {
        let rows: Vec<_> = history
            .rows(table, cast.echo)
            .into_iter()
            .map(|row| row.clone())
            .collect();
        for mut row in rows {
            row[if table == "job" { "id" } else { "job_id" }] = json!(copy);
            history.add(table, row);
        }
    }
    let report = history.breaks_once(I7, "was made into 2 jobs");
    assert_eq!(report.figures.duplicate_jobs, 1);
}

#[test]
fn an_acknowledged_key_that_is_not_remembered_is_found() {
    let (mut history, cast) = correct();
    history.remove(&["idempotency"], cast.echo);
    history.breaks_once(I7, "was acknowledged for it, but it is not remembered");
}

#[test]
fn a_key_that_nobody_used_is_found() {
    let (mut history, _) = correct();
    history.add(
        "idempotency",
        json!({ "tenant_id": id_of("acme"), "key": "stray", "job_ids": [] }),
    );
    history.breaks_once(I7, "it is bound, but no client used it");
}

#[test]
fn a_key_that_is_bound_to_nothing_is_found() {
    let (mut history, cast) = correct();
    history.remove(&["job", "attempt", "job_event"], cast.unknown);
    history.breaks_once(I7, "which is not there");
}

#[test]
fn one_job_for_two_keys_is_found() {
    let (mut history, cast) = correct();
    let (echo, unknown) = (cast.echo, cast.unknown);
    history.row("idempotency", unknown)["job_ids"] = json!([echo]);
    let report = history.breaks(&[I7]);
    let found = report.violations.iter().any(|it| {
        it.subject == format!("job {echo}") && it.evidence.contains("stands for several intended jobs")
    });
    assert!(found, "{report}");
}

#[test]
fn a_job_that_nobody_submitted_is_found() {
    let (mut history, cast) = correct();
    history.row("job", cast.unknown)["payload"]["n"] = 999_999.into();
    history.remove(&["idempotency"], cast.unknown);
    let report = history.breaks_once(I8, "no client submitted it");
    assert_eq!(report.figures.unexpected, 1);
}

#[test]
fn a_job_without_a_number_belongs_to_its_key() {
    let (mut history, cast) = correct();
    history.remove(&["idempotency"], cast.panicked);
    history.breaks(&[I7, I8]);
}

#[test]
fn a_job_of_a_refused_submit_is_found() {
    let (mut history, cast) = correct();
    let op = history.intent(cast.unknown_n)["op"].clone();
    let end = history
        .clients
        .iter_mut()
        .find(|line| line["op"] == op && line["phase"] == "info");
    end.unwrap()["phase"] = "fail".into();
    history.breaks_once(I8, "was refused");
}

#[test]
fn a_job_with_two_rows_is_found() {
    let (mut history, cast) = correct();
    let row = history.row("job", cast.echo).clone();
    history.add("job", row);
    history.breaks_once(I8, "it has 2 rows");
}

#[test]
fn a_key_that_was_taken_for_another_body_is_found() {
    let (mut history, cast) = correct();
    history.operation("clash", json!({ "job_id": cast.plain }), json!({ "status": 202 }));
    history.breaks_once(I7, "was accepted with its key and another body");
    let refused = history.clients.last_mut().unwrap();
    refused["phase"] = "fail".into();
    let report = history.report();
    assert!(report.holds(), "{report}");
}
