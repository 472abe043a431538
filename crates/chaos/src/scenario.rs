//! What is done to the system, and how much of it.

use std::fmt;
use std::time::Duration;

use clap::ValueEnum;

/// Where the doorbells ring.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Backend {
    /// In Postgres itself.
    Postgres,
    /// In SQS.
    Sqs,
}

/// A kind of trouble.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Scenario {
    /// Workers are killed.
    KillWorker,
    /// Apis are killed, half of them around a commit.
    KillApi,
    /// Each failpoint strikes, in each way.
    Failpoints,
    /// Workers stop for longer than their lease, and go on as if nothing had happened.
    PauseWorker,
    /// Each process is replaced by a new one, in order.
    RollingRestart,
    /// Postgres is restarted, half of the times as after a crash.
    PostgresRestart,
    /// Messages are doubled, lost, late and out of order.
    FaultyQueue,
    /// SQS can't be reached by the workers.
    QueueDown,
    /// All of it, mixed at random.
    Everything,
    /// A small mix of everything, for the ordinary test run.
    Quick,
}

/// When the load ends: not before all faults are done, because an idle process may never come to where one is to strike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum End {
    /// After so many jobs; the faults are spread over them.
    Jobs(u64),
    /// After this time; the faults are spread over it.
    After(Duration),
    /// With the last fault.
    WithFaults,
}

/// How much of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dose {
    pub(crate) end: End,
    /// Jobs per second.
    pub(crate) rate: f64,
    pub(crate) faults: u32,
    pub(crate) lease: Duration,
    pub(crate) apis: usize,
    pub(crate) workers: usize,
    pub(crate) tenants: usize,
    /// How long a slow receiver takes.
    pub(crate) slow: Duration,
    /// How long jobs sleep that do nothing else.
    pub(crate) sleep: Duration,
    /// How long a worker that is told to end lets its attempts go on.
    pub(crate) drain: Duration,
    /// How long everything may take to end once the faults have.
    pub(crate) drain_limit: Duration,
}

/// What the command line says about the dose; what it does not say is the full dose.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct DoseOptions {
    /// How many jobs are submitted, and as many more as it takes until all faults are done
    #[arg(long)]
    pub jobs: Option<u64>,
    /// How many jobs are submitted per second
    #[arg(long)]
    pub rate: Option<f64>,
    /// How many faults there are; of failpoints, how many strikes of each point in each way
    #[arg(long)]
    pub faults: Option<u32>,
    /// The workers' lease
    #[arg(long)]
    pub lease_secs: Option<u64>,
    /// How long jobs are submitted, in place of --jobs
    #[arg(long, conflicts_with = "jobs")]
    pub duration_secs: Option<u64>,
    /// How many worker processes run
    #[arg(long)]
    pub workers: Option<usize>,
    /// How many api processes run
    #[arg(long)]
    pub apis: Option<usize>,
    /// How many tenants there are
    #[arg(long)]
    pub tenants: Option<usize>,
    /// How long everything may take to end once the faults have
    #[arg(long)]
    pub drain_limit_secs: Option<u64>,
}

impl Backend {
    /// Its name in the history.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Sqs => "sqs",
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.to_possible_value();
        f.write_str(name.as_ref().map_or("", |name| name.get_name()))
    }
}

