//! What is done to the system in a run: decided by the scenario and the seed before anything is started.

use std::time::Duration;

use local_postgres::StopMode;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{RngExt as _, SeedableRng as _};

use crate::proxy::Mode;
use crate::scenario::{Backend, Dose, Scenario};
use crate::site::Strikes;
use crate::strike::{ACTIONS, Action, Role, Strike};

/// Something that is done to the system.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// A process is killed.
    Kill(Role),
    /// A process is started anew, and suffers what it was armed with.
    Strike(Role, Strike),
    /// A worker stops for longer than its lease, and goes on.
    Pause,
    /// A process is replaced in order.
    Roll(Role),
    /// Postgres is stopped, and started again after a while.
    Postgres(StopMode, Duration),
    /// The workers can't reach their queue for a while.
    Queue(Mode, Duration),
}

/// A fault, and whom it rather happens to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Planned {
    pub(crate) fault: Fault,
    /// An index among the processes of the role; another one is taken if that one is busy.
    pub(crate) victim: usize,
}

/// All faults of a run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Plan {
    /// Each when this share of the load is over.
    Spread(Vec<(f64, Planned)>),
    /// One after the other, with pauses, in several lines at the same time.
    InTurn(Vec<Line>),
}

/// Faults that wait for each other.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    /// How many of them may be under way together.
    pub(crate) width: usize,
    /// Each with the pause before it.
    pub(crate) faults: Vec<(Duration, Planned)>,
}

/// The share of the load before which, and after which, nothing is done.
const CALM: (f64, f64) = (0.05, 0.95);

impl Plan {
    /// The plan of a run. The same arguments give the same plan.
    pub(crate) fn of(scenario: Scenario, backend: Backend, seed: u64, dose: &Dose) -> Self {
        let mut planner = Planner {
            chance: StdRng::seed_from_u64(seed),
            backend,
            dose,
        };
        let count = dose.faults as usize;
        match scenario {
            Scenario::KillWorker => planner.evenly(count, |_, _| Fault::Kill(Role::Worker)),
            // To arm a process is to kill the one before it, so each strike is two kills.
            Scenario::KillApi => planner.evenly(count / 2, |planner, _| {
                let strike = planner.strike(Role::Api, Action::Kill);
                Fault::Strike(Role::Api, strike)
            }),
            Scenario::Failpoints => planner.every_strike(count),
            Scenario::PauseWorker => planner.in_turn(2, count, 1.0..3.0, |_, _| Fault::Pause),
            Scenario::RollingRestart => planner.in_turn(1, count, 1.0..2.0, |planner, number| {
                let processes = planner.dose.apis + planner.dose.workers;
                Fault::Roll(if number % processes < planner.dose.apis {
                    Role::Api
                } else {
                    Role::Worker
                })
            }),
            Scenario::PostgresRestart => planner.in_turn(1, count, 4.0..8.0, |planner, number| {
                planner.postgres(number, 0.0..3.0)
            }),
            Scenario::QueueDown => planner.in_turn(1, count, 5.0..10.0, |planner, number| {
                planner.queue(number, 90.0..180.0)
            }),
            Scenario::FaultyQueue => Self::Spread(Vec::new()),
            Scenario::Everything => planner.mixed(count),
            Scenario::Quick => planner.one_of_each(),
        }
    }

    /// All faults, in the order of the plan.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        match self {
            Self::Spread(faults) => faults.iter().map(|(_, planned)| planned.fault).collect(),
            Self::InTurn(lines) => {
                let planned = lines.iter().flat_map(|line| &line.faults);
                planned.map(|(_, planned)| planned.fault).collect()
            }
        }
    }

    /// How often each point is to strike in each way.
    pub(crate) fn strikes(&self) -> Strikes {
        let mut strikes = Strikes::new();
        for fault in self.faults() {
            if let Fault::Strike(_, strike) = fault {
                *strikes.entry((strike.point, strike.action)).or_default() += 1;
            }
        }
        strikes
    }
}

struct Planner<'a> {
    chance: StdRng,
    backend: Backend,
    dose: &'a Dose,
}

