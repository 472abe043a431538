//! What a scenario promises beyond what every run does: figures, and that it did what it was to do.

use history::Figures;

use crate::run::Run;
use crate::scenario::{Backend, Scenario};
use crate::summary::Summary;

/// What P5 adds to the lease.
const SWEEP_SECS: f64 = 5.0;
/// How soon after Postgres is back clients are served and jobs start again.
const BACK_SECS: f64 = 5.0;
/// How soon after its return the queue brings something again.
const QUEUE_BACK_SECS: f64 = 10.0;
/// The share of jobs whose effect may happen twice though nothing was killed.
const REDELIVERED: f64 = 0.001;
/// The share of deliveries that come in vain at least, where 0.3 of them come twice.
const DOUBLED: f64 = 0.1;

/// How many of its faults the quick run may miss.
const FORGIVEN: usize = 2;

/// What was expected and is not so, one sentence each.
struct Unmet(Vec<String>);

impl Unmet {
    fn expect(&mut self, is_met: bool, otherwise: impl FnOnce() -> String) {
        if !is_met {
            self.0.push(otherwise());
        }
    }

    /// A figure without data is not within any bound.
    fn within(&mut self, what: &str, secs: Option<f64>, bound_secs: f64) {
        self.expect(secs.is_some_and(|secs| secs <= bound_secs), || {
            format!("{what} within {bound_secs} s, but it was {secs:?} s")
        });
    }

    fn none(&mut self, what: &str, count: usize) {
        self.expect(count == 0, || format!("{what}, but {count} did"));
    }
}

/// What was expected and is not so, one sentence each.
pub(crate) fn unmet(run: &Run, figures: &Figures, summary: &Summary) -> Vec<String> {
    let mut unmet = Unmet(Vec::new());
    the_dose_was_given(&mut unmet, run.scenario, summary);
    unmet.none("no process ends by itself", figures.odd_exits.len());
    if keeps_leases(run.scenario) {
        unmet.none(
            "no worker that was left alone loses an attempt",
            figures.unexplained_losses,
        );
    }
    match run.scenario {
        Scenario::KillWorker => {
            let bound_secs = run.dose.lease.as_secs_f64() + SWEEP_SECS;
            let slowest_secs = figures.recovery_secs.map(|secs| secs.max);
            unmet.within("a killed worker's jobs start again", slowest_secs, bound_secs);
        }
        Scenario::KillApi => unmet.none("a killed api makes no client give up", figures.unknown),
        Scenario::PauseWorker => unmet.expect(summary.zombies > 0, || {
            "some of the workers are stopped while they have attempts, but none was".to_owned()
        }),
        Scenario::RollingRestart => {
            unmet.none("a rolling restart makes no client give up", figures.unknown);
            unmet.none(
                "a worker hands back what it can't end: no attempt gets lost",
                figures.attempts_lost,
            );
            let share = figures.redelivered_share();
            unmet.expect(figures.delivered > 0 && share <= REDELIVERED, || {
                format!(
                    "at most {REDELIVERED} of the effects happen twice, but {share} of {} did",
                    figures.delivered
                )
            });
        }
        Scenario::PostgresRestart => {
            let (submit, start) = (figures.submit_after_outage_secs, figures.start_after_outage_secs);
            unmet.within("submits go on after Postgres is back", submit, BACK_SECS);
            unmet.within("jobs start after Postgres is back", start, BACK_SECS);
        }
        Scenario::FaultyQueue => the_queue_was_faulty(&mut unmet, run.backend, figures, summary),
        Scenario::QueueDown => the_queue_was_down(&mut unmet, summary),
        // What they promise is what every run does: they mix so much that no figure has a bound.
        Scenario::Failpoints | Scenario::Everything | Scenario::Quick => {}
    }
    unmet.0
}

