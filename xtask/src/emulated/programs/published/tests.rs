use serde_json::json;

use super::*;

fn line(environment: &str, name: &str, label: (&str, &str)) -> String {
    let (label, value) = label;
    json!({
        "_aws": {"Timestamp": 1, "CloudWatchMetrics": [{
            "Namespace": "Tandem", "Dimensions": [["Service", "Environment", label]],
            "Metrics": [{"Name": name, "Unit": "Count"}],
        }]},
        "Service": "worker", "Environment": environment, label: value, name: 3,
    })
    .to_string()
}

/// An alarm about attempts of an event, and a dashboard with all that is rare.
fn made(event: &str) -> Value {
    let series = RARE.iter().flat_map(|(name, values)| {
        let of_value = |value: &&str| {
            json!([
                "Tandem",
                name,
                "Service",
                "worker",
                "Environment",
                "prod",
                "event",
                value
            ])
        };
        let whole = json!(["Tandem", name, "Service", "worker", "Environment", "prod", {"stat": "Sum"}]);
        let of_values: Vec<Value> = values.iter().map(of_value).collect();
        of_values.into_iter().chain(values.is_empty().then_some(whole))
    });
    let search = json!([{"expression": "SEARCH('{Tandem,Service,Environment,event} MetricName=\"tandem_attempts_total\" \
        Service=\"worker\" Environment=\"prod\"', 'Sum', 60)"}]);
    let formula = json!([{"expression": "FILL(again,0)", "label": "again"}]);
    let of_aws = json!(["AWS/ECS", "CPUUtilization", "ClusterName", "tandem"]);
    let metrics: Vec<Value> = series.chain([search, formula, of_aws]).collect();
    let body = json!({"widgets": [{"properties": {"metrics": metrics}}]});
    let metric = json!({
        "namespace": "Tandem", "metric_name": "tandem_attempts_total",
        "dimensions": {"Service": "worker", "Environment": "prod", "event": event},
    });
    json!({"values": {"root_module": {"resources": [
        {"address": "module.a.aws_cloudwatch_metric_alarm.x[0]", "values": {"namespace": "", "metric_query": [
            {"id": "all", "expression": "SUM(METRICS())", "metric": []}, {"id": "one", "metric": [metric]},
        ]}},
        {"address": "module.a.aws_cloudwatch_metric_alarm.y", "values": {"alarm_name": "workers"}},
        {"address": "module.a.aws_cloudwatch_dashboard.x", "values": {"dashboard_body": body.to_string()}},
    ]}}})
}

/// An alarm about a metric, as CloudWatch tells of it; Terraform knows no more than its name.
fn alarms(environment: &str) -> Value {
    json!({"MetricAlarms": [{
        "AlarmName": "workers", "Namespace": "Tandem", "MetricName": "tandem_heartbeats_total",
        "Dimensions": [
            {"Name": "Service", "Value": "worker"}, {"Name": "Environment", "Value": environment},
            {"Name": "event", "Value": "succeeded"},
        ],
    }]})
}

/// What a run tells of all that is rare in one value.
fn told() -> Vec<String> {
    let names: BTreeSet<&str> = RARE.iter().map(|(name, _)| *name).collect();
    names
        .into_iter()
        .map(|name| line("prod", name, ("event", "succeeded")))
        .collect()
}

#[test]
fn what_is_asked_for_must_be_told_exactly() {
    assert_eq!(complaints(&made("succeeded"), &alarms("prod"), &told()), [""; 0]);
    assert_eq!(
        complaints(&made("lost"), &alarms("prod"), &told()),
        [
            "module.a.aws_cloudwatch_metric_alarm.x[0] asks for Tandem tandem_attempts_total Environment=prod \
          Service=worker event=lost, which no program has told"
        ]
    );
    assert_eq!(
        complaints(&made("succeeded"), &alarms("dev"), &told()),
        [
            "module.a.aws_cloudwatch_metric_alarm.y asks for Tandem tandem_heartbeats_total Environment=dev Service=worker \
          event=succeeded, which no program has told"
        ]
    );
    assert_eq!(
        complaints(&made("succeeded"), &json!({}), &told()),
        ["module.a.aws_cloudwatch_metric_alarm.y asks for no metric"]
    );
    for elsewhere in [
        told().join("\n").replace("\"Tandem\"", "\"tandem\""),
        told().join("\n").replace("prod", "staging"),
        told().join("\n").replace("\"worker\"", "\"api\""),
        told().join("\n").replace("event", "kind"),
    ] {
        let found = complaints(&made("succeeded"), &alarms("prod"), &[elsewhere]);
        // The alarm, the search, and all values of the attempts at least.
        assert!(found.len() > 5, "{found:?}");
    }
}

#[test]
fn a_rare_metric_is_asked_for_at_the_place_of_those_that_are_told() {
    let attempts_only = line("prod", "tandem_attempts_total", ("event", "succeeded"));
    let found = complaints(&made("succeeded"), &alarms("prod"), &[attempts_only]);
    assert!(
        !found
            .iter()
            .any(|it| it.contains("blocked_handlers") || it.contains("attempts")),
        "{found:?}"
    );
    assert!(found.iter().any(|it| it.contains("heartbeats")), "{found:?}");
}

#[test]
fn lines_are_events_that_cloudwatch_understands() {
    let good = line("prod", "tandem_attempts_total", ("event", "succeeded"));
    assert_eq!(metrics(&good).unwrap().len(), 1);
    assert_eq!(metrics(r#"{"level": "INFO"}"#).unwrap(), []);
    metrics("panicked at").unwrap_err();
    metrics(&good.replace("\"event\":", "\"other\":")).unwrap_err();
    metrics(&good.replace(":3", ":null")).unwrap_err();
    metrics(&format!("{good}{}", " ".repeat(MAX_EVENT_BYTES))).unwrap_err();
}

#[test]
fn somebody_must_ask_and_for_everything_that_is_called_rare() {
    let found = complaints(&json!({}), &alarms("prod"), &told());
    let values: usize = RARE.iter().map(|(_, values)| values.len().max(1)).sum();
    assert_eq!(found.len(), 1 + values, "{found:?}");
}
