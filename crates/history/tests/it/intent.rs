//! Intent: whether jobs ended as their submitters intended.

use history::Invariant::{I2, Intent};
use serde_json::json;

use crate::cast::correct;
use crate::scene::{ECHO, Scene, moved};

#[test]
fn a_success_of_what_can_not_succeed_is_found() {
    let (mut history, cast) = correct();
    history.intent(cast.echo_n)["behaviour"] = "always_fail".into();
    history.breaks_once(Intent, "it behaves as AlwaysFail, but it is succeeded");
}

#[test]
fn a_failure_of_what_can_succeed_is_found() {
    let (mut history, cast) = correct();
    history.intent(cast.failed_n)["behaviour"] = "fail_first".into();
    history.breaks_once(
        Intent,
        "it behaves as FailFirst, but it is failed (target_refused)",
    );
}

#[test]
fn a_cancel_that_nobody_asked_for_is_found() {
    let (mut history, _) = correct();
    history.remove_operations("cancel");
    let report = history.breaks(&[Intent]);
    assert_eq!(report.violations.len(), 2, "{report}");
}

#[test]
fn a_cancel_that_was_confirmed_and_did_not_happen_is_found() {
    let (mut history, cast) = correct();
    let invoke = json!({ "job_id": cast.echo });
    history.operation("cancel", invoke.clone(), json!({ "status": 202 }));
    assert!(
        history.report().holds(),
        "one that was only asked for may come too late"
    );
    history.operation("cancel", invoke, json!({ "status": 200 }));
    history.breaks_once(Intent, "was told that it is cancelled, but it is succeeded");
}

#[test]
fn an_expiry_is_found() {
    let (mut history, cast) = correct();
    history.row("job", cast.cancelled)["state"] = "expired".into();
    let report = history.breaks(&[I2, Intent]);
    assert!(
        report.to_string().contains("it behaves as Ok, but it is expired"),
        "{report}"
    );
}

#[test]
fn a_failure_by_crashes_is_found_where_it_is_not_allowed() {
    let (mut history, _) = correct();
    assert_eq!(history.report().figures.failed_by_crashes, 1);
    history.run["crash_failures_allowed"] = false.into();
    history.breaks_once(Intent, "it behaves as Ok, but it is failed (worker_lost)");
}

#[test]
fn a_failure_by_a_crash_with_attempts_left_is_found() {
    let (mut history, cast) = correct();
    let n = history.number(cast.doomed);
    history.row("job", cast.doomed)["max_attempts"] = 3.into();
    history.intent(n)["max_attempts"] = 3.into();
    history.breaks_once(Intent, "it behaves as Ok, but it is failed (worker_lost)");
}

#[test]
fn a_retry_that_was_confirmed_and_did_not_happen_is_found() {
    let (mut history, cast) = correct();
    history.operation(
        "redrive",
        json!({ "job_id": cast.failed }),
        json!({ "status": 202 }),
    );
    history.breaks_once(Intent, "was told that it is retried, but it was not");
}

#[test]
fn a_job_that_started_too_late_for_its_submitter_is_found() {
    let (mut history, cast) = correct();
    let started_at = history.attempt(cast.echo, 1)["started_at"].clone();
    history.intent(cast.echo_n)["start_by"] = moved(&started_at, 0.001);
    let report = history.report();
    assert!(report.holds(), "{report}");
    history.intent(cast.echo_n)["start_by"] = moved(&started_at, -0.001);
    history.breaks_once(Intent, "it was to start by");
}

#[test]
fn only_a_job_with_a_last_moment_may_expire_and_only_unstarted() {
    let mut scene = Scene::new();
    let mut job = scene.submit(ECHO);
    let n = job.n;
    scene.event(&mut job, "expired", "expired", None);
    scene.keep(job);
    let mut history = scene.done();
    history.breaks_once(Intent, "it behaves as Ok, but it is expired");
    let invoked_at = history.intent(n)["at"].clone();
    history.intent(n)["start_by"] = moved(&invoked_at, 0.01);
    let report = history.report();
    assert!(report.holds(), "{report}");
}