/// Every planned fault happened, and every point that was armed struck. Only the quick run, which is part of the tests and
/// may share its machine with others, may miss a few.
fn the_dose_was_given(unmet: &mut Unmet, scenario: Scenario, summary: &Summary) {
    let in_vain: Vec<String> = summary
        .planned
        .iter()
        .filter_map(|((point, action), times)| {
            let confirmed = summary
                .strikes
                .get(&(*point, *action))
                .copied()
                .unwrap_or_default();
            let (point, action) = (point.0, action.name());
            (confirmed < *times).then(|| format!("{point} {action} {confirmed} of {times} times"))
        })
        .collect();
    let forgiven = if scenario == Scenario::Quick { FORGIVEN } else { 0 };
    unmet.expect(summary.missed.len() <= forgiven, || {
        format!(
            "every fault that is planned happens, but {} did not",
            summary.missed.len()
        )
    });
    unmet.expect(in_vain.len() <= forgiven, || {
        format!(
            "every point strikes, but these struck too seldom: {}",
            in_vain.join(", ")
        )
    });
}

/// Whether nothing but the faults can make a worker lose its lease. Where it is short, or where Postgres goes while
/// workers are stopped, a busy machine can as well.
fn keeps_leases(scenario: Scenario) -> bool {
    match scenario {
        Scenario::KillWorker
        | Scenario::KillApi
        | Scenario::RollingRestart
        | Scenario::PostgresRestart
        | Scenario::FaultyQueue
        | Scenario::QueueDown => true,
        Scenario::Failpoints | Scenario::PauseWorker | Scenario::Everything | Scenario::Quick => false,
    }
}

/// Doubled messages come in vain; lost ones are found without having come, or come late where the outbox is the queue.
fn the_queue_was_faulty(unmet: &mut Unmet, backend: Backend, figures: &Figures, summary: &Summary) {
    let counted = &summary.counted;
    unmet.expect(
        counted.deliveries > 0 && counted.idle_deliveries as f64 >= DOUBLED * counted.deliveries as f64,
        || {
            format!(
                "at least {DOUBLED} of the deliveries come twice, but only these came in vain: {counted:?}"
            )
        },
    );
    let lost = match backend {
        Backend::Postgres => figures.late_starts as u64,
        Backend::Sqs => counted.unheard,
    };
    unmet.expect(lost > 0, || "some messages are lost, but none was".to_owned());
}

