//! The correct history is accepted: without this, no test that breaks it would show anything.

use serde_json::json;

use crate::cast::correct;

#[test]
fn a_correct_history_holds() {
    let report = correct().0.report();
    assert!(report.holds(), "{report}");
    assert!(report.truncated.is_empty());
}

#[test]
fn the_report_shows_the_run_and_every_invariant() {
    let text = correct().0.report().to_string();
    assert!(
        text.starts_with("scenario everything, backend postgres, seed 7, commit 0123abc, profile debug"),
        "{text}"
    );
    assert_eq!(text.matches(" holds").count(), 16, "{text}");
    for figure in [
        "attempted",
        "acknowledged",
        "lost",
        "duplicated",
        "unexpected",
        "redelivered",
        "recovery",
    ] {
        assert!(text.contains(figure), "{text}");
    }
}

#[test]
fn the_report_is_also_for_programs() {
    let (mut history, cast) = correct();
    history.remove(&["dead_letter"], cast.failed);
    let report = serde_json::to_value(history.report()).unwrap();
    assert_eq!(report["run"]["seed"], 7);
    assert_eq!(report["figures"]["lost"], 0);
    let violation = json!({
        "invariant": "I6",
        "subject": format!("job {}", cast.failed),
        "evidence": "it is failed and needs a token in dead_letter, but has these: []",
    });
    assert_eq!(report["violations"], json!([violation]));
}

#[test]
fn unknown_fields_and_tables_are_ignored() {
    let (mut history, _) = correct();
    history.add("audit", json!({ "id": 1 }));
    for line in history.clients.iter_mut().chain(&mut history.receiver) {
        line["more"] = json!({ "and": ["more"] });
    }
    let report = history.report();
    assert!(report.holds(), "{report}");
}
