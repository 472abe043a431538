//! What goes to CloudWatch besides Prometheus: which service publishes a metric, and by which labels.
//!
//! CloudWatch takes money for each combination of labels, so a metric goes there by the labels that an alarm or a
//! dashboard looks at, and by no others. `terraform/modules/observability/metrics.json` is the same list for those; a test
//! compares both.

use super::{
    ATTEMPT_DURATION, ATTEMPTS, BLOCKED_HANDLERS, BREAKER_TRANSITIONS, DB_POOL_CONNECTIONS, DEAD_LETTERS,
    DELIVERIES, Definition, FINISHES, HEARTBEATS, HTTP_REQUEST_DURATION, JOBS_EXPIRED, JOBS_RUNNING,
    JOBS_SUBMITTED, MAINTENANCE_FAILURES, MAINTENANCE_LEADER, OLDEST_QUEUED, OVERDUE, OWN_FAILURES, PICKUP,
    QUEUED_JOBS, SCHEDULE_FIRES, SCHEDULED_JOBS, UNHEARD_DOORBELLS, WORKERS,
};

/// The namespace of the metrics in CloudWatch.
pub const NAMESPACE: &str = "Tandem";

/// A metric that a service publishes.
#[derive(Clone, Copy, Debug)]
pub struct Published {
    /// The metric.
    pub metric: Definition,
    /// Who publishes it: the dimension `Service`.
    pub service: &'static str,
    /// The sets of labels that become dimensions, each beside `Service` and `Environment`. What a set leaves out is added
    /// up.
    pub sets: &'static [&'static [&'static str]],
}

const fn api(metric: Definition, sets: &'static [&'static [&'static str]]) -> Published {
    Published {
        metric,
        service: "api",
        sets,
    }
}

const fn worker(metric: Definition, sets: &'static [&'static [&'static str]]) -> Published {
    Published {
        metric,
        service: "worker",
        sets,
    }
}

/// All of them.
pub const PUBLISHED: &[Published] = &[
    api(HTTP_REQUEST_DURATION.definition(), &[&["operation"]]),
    api(JOBS_SUBMITTED.definition(), &[&["via"]]),
    // All that a worker submits comes from schedules.
    worker(JOBS_SUBMITTED.definition(), &[&[]]),
    worker(JOBS_EXPIRED.definition(), &[&[]]),
    api(DB_POOL_CONNECTIONS.definition(), &[&["state"]]),
    worker(DB_POOL_CONNECTIONS.definition(), &[&["state"]]),
    worker(DELIVERIES.definition(), &[&[]]),
    worker(UNHEARD_DOORBELLS.definition(), &[&[]]),
    worker(PICKUP.definition(), &[&[]]),
    worker(ATTEMPTS.definition(), &[&["event"], &["kind"]]),
    worker(OWN_FAILURES.definition(), &[&[]]),
    worker(ATTEMPT_DURATION.definition(), &[&["kind"]]),
    worker(JOBS_RUNNING.definition(), &[&[]]),
    worker(BLOCKED_HANDLERS.definition(), &[&[]]),
    worker(BREAKER_TRANSITIONS.definition(), &[&["to"]]),
    worker(FINISHES.definition(), &[&["answer"]]),
    worker(HEARTBEATS.definition(), &[&["result"]]),
    worker(MAINTENANCE_FAILURES.definition(), &[&[]]),
    worker(MAINTENANCE_LEADER.definition(), &[&[]]),
    worker(SCHEDULED_JOBS.definition(), &[&[]]),
    worker(QUEUED_JOBS.definition(), &[&["queue"]]),
    worker(OLDEST_QUEUED.definition(), &[&["queue"]]),
    worker(OVERDUE.definition(), &[&[]]),
    worker(DEAD_LETTERS.definition(), &[&[]]),
    worker(WORKERS.definition(), &[&[]]),
    worker(SCHEDULE_FIRES.definition(), &[&["result"]]),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use metrics::Unit;
    use serde_json::{Value, json};

    use super::*;
    use crate::metric::MetricKind;

    #[test]
    fn alarms_and_dashboards_have_the_same_list() {
        let file =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../terraform/modules/observability/metrics.json");
        let theirs: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        assert_eq!(theirs["namespace"], NAMESPACE);
        let theirs: BTreeSet<String> = theirs["metrics"]
            .as_object()
            .unwrap()
            .values()
            .map(Value::to_string)
            .collect();
        let ours: BTreeSet<String> = PUBLISHED
            .iter()
            .map(|it| json!({"name": it.metric.name, "service": it.service, "sets": it.sets}).to_string())
            .collect();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn a_set_has_labels_of_the_metric_and_a_gauge_keeps_all_of_them() {
        for Published { metric, sets, .. } in PUBLISHED {
            assert!(!sets.is_empty(), "{}", metric.name);
            assert!(
                [Unit::Seconds, Unit::Count].contains(&metric.unit),
                "{}",
                metric.name
            );
            for set in *sets {
                assert!(
                    set.iter().all(|label| metric.labels.contains(label)),
                    "{}",
                    metric.name
                );
                // Adding up the last values of several series would say nothing.
                let keeps_all = set.len() == metric.labels.len();
                assert!(keeps_all || metric.kind != MetricKind::Gauge, "{}", metric.name);
            }
        }
    }
}