fn the_queue_was_down(unmet: &mut Unmet, summary: &Summary) {
    unmet.expect(!summary.queue_outages.is_empty(), || {
        "the queue is down, but was not".to_owned()
    });
    for outage in &summary.queue_outages {
        unmet.expect(outage.leaked == 0, || {
            format!(
                "a queue that is down brings nothing, but it brought {}",
                outage.leaked
            )
        });
        unmet.within(
            "the queue brings something after its return",
            outage.back_secs,
            QUEUE_BACK_SECS,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counted::Counted;
    use crate::injector::QueueOutage;
    use crate::scenario::DoseOptions;
    use crate::strike::{Action, Point};

    fn unmet_of(scenario: Scenario, figures: &Figures, summary: &Summary) -> usize {
        let run = Run::new(scenario, Backend::Sqs, 1, &DoseOptions::default());
        unmet(&run, figures, summary).len()
    }

    /// What meets every expectation.
    fn fine() -> (Figures, Summary) {
        let recovery = history::Spread {
            count: 9,
            p50: 30.0,
            p99: 34.0,
            max: 35.0,
        };
        let figures = Figures {
            delivered: 1_000,
            redelivered: 1,
            recovery_secs: Some(recovery),
            submit_after_outage_secs: Some(5.0),
            start_after_outage_secs: Some(5.0),
            ..Figures::default()
        };
        let summary = Summary {
            zombies: 1,
            counted: Counted {
                deliveries: 100,
                idle_deliveries: 10,
                unheard: 1,
            },
            queue_outages: vec![QueueOutage {
                leaked: 0,
                back_secs: Some(10.0),
            }],
            ..Summary::default()
        };
        (figures, summary)
    }

    #[test]
    fn what_a_scenario_promises_is_asked_of_it_alone() {
        let (figures, summary) = fine();
        let mut late = figures.recovery_secs.unwrap();
        late.max = 35.1;
        let worse = Figures {
            redelivered: 2,
            attempts_lost: 1,
            unexplained_losses: 1,
            unknown: 1,
            recovery_secs: Some(late),
            submit_after_outage_secs: Some(5.1),
            start_after_outage_secs: Some(5.1),
            ..figures.clone()
        };
        for (scenario, expected) in [
            (Scenario::KillWorker, 2),
            (Scenario::RollingRestart, 4),
            (Scenario::KillApi, 2),
            (Scenario::PostgresRestart, 3),
            (Scenario::FaultyQueue, 1),
            (Scenario::QueueDown, 1),
            (Scenario::Failpoints, 0),
            (Scenario::PauseWorker, 0),
            (Scenario::Everything, 0),
            (Scenario::Quick, 0),
        ] {
            assert_eq!(unmet_of(scenario, &figures, &summary), 0, "{scenario}");
            assert_eq!(unmet_of(scenario, &worse, &summary), expected, "{scenario}");
        }
    }

    #[test]
    fn every_scenario_has_to_do_what_was_planned_and_to_explain_every_exit() {
        let (figures, summary) = fine();
        let missed = Summary {
            missed: vec!["a strike".to_owned()],
            ..summary.clone()
        };
        let odd = Figures {
            odd_exits: vec!["worker-1-i1 with code 1".to_owned()],
            ..figures.clone()
        };
        for scenario in Scenario::all().chain([Scenario::Quick]) {
            let forgiven = usize::from(scenario == Scenario::Quick);
            assert_eq!(unmet_of(scenario, &figures, &missed), 1 - forgiven, "{scenario}");
            assert_eq!(unmet_of(scenario, &odd, &summary), 1, "{scenario}");
        }
    }

    #[test]
    fn the_quick_run_may_miss_a_few_faults_and_no_more() {
        let (figures, mut summary) = fine();
        let points =
            ["after_receive", "after_claim", "before_effect"].map(|name| (Point(name), Action::Kill));
        summary.planned = points.map(|point| (point, 1)).into();
        assert_eq!(unmet_of(Scenario::Quick, &figures, &summary), 1);
        summary.strikes = [(points[0], 1)].into();
        assert_eq!(unmet_of(Scenario::Quick, &figures, &summary), 0);
        summary.missed = vec!["a strike".to_owned(); FORGIVEN + 1];
        assert_eq!(unmet_of(Scenario::Quick, &figures, &summary), 1);
    }

    #[test]
    fn each_point_has_to_strike_in_each_way_as_often_as_planned() {
        let (figures, mut summary) = fine();
        let strike = |action| (Point("after_claim"), action);
        summary.planned = [(strike(Action::Kill), 2), (strike(Action::Pause), 1)].into();
        assert_eq!(unmet_of(Scenario::Failpoints, &figures, &summary), 1);
        summary.strikes = [(strike(Action::Kill), 3)].into();
        assert_eq!(unmet_of(Scenario::Failpoints, &figures, &summary), 1);
        summary.strikes = summary.planned.clone();
        assert_eq!(unmet_of(Scenario::Failpoints, &figures, &summary), 0);
    }

    #[test]
    fn no_data_is_not_taken_for_good_data() {
        let (figures, summary) = (Figures::default(), Summary::default());
        for (scenario, expected) in [
            (Scenario::KillWorker, 1),
            (Scenario::PauseWorker, 1),
            (Scenario::RollingRestart, 1),
            (Scenario::PostgresRestart, 2),
            (Scenario::FaultyQueue, 2),
            (Scenario::QueueDown, 1),
        ] {
            assert_eq!(unmet_of(scenario, &figures, &summary), expected, "{scenario}");
        }
    }

    #[test]
    fn a_queue_that_is_not_down_or_does_not_come_back_is_noticed() {
        let (figures, mut summary) = fine();
        summary.queue_outages.push(QueueOutage {
            leaked: 1,
            back_secs: None,
        });
        assert_eq!(unmet_of(Scenario::QueueDown, &figures, &summary), 2);
    }
}
