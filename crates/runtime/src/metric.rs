//! The only list of metrics: names, kinds, units, labels.
//!
//! A metric is used through its constant, so that no name or label is ever misspelt:
//!
//! ```
//! use runtime::metric;
//!
//! metric::CLAIMS.with(["started".into()]).increment(1);
//! metric::JOBS_RUNNING.with([]).set(4.0);
//! ```
//!
//! Label values must come from a small set that we decide on. So there is no label for the tenant, and `kind`
//! is one that a worker has a handler for, never what a client sent.

mod published;

use metrics::{Key, KeyName, Label, Level, Metadata, Unit};

pub use metrics::SharedString;
pub use published::{NAMESPACE, PUBLISHED, Published};

static METADATA: Metadata<'static> = Metadata::new("tandem", Level::INFO, None);

/// What a metric measures, and how.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MetricKind {
    /// Only grows; the name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// The distribution of a measurement; the name ends in its unit.
    Histogram,
}

/// All there is to know about a metric.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// The name in Prometheus.
    pub name: &'static str,
    /// What it measures, and how.
    pub kind: MetricKind,
    /// The unit of its values.
    pub unit: Unit,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it means, as a sentence.
    pub help: &'static str,
}

impl Definition {
    fn key<const N: usize>(&self, values: [SharedString; N]) -> Key {
        let labels = self
            .labels
            .iter()
            .zip(values)
            .map(|(name, value)| Label::new(*name, value));
        Key::from_parts(self.name, labels.collect::<Vec<_>>())
    }

    fn describe(&self) {
        let (name, unit, help) = (
            KeyName::from_const_str(self.name),
            Some(self.unit),
            self.help.into(),
        );
        metrics::with_recorder(|recorder| match self.kind {
            MetricKind::Counter => recorder.describe_counter(name, unit, help),
            MetricKind::Gauge => recorder.describe_gauge(name, unit, help),
            MetricKind::Histogram => recorder.describe_histogram(name, unit, help),
        });
    }
}

/// Tells the recorder what each metric means.
pub fn describe_all() {
    ALL.iter().for_each(Definition::describe);
}

macro_rules! kinds {
    ($($kind:ident, $register:ident, $doc:literal;)*) => {$(
        #[doc = $doc]
        #[derive(Clone, Copy, Debug)]
        pub struct $kind<const LABELS: usize>(Definition);

        impl<const LABELS: usize> $kind<LABELS> {
            /// The series with these label values, in the order of the list. Where it is used often, keep it.
            pub fn with(&self, values: [SharedString; LABELS]) -> metrics::$kind {
                let key = self.0.key(values);
                metrics::with_recorder(|recorder| recorder.$register(&key, &METADATA))
            }

            /// What is known about this metric.
            pub const fn definition(&self) -> Definition {
                self.0
            }
        }
    )*};
}

kinds! {
    Counter, register_counter, "A metric that only grows.";
    Gauge, register_gauge, "A metric that goes up and down.";
    Histogram, register_histogram, "The distribution of a measurement.";
}

macro_rules! metrics {
    ($($kind:ident $constant:ident = $name:literal [$($label:ident),*] $unit:ident, $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $constant: $kind<{ <[&str]>::len(&[$(stringify!($label)),*]) }> = $kind(Definition {
                name: $name,
                kind: MetricKind::$kind,
                unit: Unit::$unit,
                labels: &[$(stringify!($label)),*],
                help: $help,
            });
        )*

        /// Every metric.
        pub const ALL: &[Definition] = &[$($constant.definition()),*];
    };
}

