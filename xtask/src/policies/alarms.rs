//! Alarms: what they look at is what AWS tells of something that is there, and no silence calls anybody before the first
//! release. Metrics of our own have a list, which is checked elsewhere.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Planned, Resource};

/// A namespace of AWS, the dimensions by which we look into it, and the names that AWS publishes there by them.
type Published = (&'static str, &'static [&'static str], &'static [&'static str]);

/// As the CloudWatch pages of each service list them.
const BY_AWS: [Published; 5] = [
    (
        "AWS/SQS",
        &["QueueName"],
        &[
            "ApproximateAgeOfOldestMessage",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesVisible",
        ],
    ),
    (
        "AWS/ECS",
        &["ClusterName", "ServiceName"],
        &["CPUUtilization", "MemoryUtilization"],
    ),
    (
        "AWS/ApplicationELB",
        &["LoadBalancer"],
        &[
            "HTTPCode_ELB_5XX_Count",
            "HTTPCode_Target_5XX_Count",
            "RequestCount",
        ],
    ),
    (
        "AWS/RDS",
        &["DBInstanceIdentifier"],
        &[
            "CPUCreditBalance",
            "CPUUtilization",
            "DatabaseConnections",
            "FreeStorageSpace",
            "FreeableMemory",
            "MaximumUsedTransactionIDs",
            "ReplicaLag",
        ],
    ),
    ("AWS/CertificateManager", &["CertificateArn"], &["DaysToExpiry"]),
];
/// The parts that tell nothing before the first release.
const SILENT_BEFORE: [&str; 3] = ["api", "worker", "observability"];

pub(super) fn complaints(planned: &Planned) -> Vec<String> {
    let queues: BTreeSet<&str> = planned
        .of_kind("aws_sqs_queue")
        .filter_map(|queue| queue.text("name"))
        .collect();
    let released = planned.of_kind("aws_ssm_parameter").any(is_release);
    let mut complaints = Vec::new();
    for alarm in planned.of_kind("aws_cloudwatch_metric_alarm") {
        let problems = looked_at(&alarm.values).filter_map(|metric| problem(metric, &queues));
        complaints.extend(problems.map(|problem| format!("{} {problem}", alarm.address)));
        if !released && calls_for_silence(alarm) {
            let problem = "calls somebody although nothing was released yet";
            complaints.push(format!("{} {problem}", alarm.address));
        }
    }
    complaints
}

/// The metrics of an alarm: its own, or those of its formula.
fn looked_at(alarm: &Value) -> impl Iterator<Item = &Map<String, Value>> {
    let of_formula = alarm["metric_query"].as_array().into_iter().flatten();
    let of_formula = of_formula.flat_map(|query| query["metric"].as_array().into_iter().flatten());
    of_formula
        .chain([alarm])
        .filter_map(Value::as_object)
        .filter(|metric| metric.get("metric_name").is_some_and(Value::is_string))
}

fn problem(metric: &Map<String, Value>, queues: &BTreeSet<&str>) -> Option<String> {
    let text = |name: &str| metric.get(name).and_then(Value::as_str).unwrap_or_default();
    let (namespace, name) = (text("namespace"), text("metric_name"));
    if !namespace.starts_with("AWS/") {
        return None;
    }
    let found = BY_AWS.iter().find(|(known, ..)| *known == namespace);
    let Some((_, dimensions, _)) = found.filter(|(.., names)| names.contains(&name)) else {
        return Some(format!(
            "looks at {namespace} {name}, which is not known to be there"
        ));
    };
    // What is known only after an apply is not there.
    let asked = metric.get("dimensions").and_then(Value::as_object);
    let asked = asked.filter(|asked| !asked.is_empty())?;
    if !asked.keys().eq(dimensions.iter().copied()) {
        return Some(format!(
            "must look at {namespace} {name} by {}",
            dimensions.join(", ")
        ));
    }
    let queue = asked.get("QueueName").and_then(Value::as_str)?;
    (!queues.contains(queue)).then(|| format!("looks at the queue {queue}, which nobody makes"))
}

/// Whether this is the place where it is written down what was released, and something was.
fn is_release(parameter: &Resource) -> bool {
    parameter
        .text("name")
        .is_some_and(|name| name.ends_with("/digest"))
        && parameter.text("insecure_value") != Some("none")
}

/// Whether no sample at all would call somebody. Whom it calls is known after an apply only.
fn calls_for_silence(alarm: &Resource) -> bool {
    SILENT_BEFORE.contains(&alarm.module())
        && alarm.text("treat_missing_data") == Some("breaching")
        && alarm.values["actions_enabled"] != Value::Bool(false)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::planned;
    use super::*;

    fn said(alarm: Value) -> Vec<String> {
        let queue = ("queue[\"high\"].aws_sqs_queue.lane", json!({"name": "t-high"}));
        let alarm = ("queue[\"high\"].aws_cloudwatch_metric_alarm.a[0]", alarm);
        let address = "module.platform.module.queue[\"high\"].aws_cloudwatch_metric_alarm.a[0] ";
        complaints(&planned("prod", &[queue, alarm]))
            .iter()
            .map(|complaint| complaint.replace(address, ""))
            .collect()
    }

    fn metric(namespace: &str, name: &str, dimensions: &Value) -> Value {
        json!({"namespace": namespace, "metric_name": name, "dimensions": dimensions})
    }

    #[test]
    fn the_depth_of_a_queue_is_asked_for_as_sqs_tells_it() {
        let depth = "ApproximateNumberOfMessagesVisible";
        let of_queue = |name: &str| json!({ "QueueName": name });
        assert_eq!(said(metric("AWS/SQS", depth, &of_queue("t-high"))), [""; 0]);
        assert_eq!(said(metric("Tandem", "tandem_workers", &json!({}))), [""; 0]);
        for (alarm, problem) in [
            (
                metric("AWS/SQS", "MessagesVisible", &of_queue("t-high")),
                "looks at AWS/SQS MessagesVisible, which is not known to be there",
            ),
            (
                metric("AWS/Sqs", depth, &of_queue("t-high")),
                "looks at AWS/Sqs ApproximateNumberOfMessagesVisible, which is not known to be there",
            ),
            (
                metric("AWS/SQS", depth, &json!({"Queue": "t-high"})),
                "must look at AWS/SQS ApproximateNumberOfMessagesVisible by QueueName",
            ),
            (
                metric("AWS/SQS", depth, &of_queue("t-low")),
                "looks at the queue t-low, which nobody makes",
            ),
        ] {
            assert_eq!(said(alarm), [problem]);
        }
    }

    #[test]
    fn formulas_are_looked_into() {
        let formula = |name: &str| {
            let query = metric(
                "AWS/ECS",
                name,
                &json!({"ClusterName": "t", "ServiceName": "api"}),
            );
            json!({"metric_query": [{"expression": "cpu", "metric": []}, {"id": "cpu", "metric": [query]}]})
        };
        assert_eq!(said(formula("CPUUtilization")), [""; 0]);
        assert_eq!(said(formula("CpuUtilization")).len(), 1);
        // A name that is known only after an apply.
        assert_eq!(
            said(metric("AWS/ApplicationELB", "RequestCount", &json!({}))),
            [""; 0]
        );
    }

    #[test]
    fn silence_calls_nobody_before_the_first_release() {
        let alarms = |module: &str, alarm: Value, digest: &str| {
            let alarm = (format!("{module}.aws_cloudwatch_metric_alarm.silence[0]"), alarm);
            let parameter = json!({"name": "/t/worker/digest", "insecure_value": digest});
            let parameter = (
                "worker.aws_ssm_parameter.digest[\"digest\"]".to_owned(),
                parameter,
            );
            let all = [alarm, parameter];
            complaints(&planned(
                "prod",
                &all.each_ref().map(|(at, it)| (at.as_str(), it.clone())),
            ))
        };
        let silence = |enabled: bool| json!({"treat_missing_data": "breaching", "actions_enabled": enabled});
        let told = json!({"treat_missing_data": "notBreaching", "actions_enabled": true});
        assert_eq!(
            alarms("observability", silence(true), "none"),
            [
                "module.platform.module.observability.aws_cloudwatch_metric_alarm.silence[0] calls somebody although \
                 nothing was released yet"
            ]
        );
        assert_eq!(alarms("observability", silence(false), "none"), [""; 0]);
        assert_eq!(alarms("worker", told, "none"), [""; 0]);
        assert_eq!(alarms("observability", silence(true), "sha256:1"), [""; 0]);
        // A database is there before any release.
        assert_eq!(alarms("database", silence(true), "none"), [""; 0]);
    }
}
