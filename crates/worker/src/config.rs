//! What a worker can be told. Plain values: reading the environment is the binary's work.

use std::time::Duration;

/// The settings of a worker; [`Config::default`] is what production uses unless told otherwise.
#[derive(Clone, Debug)]
pub struct Config {
    /// How many handlers may run at once, over all lanes.
    pub concurrency: usize,
    /// How many of these slots one tenant may take at most, in percent, where the outbox is the queue.
    pub tenant_slots_percent: u32,
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
    /// How long an announced job that nobody claims waits to be announced again, for the first time.
    pub announce_again: Duration,
    /// How many jobs of one tenant may be announced on a lane's queue and not started yet; more where workers take more
    /// within a tenth of a second. The rest waits in the outbox.
    pub announce_at_least: usize,
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
    /// The time between two counts of what waits.
    pub backlog: Duration,
    /// The time between two runs of partitioning and retention.
    pub retention: Duration,
    /// How many days of partitions are made ahead.
    pub partitions_ahead_days: i32,
    /// How many days a job is kept after its end. Living jobs and dead letters are kept longer.
    pub keep_days: i32,
    /// The most rows that one statement of a sweep changes.
    pub batch: i32,
    /// The dead-letter queues, where there are any.
    pub dead_letters: DeadLetterConfig,
}

/// The settings of the sweeps that keep the dead-letter queues in agreement with the database.
#[derive(Clone, Debug)]
pub struct DeadLetterConfig {
    /// The time between two sweeps for dead letters whose message is owed.
    pub announce: Duration,
    /// The time between two comparisons of the depth of a queue with the rows.
    pub reconcile: Duration,
    /// When a queue is read although its depth is right: this long after it was last read as a whole.
    pub read_anyway: Duration,
    /// How long a message that is read stays hidden from people, at most. Reading takes half of it at most, so that
    /// none is read twice.
    pub visibility: Duration,
    /// The most messages that are read at once.
    pub most_messages: usize,
    /// A message that was sent this long before a reading began should have been seen by it.
    pub settled: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            concurrency: 100,
            tenant_slots_percent: 90,
            receive_wait: Duration::from_secs(20),
            visibility: Duration::from_secs(30),
            heartbeat: Duration::from_secs(10),
            lease: Duration::from_secs(30),
            stop_grace: Duration::from_secs(5),
            hand_back: Duration::from_secs(15),
            announce_again: crate::dispatcher::ANNOUNCE_AGAIN,
            announce_at_least: 20,
            finish_statements: 2,
            maintenance: MaintenanceConfig::default(),
        }
    }
}

impl Default for MaintenanceConfig {
    fn default() -> Self {
        Self {
            // Three times as long a silence costs the leadership, so another worker leads within nine seconds.
            leader_check: Duration::from_secs(2),
            // With its jitter within a second.
            due: Duration::from_millis(900),
            recover: Duration::from_secs(2),
            backlog: Duration::from_secs(10),
            retention: Duration::from_hours(1),
            partitions_ahead_days: 7,
            keep_days: 30,
            batch: 1_000,
            dead_letters: DeadLetterConfig::default(),
        }
    }
}

impl Default for DeadLetterConfig {
    fn default() -> Self {
        Self {
            announce: Duration::from_secs(1),
            reconcile: Duration::from_secs(60),
            read_anyway: Duration::from_hours(1),
            visibility: Duration::from_secs(60),
            // Their receipts are a few megabytes.
            most_messages: 10_000,
            settled: Duration::from_secs(60),
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
            (1..=100).contains(&self.tenant_slots_percent),
            "a tenant must be allowed 1 to 100 percent of the slots",
        );
        must(
            self.finish_statements > 0,
            "at least one statement must be allowed to record outcomes",
        );
        must(
            self.announce_at_least > 0,
            "at least one job of a tenant must be allowed to be announced",
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
        must(
            self.maintenance.dead_letters.visibility >= Duration::from_secs(10),
            "a dead letter must be hidden for at least 10 s, because half of it must do to read a queue",
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
