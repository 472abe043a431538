//! What a worker can be told. Plain values: reading the environment is the binary's work.

use std::time::Duration;

/// The settings of a worker; [`Config::default`] is what production uses unless told otherwise.
#[derive(Clone, Debug)]
pub struct Config {
    /// How many handlers may run at once, over all lanes.
    pub concurrency: usize,
    /// How long one receive waits for a message; SQS allows 20 s.
    pub receive_wait: Duration,
    /// How long a received message stays hidden; renewed at half of it while its job runs.
    pub visibility: Duration,
    /// The time between two heartbeats.
    pub heartbeat: Duration,
    /// How long the database believes in a worker that sends none.
    pub lease: Duration,
    /// How long a handler may tidy up after it was told to stop, before it is dropped.
    pub stop_grace: Duration,
    /// How long the end of a drain may take once what still runs must be given back: handlers stop, outcomes are
    /// recorded, messages returned.
    pub hand_back: Duration,
    /// How many statements that record outcomes may be under way at once.
    pub finish_statements: usize,
    /// The sweeps of the maintenance leader.
    pub maintenance: MaintenanceConfig,
}

/// The settings of the sweeps.
#[derive(Clone, Debug)]
pub struct MaintenanceConfig {
    /// How often a worker that does not lead tries to, and how often one that does checks that it still does.
    pub leader_check: Duration,
    /// The time between two sweeps for jobs that are due, or past their `start_by`.
    pub due: Duration,
    /// The time between two sweeps for attempts of dead workers. With the lease it bounds how long such a job waits.
    pub recover: Duration,
    /// The time between two runs of partitioning and retention.
    pub retention: Duration,
    /// How many days of partitions are made ahead.
    pub partitions_ahead_days: i32,
    /// How many days an ended job is kept.
    pub keep_days: i32,
    /// The most rows that one statement of a sweep changes.
    pub batch: i32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            concurrency: 100,
            receive_wait: Duration::from_secs(20),
            visibility: Duration::from_secs(30),
            heartbeat: Duration::from_secs(10),
            lease: Duration::from_secs(30),
            stop_grace: Duration::from_secs(5),
            hand_back: Duration::from_secs(15),
            finish_statements: 2,
            maintenance: MaintenanceConfig::default(),
        }
    }
}

impl Default for MaintenanceConfig {
    fn default() -> Self {
        Self {
            leader_check: Duration::from_secs(3),
            due: Duration::from_secs(1),
            recover: Duration::from_millis(4_500),
            retention: Duration::from_hours(1),
            partitions_ahead_days: 7,
            keep_days: 30,
            batch: 1_000,
        }
    }
}

impl Config {
    /// What does not go together, one sentence each; a worker with such settings is not built.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut must = |holds: bool, rule: &str| {
            if !holds {
                problems.push(rule.to_owned());
            }
        };
        must(self.concurrency > 0, "the concurrency must be at least 1");
        must(
            self.finish_statements > 0,
            "at least one statement must be allowed to record outcomes",
        );
        must(
            self.heartbeat * 2 <= self.lease,
            "the lease must be at least twice the heartbeat's interval, or one lost beat loses every attempt",
        );
        must(
            self.visibility >= Duration::from_secs(2),
            "the visibility must be at least 2 s, because it is renewed at half of it and counted in seconds",
        );
        must(
            self.stop_grace * 2 <= self.hand_back,
            "handing back must take twice the grace of a handler, or its outcome may not be recorded",
        );
        must(
            self.maintenance.batch > 0,
            "a sweep must be allowed to change at least one row",
        );
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_go_together_and_contradictions_are_all_told() {
        assert!(Config::default().problems().is_empty());
        let config = Config {
            concurrency: 0,
            heartbeat: Duration::from_secs(20),
            ..Config::default()
        };
        assert_eq!(config.problems().len(), 2);
    }
}
