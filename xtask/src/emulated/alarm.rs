//! A dead-letter queue and its alarm. SQS publishes the depth of a queue as a metric, which no emulator does; so the depth that
//! the emulator tells is published here, as AWS would. What the alarm makes of it, the emulator decides.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::terraform::state;

const METRIC: &str = "ApproximateNumberOfMessagesVisible";
const NAMESPACE: &str = "AWS/SQS";
const TRIES: u32 = 3;

/// How many messages wait in the dead-letter queue of a lane.
pub(super) fn depth(cloud: &Cloud, made: &Value, lane: &str) -> Result<u64> {
    let queue = resource(made, lane, "aws_sqs_queue.dead")?;
    let attribute = "ApproximateNumberOfMessages";
    let parameters = json!({"QueueUrl": queue["url"], "AttributeNames": [attribute]});
    let answer = cloud.call("sqs", "get_queue_attributes", parameters)?;
    let depth = answer["Attributes"][attribute]
        .as_str()
        .context("a queue tells no depth")?;
    depth.parse().context("a queue's depth is no number")
}

/// What is wrong with the alarm of a lane whose dead-letter queue has a message in it.
pub(super) fn complaints(cloud: &Cloud, made: &Value, lane: &str) -> Result<Vec<String>> {
    let queue = resource(made, lane, "aws_sqs_queue.dead")?;
    let alarm = resource(made, lane, "aws_cloudwatch_metric_alarm.dead_letters[0]")?;
    let name = &alarm["alarm_name"];
    let state = || -> Result<Value> {
        let mut alarms = cloud.call("cloudwatch", "describe_alarms", json!({"AlarmNames": [name]}))?;
        Ok(alarms["MetricAlarms"][0].take())
    };
    let before = state()?;
    let mut complaints = watched(&before, &queue["name"]);
    if before["StateValue"] == "ALARM" {
        complaints.push(format!(
            "the alarm {name} called before there was anything to call for"
        ));
    }
    let mut after = Value::Null;
    // A minute may end between telling and looking, and then nothing has been told in the one that is looked at.
    for _ in 0..TRIES {
        publish(cloud, &before, depth(cloud, made, lane)?)?;
        after = state()?["StateValue"].take();
        if after == "ALARM" {
            return Ok(complaints);
        }
    }
    complaints.push(format!("the alarm {name} is {after} and does not call"));
    Ok(complaints)
}

/// Tells of a depth as if it had been that for all the time that an alarm looks at.
fn publish(cloud: &Cloud, alarm: &Value, depth: u64) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let number = |field: &str| {
        alarm[field]
            .as_u64()
            .with_context(|| format!("an alarm has no {field}"))
    };
    let (periods, period_secs) = (number("EvaluationPeriods")?, number("Period")?);
    let data: Vec<Value> = (0..periods)
        .map(|ago| {
            json!({
                "MetricName": METRIC,
                "Dimensions": alarm["Dimensions"],
                "Timestamp": now - ago * period_secs,
                "Value": depth,
                "Unit": "Count",
            })
        })
        .collect();
    let parameters = json!({"Namespace": NAMESPACE, "MetricData": data});
    cloud.call("cloudwatch", "put_metric_data", parameters)?;
    Ok(())
}

/// What is wrong with an alarm about the depth of this queue.
fn watched(alarm: &Value, queue: &Value) -> Vec<String> {
    let dimensions = json!([{"Name": "QueueName", "Value": queue}]);
    let looks_at = [
        ("Namespace", json!(NAMESPACE)),
        ("MetricName", json!(METRIC)),
        ("Dimensions", dimensions),
        ("ActionsEnabled", json!(true)),
    ];
    let mut complaints: Vec<String> = looks_at
        .into_iter()
        .filter(|(field, value)| alarm[field] != *value)
        .map(|(field, value)| format!("the alarm has {field} {} and not {value}", alarm[field]))
        .collect();
    if alarm["AlarmActions"].as_array().is_none_or(Vec::is_empty) {
        complaints.push("the alarm tells nobody".to_owned());
    }
    complaints
}

fn resource<'a>(made: &'a Value, lane: &str, rest: &str) -> Result<&'a Value> {
    let address = format!("module.platform.module.queue[\"{lane}\"].{rest}");
    let resources = state::resources(made);
    let found = resources.get(address.as_str()).copied();
    found.with_context(|| format!("the state has no {address}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_looks_at_its_queue_and_tells_somebody() {
        let good = json!({
            "Namespace": NAMESPACE, "MetricName": METRIC, "ActionsEnabled": true, "AlarmActions": ["arn"],
            "Dimensions": [{"Name": "QueueName", "Value": "tandem-dead"}],
        });
        assert_eq!(watched(&good, &json!("tandem-dead")), [""; 0]);
        assert_eq!(watched(&good, &json!("another")).len(), 1);
        assert_eq!(watched(&json!({}), &json!("tandem-dead")).len(), 5);
    }
}
