//! What a scenario promises beyond what every run does: figures, and that it did what it was to do.

use history::Figures;

use crate::run::Run;
use crate::scenario::Scenario;
use crate::summary::Summary;

/// What P5 adds to the lease.
const SWEEP_SECS: f64 = 5.0;
/// How soon after Postgres is back clients are served again, also on a busy machine; the figure itself is reported.
const BACK_SECS: f64 = 10.0;
/// The share of jobs whose effect may happen twice though nothing was killed.
const REDELIVERED: f64 = 0.001;

/// What was expected and is not so, one sentence each.
pub(crate) fn unmet(run: &Run, figures: &Figures, summary: &Summary) -> Vec<String> {
    let mut unmet = Vec::new();
    let mut expect = |is_met: bool, otherwise: String| {
        if !is_met {
            unmet.push(otherwise);
        }
    };
    match run.scenario {
        Scenario::KillWorker => {
            let bound_secs = run.dose.lease.as_secs_f64() + SWEEP_SECS;
            let p99_secs = figures.recovery_secs.as_ref().map(|secs| secs.p99);
            expect(
                p99_secs.is_none_or(|secs| secs <= bound_secs),
                format!(
                    "a killed worker's jobs start again within {bound_secs} s, but the p99 is {p99_secs:?} s"
                ),
            );
        }
        Scenario::KillApi => expect(
            figures.unknown == 0,
            format!(
                "a killed api is no matter for its clients, but {} gave up",
                figures.unknown
            ),
        ),
        Scenario::Failpoints => expect(
            summary.missed == 0,
            format!("every point strikes, but {} did not", summary.missed),
        ),
        Scenario::PauseWorker => expect(
            summary.zombies > 0,
            "some of the workers are stopped while they have attempts, but none was".to_owned(),
        ),
        Scenario::RollingRestart => {
            expect(
                figures.unknown == 0,
                format!(
                    "nobody notices a rolling restart, but {} clients gave up",
                    figures.unknown
                ),
            );
            expect(
                figures.attempts_lost == 0,
                format!(
                    "a worker hands back what it can't end, but {} were lost",
                    figures.attempts_lost
                ),
            );
            let share = figures.redelivered_share();
            expect(
                share <= REDELIVERED,
                format!("at most {REDELIVERED} of the effects happen twice, but {share} did"),
            );
        }
        Scenario::PostgresRestart => {
            let back_secs = figures.submit_after_outage_secs;
            expect(
                back_secs.is_none_or(|secs| secs <= BACK_SECS),
                format!("submits go on {BACK_SECS} s after Postgres is back, but took {back_secs:?} s"),
            );
        }
        Scenario::FaultyQueue | Scenario::QueueDown | Scenario::Everything | Scenario::Quick => {}
    }
    unmet
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Backend, DoseOptions};

    fn unmet_of(scenario: Scenario, figures: &Figures, missed: u32) -> usize {
        let run = Run::new(scenario, Backend::Sqs, 1, &DoseOptions::default());
        let summary = Summary {
            missed,
            zombies: 1,
            ..Summary::default()
        };
        unmet(&run, figures, &summary).len()
    }

    #[test]
    fn what_a_scenario_promises_is_asked_of_it_alone() {
        let fine = Figures {
            delivered: 1_000,
            redelivered: 1,
            ..Figures::default()
        };
        let worse = Figures {
            redelivered: 2,
            attempts_lost: 1,
            unknown: 1,
            submit_after_outage_secs: Some(10.5),
            ..fine.clone()
        };
        for (scenario, expected) in [
            (Scenario::RollingRestart, 3),
            (Scenario::KillApi, 1),
            (Scenario::PostgresRestart, 1),
            (Scenario::Quick, 0),
        ] {
            assert_eq!(unmet_of(scenario, &fine, 0), 0, "{scenario}");
            assert_eq!(unmet_of(scenario, &worse, 0), expected, "{scenario}");
        }
        assert_eq!(unmet_of(Scenario::Failpoints, &fine, 1), 1);
        assert_eq!(unmet_of(Scenario::Everything, &fine, 1), 0);
    }
}