impl Scenario {
    /// All of them but the quick one, which has nothing that the others have not.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::value_variants()
            .iter()
            .copied()
            .filter(|it| *it != Self::Quick)
    }

    /// Whether there is such a thing on this backend.
    #[must_use]
    pub fn runs_on(self, backend: Backend) -> bool {
        self != Self::QueueDown || backend == Backend::Sqs
    }

    /// Whether the api may answer 5xx: with its database gone, it can't do anything else.
    pub(crate) fn allows_5xx(self) -> bool {
        matches!(self, Self::PostgresRestart | Self::Everything | Self::Quick)
    }

    /// Whether the workers' queues misbehave all the time.
    pub(crate) fn faulty_queue(self) -> Option<FaultyQueue> {
        match self {
            Self::FaultyQueue => Some(FaultyQueue {
                share: 1.0,
                settings: "duplicate=0.3,drop=0.05,delay=0.2,delay_ms=30000,reorder=1",
            }),
            Self::Everything => Some(FaultyQueue {
                share: 0.5,
                settings: "duplicate=0.3,drop=0.02,delay=0.1,delay_ms=5000,reorder=1",
            }),
            // A message that is lost may be announced again after a minute only, and that is longer than the quick run may
            // take.
            Self::Quick => Some(FaultyQueue {
                share: 0.5,
                settings: "duplicate=0.3,delay=0.1,delay_ms=3000,reorder=1",
            }),
            _ => None,
        }
    }

    pub(crate) fn dose(self, options: &DoseOptions) -> Dose {
        let mut dose = self.full_dose();
        let secs = |secs: Option<u64>| secs.map(Duration::from_secs);
        if let Some(jobs) = options.jobs {
            dose.end = End::Jobs(jobs);
        }
        if let Some(duration) = secs(options.duration_secs) {
            dose.end = End::After(duration);
        }
        dose.rate = options.rate.unwrap_or(dose.rate);
        dose.faults = options.faults.unwrap_or(dose.faults);
        dose.lease = secs(options.lease_secs).unwrap_or(dose.lease);
        dose.workers = options.workers.unwrap_or(dose.workers).max(1);
        dose.apis = options.apis.unwrap_or(dose.apis).max(1);
        dose.tenants = options.tenants.unwrap_or(dose.tenants).max(1);
        dose.drain_limit = secs(options.drain_limit_secs).unwrap_or(dose.drain_limit);
        dose
    }

    fn full_dose(self) -> Dose {
        let long = Duration::from_secs(30);
        let short = Duration::from_secs(6);
        let base = Dose {
            end: End::Jobs(10_000),
            rate: 40.0,
            faults: 0,
            lease: long,
            apis: 2,
            workers: 3,
            tenants: 20,
            slow: Duration::from_millis(200),
            sleep: Duration::from_millis(500),
            drain: Duration::from_secs(15),
            // The lease, the sweep, and what P8 grants.
            drain_limit: Duration::from_secs(120),
        };
        match self {
            // Slow enough that a worker lives for some seconds between two kills.
            Self::KillWorker => Dose {
                rate: 20.0,
                faults: 200,
                ..base
            },
            Self::KillApi => Dose { faults: 100, ..base },
            Self::Failpoints => Dose {
                end: End::WithFaults,
                rate: 15.0,
                faults: 20,
                lease: short,
                workers: 5,
                ..base
            },
            Self::PauseWorker => Dose {
                end: End::WithFaults,
                rate: 20.0,
                faults: 50,
                lease: short,
                // So that there is always something to be interrupted in.
                slow: Duration::from_secs(2),
                ..base
            },
            Self::RollingRestart => Dose {
                end: End::WithFaults,
                faults: 30,
                // So that some attempts are handed back, but none that has an effect outside.
                sleep: Duration::from_secs(4),
                drain: Duration::from_secs(1),
                ..base
            },
            Self::PostgresRestart => Dose {
                end: End::WithFaults,
                faults: 20,
                ..base
            },
            // A message that is lost more than once is announced at growing intervals.
            Self::FaultyQueue => Dose {
                rate: 50.0,
                drain_limit: Duration::from_secs(900),
                ..base
            },
            Self::QueueDown => Dose {
                end: End::WithFaults,
                faults: 3,
                ..base
            },
            Self::Everything => Dose {
                end: End::After(Duration::from_secs(180)),
                rate: 15.0,
                faults: 60,
                lease: short,
                drain_limit: Duration::from_secs(600),
                ..base
            },
            Self::Quick => Dose {
                end: End::After(Duration::from_secs(60)),
                rate: 8.0,
                faults: 0,
                lease: short,
                tenants: 4,
                slow: Duration::from_secs(1),
                ..base
            },
        }
    }
}

/// How, and in which share of the workers' lives, queues misbehave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FaultyQueue {
    pub(crate) share: f64,
    pub(crate) settings: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_the_full_dose() {
        let full = Scenario::KillWorker.dose(&DoseOptions::default());
        assert_eq!((full.end, full.faults), (End::Jobs(10_000), 200));
        let options = DoseOptions {
            faults: Some(3),
            duration_secs: Some(10),
            ..DoseOptions::default()
        };
        let small = Scenario::KillWorker.dose(&options);
        assert_eq!(
            (small.end, small.faults),
            (End::After(Duration::from_secs(10)), 3)
        );
        assert_eq!(small.lease, full.lease);
    }

    #[test]
    fn only_sqs_can_be_down_alone() {
        assert!(!Scenario::QueueDown.runs_on(Backend::Postgres));
        assert!(Scenario::all().all(|scenario| scenario.runs_on(Backend::Sqs)));
        assert!(Scenario::all().all(|scenario| scenario.to_string() != "quick"));
    }
}