metrics! {
    Counter HTTP_REQUESTS = "tandem_http_requests_total" [route, method, status] Count,
        "Requests that were answered.";
    Histogram HTTP_REQUEST_DURATION = "tandem_http_request_duration_seconds" [route, method, operation] Seconds,
        "Time from a request's arrival to its answer, without the time that the client asked to wait; by what it is about: `submit`, `read` or `change`.";
    Counter JOBS_SUBMITTED = "tandem_jobs_submitted_total" [via] Count,
        "Jobs that were accepted, by way: `single`, `batch` or `schedule`.";
    Counter JOBS_EXPIRED = "tandem_jobs_expired_total" [] Count,
        "Jobs that were not started by their `start_by`, and so have ended.";
    Counter SCHEDULE_FIRES = "tandem_schedule_fires_total" [result] Count,
        "Schedules whose fire time had come, by what they did: `fired`, `skipped`, `over_quota` or `failed`.";
    Counter DISPATCHED = "tandem_dispatched_total" [] Count,
        "Messages that announced a job on the queue.";
    Counter UNHEARD_DOORBELLS = "tandem_unheard_doorbells_total" [] Count,
        "Announced jobs that a worker with free slots found in the outbox.";
    Counter DELIVERIES = "tandem_deliveries_total" [] Count,
        "Messages that were received from the queue.";
    Counter UNREADABLE_MESSAGES = "tandem_unreadable_messages_total" [] Count,
        "Messages that were not ours to read.";
    Counter CLAIMS = "tandem_claims_total" [answer] Count,
        "Answers of the database to claims: `started`, `finished`, `held`, `not_due`, `paused`, `over_limit`, `not_started` or `unknown`.";
    Histogram PICKUP = "tandem_pickup_seconds" [] Seconds,
        "Time from when a job was due to when its attempt started.";
    Counter ATTEMPTS = "tandem_attempts_total" [kind, event] Count,
        "Attempts by the event that ended them.";
    Counter OWN_FAILURES = "tandem_own_failures_total" [code] Count,
        "Failed attempts for which no target, payload or slowness is to blame, by the code of their failure.";
    Histogram ATTEMPT_DURATION = "tandem_attempt_duration_seconds" [kind] Seconds,
        "Time that a handler took.";
    Counter BLOCKED_HANDLERS = "tandem_blocked_handlers_total" [] Count,
        "Handlers that could not be stopped because they block their thread; each keeps its slot until it ends.";
    Gauge JOBS_RUNNING = "tandem_jobs_running" [] Count,
        "Attempts that run in this process now.";
    Gauge SLOTS = "tandem_slots" [] Count,
        "Attempts that this process may run at a time.";
    Counter BREAKER_TRANSITIONS = "tandem_breaker_transitions_total" [to] Count,
        "Breakers of targets that changed, by what they became: `open`, `half_open` or `closed`.";
    Counter BREAKER_WAITS = "tandem_breaker_waits_total" [] Count,
        "Attempts that were put off, without being spent, because their target rests.";
    Counter FINISHES = "tandem_finishes_total" [answer] Count,
        "Answers of the database to finished attempts: `recorded` or `lease_lost`.";
    Counter HEARTBEATS = "tandem_heartbeats_total" [result] Count,
        "Heartbeats of this process: `ok` or `failed`.";
    Counter MAINTENANCE = "tandem_maintenance_total" [pass] Count,
        "Rows that a maintenance pass changed.";
    Histogram MAINTENANCE_DURATION = "tandem_maintenance_duration_seconds" [pass] Seconds,
        "Time that a maintenance pass took.";
    Counter MAINTENANCE_FAILURES = "tandem_maintenance_failures_total" [pass] Count,
        "Maintenance passes that failed; the next one tries again.";
    Gauge MAINTENANCE_LEADER = "tandem_maintenance_leader" [] Count,
        "1 while this process does the maintenance for all workers, else 0: the sum over all processes should be 1.";
    Gauge SCHEDULED_JOBS = "tandem_scheduled_jobs" [] Count,
        "Jobs that are due later, as the maintenance leader counts them, up to a million.";
    Gauge QUEUED_JOBS = "tandem_queued_jobs" [queue] Count,
        "Jobs that wait for a worker, as the maintenance leader counts them.";
    Gauge OLDEST_QUEUED = "tandem_oldest_queued_seconds" [queue] Seconds,
        "How long the job has been queued that waits longest, as the maintenance leader finds it.";
    Gauge OVERDUE = "tandem_overdue_seconds" [] Seconds,
        "How long the scheduled job has been due that should have been queued first; about 0 while maintenance works.";
    Gauge DEAD_LETTERS = "tandem_dead_letters" [] Count,
        "Failed jobs that wait for a decision, as the maintenance leader counts them.";
    Gauge WORKERS = "tandem_workers" [] Count,
        "Worker processes whose lease stands, as the maintenance leader counts them.";
    Gauge RESTING_TARGETS = "tandem_resting_targets" [] Count,
        "Targets whose breaker is open or half open, as the maintenance leader counts them.";
    Gauge DB_POOL_CONNECTIONS = "tandem_db_pool_connections" [state] Count,
        "Connections to the database: `idle` or `busy`.";
    Gauge ANNOUNCED_DEAD_LETTERS = "tandem_announced_dead_letters" [queue] Count,
        "Dead letters whose message should be in the lane's dead-letter queue, as the maintenance leader counts them.";
    Gauge DEAD_LETTER_QUEUE_DEPTH = "tandem_dead_letter_queue_depth" [queue] Count,
        "Messages in the lane's dead-letter queue, as the queue counts them.";
    Counter DEAD_LETTER_MESSAGES = "tandem_dead_letter_messages_total" [action] Count,
        "Messages of dead-letter queues by what was done: `announced`, `announced_again`, `kept`, `deleted_stale`, `deleted_duplicate`, `deleted_doorbell` or `deleted_unreadable`.";
    Counter SPANS_DROPPED = "tandem_spans_dropped_total" [] Count,
        "Finished spans that were not sent, because the collector did not take them as fast as they came, or not at all.";
    Counter REDRIVEN_MESSAGES = "tandem_redriven_messages_total" [answer] Count,
        "Messages that somebody moved back from a dead-letter queue: `revived`, if they queued their job again, or `stale`.";
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn is_snake_case(name: &str) -> bool {
        let word = |word: &str| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        name.split('_').all(word)
    }

    #[test]
    fn names_are_unique_and_follow_the_conventions() {
        let names: HashSet<&str> = ALL.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), ALL.len());
        for metric in ALL {
            let name = metric.name;
            assert!(name.starts_with("tandem_") && is_snake_case(name), "{name}");
            assert!(
                metric
                    .labels
                    .iter()
                    .all(|label| is_snake_case(label) && *label != "tenant"),
                "{name}"
            );
            assert!(metric.help.ends_with('.'), "{name}");
            assert_eq!(
                name.ends_with("_total"),
                metric.kind == MetricKind::Counter,
                "{name}"
            );
            assert_eq!(name.ends_with("_seconds"), metric.unit == Unit::Seconds, "{name}");
            // Only times are distributed; a gauge may be a time too.
            let is_time = metric.unit == Unit::Seconds;
            assert!(is_time || metric.kind != MetricKind::Histogram, "{name}");
            assert!(!is_time || metric.kind != MetricKind::Counter, "{name}");
        }
    }

    #[test]
    fn a_series_has_the_labels_of_the_list_in_order() {
        let definition = HTTP_REQUESTS.definition();
        let key = definition.key(["/api/jobs".into(), "POST".into(), "202".to_owned().into()]);
        let labels: Vec<(&str, &str)> = key.labels().map(|label| (label.key(), label.value())).collect();
        assert_eq!(key.name(), "tandem_http_requests_total");
        assert_eq!(
            labels,
            [("route", "/api/jobs"), ("method", "POST"), ("status", "202")]
        );
    }
}
