//! The figures of the correct history, counted by hand.

use history::Spread;
use serde_json::json;

use crate::cast::correct;
use crate::scene::moved;
use crate::written::Written;

/// Where the kill stands among the faults; the exit of what was killed comes after it.
fn kill(history: &Written) -> usize {
    let mut faults = history.faults.iter();
    faults.position(|it| it["fault"] == "kill").unwrap()
}

#[test]
fn submits_and_jobs_are_counted() {
    let figures = correct().0.report().figures;
    assert_eq!(figures.attempted, 21);
    assert_eq!(figures.acknowledged, 17);
    assert_eq!((figures.refused, figures.unknown), (1, 3));
    assert_eq!(figures.jobs, 17);
    assert_eq!((figures.succeeded, figures.failed), (10, 5));
    assert_eq!(
        (figures.cancelled, figures.expired, figures.unfinished),
        (2, 0, 0)
    );
    assert_eq!(
        (figures.lost, figures.duplicated, figures.duplicate_jobs),
        (0, 0, 0)
    );
    assert_eq!(figures.unexpected, 0);
    assert_eq!((figures.delivered, figures.redelivered), (7, 1));
    assert!((figures.redelivered_share() - 1.0 / 7.0).abs() < 1e-9);
    assert_eq!((figures.attempts_lost, figures.attempts_released), (3, 1));
    assert_eq!((figures.stale_completions, figures.rejected_completions), (2, 1));
    assert_eq!((figures.panics, figures.errors_logged), (3, 5));
    assert_eq!(figures.faults["kill"], 1);
    assert_eq!(figures.exchange_ms.map(|it| (it.count, it.max)), Some((17, 12.5)));
}

#[test]
fn recovery_is_measured_from_the_fault() {
    let figures = correct().0.report().figures;
    // One worker was killed, one stopped, and to one nothing was done.
    assert_eq!(figures.unexplained_losses, 1);
    let Spread { count, p50, max, .. } = figures.recovery_secs.unwrap();
    assert_eq!(count, 2);
    assert!((p50 - 7.03).abs() < 0.001, "{p50}");
    assert!((max - 8.03).abs() < 0.001, "{max}");
    assert_eq!(figures.late_recoveries, 0);
}

#[test]
fn a_worker_that_was_killed_while_it_was_stopped_is_gone_since_then() {
    let (mut history, _) = correct();
    let kill = kill(&history);
    let mut stop = history.faults[kill].clone();
    stop["fault"] = "stop".into();
    stop["at"] = moved(&stop["at"], -5.0);
    history.faults.push(stop);
    let figures = history.report().figures;
    assert!((figures.recovery_secs.unwrap().max - 12.03).abs() < 0.001);
    assert_eq!(figures.late_recoveries, 1);
}

#[test]
fn a_pause_that_was_over_explains_nothing() {
    let (mut history, _) = correct();
    for fault in history.faults.iter_mut().filter(|it| it["process"] == "worker-1") {
        fault["at"] = moved(&fault["at"], -100.0);
    }
    // The killed one never came back, so that fault still explains.
    assert_eq!(history.report().figures.unexplained_losses, 2);
}

#[test]
fn an_exit_by_a_signal_is_a_fault_and_another_exit_is_none() {
    let (mut history, _) = correct();
    history.faults.retain(|it| it["fault"] != "kill");
    assert_eq!(history.report().figures.unexplained_losses, 1);
    let exit = history
        .faults
        .iter_mut()
        .find(|it| it["fault"] == "exit")
        .unwrap();
    exit["detail"] = json!({ "code": 0, "signal": null });
    assert_eq!(history.report().figures.unexplained_losses, 2);
    let exit = history
        .faults
        .iter_mut()
        .find(|it| it["fault"] == "exit")
        .unwrap();
    (exit["detail"], exit["signal"]) = (json!(null), 6.into());
    assert_eq!(history.report().figures.unexplained_losses, 1);
}

#[test]
fn the_service_is_measured_around_outages() {
    let (mut history, _) = correct();
    let figures = history.report().figures;
    let submit = figures.submit_after_outage_secs.unwrap();
    let start = figures.start_after_outage_secs.unwrap();
    assert!((submit - 1.53).abs() < 0.001, "{submit}");
    assert!((start - 1.54).abs() < 0.001, "{start}");
    // The stopped worker's job took eight seconds, and seven more; no submit was made meanwhile.
    let silence = figures.longest_silence_secs.unwrap();
    assert!(silence > 15.0 && silence < 18.0, "{silence}");
    let Spread { count, p50, max, .. } = figures.submit_ms.unwrap();
    assert_eq!(count, 17);
    assert!((p50 - 20.0).abs() < 0.001 && (max - 20.0).abs() < 0.001);
    history.faults.retain(|it| it["fault"] != "postgres_up");
    assert_eq!(history.report().figures.submit_after_outage_secs, None);
}

#[test]
fn an_exit_that_nothing_explains_is_named() {
    let (history, _) = correct();
    assert_eq!(history.report().figures.odd_exits, Vec::<String>::new());
    // (what ended it, what had been done to it, when Postgres was stopped, whether that explains it)
    let killed = json!({ "code": null, "signal": 9 });
    let crashed = json!({ "code": 1, "signal": null });
    let ended = json!({ "code": 0, "signal": null });
    for (exit, before, outage_secs, expected) in [
        (&killed, "kill", None, None),
        (&killed, "failpoint", None, None),
        (&killed, "start", None, Some("worker-1-i1 by signal 9")),
        (&ended, "term", None, None),
        (&ended, "kill", None, Some("worker-1-i1 with code 0")),
        (&crashed, "term", None, Some("worker-1-i1 with code 1")),
        (&crashed, "kill", Some(-60.0), Some("worker-1-i1 with code 1")),
        (&crashed, "kill", Some(-5.0), None),
        (&crashed, "kill", Some(5.0), Some("worker-1-i1 with code 1")),
    ] {
        let (mut history, _) = correct();
        let kill = kill(&history);
        history.faults[kill]["fault"] = before.into();
        history.faults[kill + 1]["detail"] = exit.clone();
        if let Some(secs) = outage_secs {
            for fault in ["postgres_stop", "postgres_up"] {
                let at = moved(&history.faults[kill + 1]["at"], secs);
                history.faults.push(json!({ "at": at, "fault": fault }));
            }
        }
        let found = history.report().figures.odd_exits;
        assert_eq!(
            found,
            Vec::from_iter(expected),
            "{exit} after {before}, {outage_secs:?}"
        );
    }
}

#[test]
fn a_start_that_comes_late_is_counted() {
    let (mut history, cast) = correct();
    assert_eq!(history.report().figures.late_starts, 0);
    for (secs, expected) in [(-4.0, 0), (-2.0, 1)] {
        let row = history.row("job", cast.echo);
        row["created_at"] = moved(&row["created_at"], secs);
        assert_eq!(history.report().figures.late_starts, expected);
    }
}