impl Planner<'_> {
    /// Faults at regular distances.
    fn evenly(&mut self, count: usize, mut fault: impl FnMut(&mut Self, usize) -> Fault) -> Plan {
        let planned = (0..count).map(|number| {
            let at = CALM.0 + (CALM.1 - CALM.0) * number as f64 / count as f64;
            (at, self.planned_with(number, &mut fault))
        });
        Plan::Spread(planned.collect())
    }

    /// Faults that wait for each other, with a pause of some seconds before each.
    fn in_turn(
        &mut self,
        width: usize,
        count: usize,
        pause_secs: std::ops::Range<f64>,
        mut fault: impl FnMut(&mut Self, usize) -> Fault,
    ) -> Plan {
        let faults = (0..count).map(|number| {
            let pause = self.secs(pause_secs.clone());
            let fault = fault(self, number);
            // In order, so that everybody has a turn.
            (
                pause,
                Planned {
                    fault,
                    victim: number,
                },
            )
        });
        Plan::InTurn(vec![Line {
            width,
            faults: faults.collect(),
        }])
    }

    /// Each point of each program strikes so often in each way.
    fn every_strike(&mut self, times: usize) -> Plan {
        let (apis, workers) = (self.dose.apis, self.dose.workers);
        let line = |planner: &mut Self, role: Role, processes: usize| {
            let mut strikes = Vec::new();
            for point in role.points(planner.backend) {
                for action in ACTIONS {
                    strikes.extend((0..times).map(|_| {
                        let passes = planner.chance.random_range(0..=point.most_passes());
                        Strike {
                            point,
                            action,
                            passes,
                        }
                    }));
                }
            }
            strikes.shuffle(&mut planner.chance);
            let faults = strikes.into_iter().enumerate().map(|(victim, strike)| {
                let fault = Fault::Strike(role, strike);
                (planner.secs(0.2..1.0), Planned { fault, victim })
            });
            Line {
                // Somebody must be left to do the work.
                width: processes.saturating_sub(1).max(1),
                faults: faults.collect(),
            }
        };
        Plan::InTurn(vec![
            line(self, Role::Api, apis),
            line(self, Role::Worker, workers),
        ])
    }

    /// Everything, at random.
    fn mixed(&mut self, count: usize) -> Plan {
        let mut planned: Vec<(f64, Planned)> = (0..count)
            .map(|number| {
                let at = self.chance.random_range(CALM.0..CALM.1);
                let fault = match self.chance.random_range(0..100) {
                    0..25 => Fault::Kill(Role::Worker),
                    25..40 => Fault::Kill(Role::Api),
                    40..60 => self.any_strike(Role::Worker),
                    60..70 => self.any_strike(Role::Api),
                    70..80 => Fault::Pause,
                    80..85 => Fault::Roll(Role::Worker),
                    85..90 => Fault::Roll(Role::Api),
                    90..95 if self.backend == Backend::Sqs => self.queue(number, 2.0..15.0),
                    _ => self.postgres(number, 0.0..3.0),
                };
                (at, self.planned(fault))
            })
            .collect();
        planned.sort_by(|a, b| a.0.total_cmp(&b.0));
        Plan::Spread(planned)
    }

    /// Every kind of fault, and every point, in a minute.
    fn one_of_each(&mut self) -> Plan {
        let mut faults = vec![
            Fault::Kill(Role::Worker),
            Fault::Kill(Role::Worker),
            Fault::Kill(Role::Api),
            Fault::Roll(Role::Worker),
            Fault::Roll(Role::Api),
            Fault::Postgres(StopMode::Fast, self.secs(0.5..1.5)),
            Fault::Postgres(StopMode::Immediate, self.secs(0.0..1.0)),
        ];
        for role in [Role::Api, Role::Worker] {
            for point in role.points(self.backend) {
                let action = [Action::Abort, Action::Kill][self.chance.random_range(0..2)];
                let passes = self.chance.random_range(0..=point.most_passes() / 2);
                faults.push(Fault::Strike(
                    role,
                    Strike {
                        point,
                        action,
                        passes,
                    },
                ));
            }
        }
        if self.backend == Backend::Sqs {
            faults.push(self.queue(0, 2.0..4.0));
        }
        faults.shuffle(&mut self.chance);
        // They last longest, so they come while there is still time.
        let pauses = 4;
        for number in 0..pauses {
            faults.insert(number * faults.len() / (pauses + 1), Fault::Pause);
        }
        let count = faults.len();
        let planned = faults.into_iter().enumerate().map(|(number, fault)| {
            let at = CALM.0 + (CALM.1 - CALM.0) * number as f64 / count as f64;
            (at, self.planned(fault))
        });
        Plan::Spread(planned.collect())
    }

    fn planned(&mut self, fault: Fault) -> Planned {
        Planned {
            fault,
            victim: self.chance.random_range(0..usize::from(u16::MAX)),
        }
    }

    fn planned_with(&mut self, number: usize, fault: &mut impl FnMut(&mut Self, usize) -> Fault) -> Planned {
        let fault = fault(self, number);
        self.planned(fault)
    }

    fn any_strike(&mut self, role: Role) -> Fault {
        let action = ACTIONS[self.chance.random_range(0..ACTIONS.len())];
        Fault::Strike(role, self.strike(role, action))
    }

    fn strike(&mut self, role: Role, action: Action) -> Strike {
        let points = role.points(self.backend);
        let point = *points.choose(&mut self.chance).expect("every program has points");
        Strike {
            point,
            action,
            passes: self.chance.random_range(0..=point.most_passes()),
        }
    }

    fn postgres(&mut self, number: usize, down_secs: std::ops::Range<f64>) -> Fault {
        let mode = [StopMode::Fast, StopMode::Immediate][number % 2];
        Fault::Postgres(mode, self.secs(down_secs))
    }

    fn queue(&mut self, number: usize, down_secs: std::ops::Range<f64>) -> Fault {
        let mode = [Mode::Refuse, Mode::Silence][number % 2];
        Fault::Queue(mode, self.secs(down_secs))
    }

    fn secs(&mut self, range: std::ops::Range<f64>) -> Duration {
        Duration::from_secs_f64(self.chance.random_range(range))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::DoseOptions;

    fn plan(scenario: Scenario, backend: Backend, seed: u64) -> Plan {
        Plan::of(scenario, backend, seed, &scenario.dose(&DoseOptions::default()))
    }

    #[test]
    fn the_seed_decides_everything() {
        for scenario in Scenario::all().chain([Scenario::Quick]) {
            let first = plan(scenario, Backend::Sqs, 7);
            assert_eq!(first, plan(scenario, Backend::Sqs, 7), "{scenario}");
        }
        let everything = |seed| plan(Scenario::Everything, Backend::Postgres, seed);
        assert_ne!(everything(1), everything(2));
    }

    #[test]
    fn the_full_doses_are_what_they_say() {
        let count = |scenario| plan(scenario, Backend::Sqs, 1).faults().len();
        assert_eq!(count(Scenario::KillWorker), 200);
        // Each of them kills twice.
        assert_eq!(count(Scenario::KillApi), 50);
        assert_eq!(count(Scenario::Failpoints), 10 * 3 * 20);
        assert_eq!(count(Scenario::PauseWorker), 50);
        assert_eq!(count(Scenario::PostgresRestart), 20);
        assert_eq!(count(Scenario::FaultyQueue), 0);
        let strikes = plan(Scenario::Failpoints, Backend::Sqs, 1).strikes();
        assert!(
            strikes.len() == 10 * 3 && strikes.values().all(|times| *times == 20),
            "{strikes:?}"
        );
    }

    #[test]
    fn a_rolling_restart_gives_every_process_its_turn() {
        let plan = plan(Scenario::RollingRestart, Backend::Postgres, 1);
        let apis = plan
            .faults()
            .iter()
            .filter(|fault| **fault == Fault::Roll(Role::Api))
            .count();
        assert_eq!((plan.faults().len(), apis), (30, 12));
    }

    #[test]
    fn the_quick_run_has_every_point_and_every_kind_of_fault() {
        let plan = plan(Scenario::Quick, Backend::Sqs, 1);
        let faults = plan.faults();
        for role in [Role::Api, Role::Worker] {
            for point in role.points(Backend::Sqs) {
                let strikes = |it: &Fault| matches!(it, Fault::Strike(_, strike) if strike.point == point);
                assert!(faults.iter().any(strikes), "{point:?}");
            }
        }
        assert!(faults.iter().any(|it| matches!(it, Fault::Queue(..))));
        assert_eq!(faults.iter().filter(|it| **it == Fault::Pause).count(), 4);
        let Plan::Spread(spread) = plan else {
            panic!("not spread")
        };
        assert!(spread.is_sorted_by(|a, b| a.0 <= b.0));
        assert!(spread.iter().all(|(at, _)| (CALM.0..CALM.1).contains(at)));
    }
}
