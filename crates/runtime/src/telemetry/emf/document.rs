//! A line of the embedded metric format: what CloudWatch Logs reads metrics from.
//!
//! The specification is
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>.
//! For distributions it names arrays of numbers only; arrays of values and of how often each occurred are what
//! CloudWatch's own agent writes in their place.

use serde_json::{Map, Value, json};

use super::series::Place;
use crate::metric::NAMESPACE;

/// The most values of a metric in a line, by the specification.
pub(super) const MAX_VALUES: usize = 100;
/// The most metrics in a line. The specification allows 100; half of them, all distributions, stay far below the 256 KiB
/// that an event of a log may have.
const MAX_METRICS: usize = 50;

/// A metric at one place.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    /// Which part of the metric's values it is: a line has one of each metric.
    pub(super) part: usize,
    pub(super) value: Value,
}

/// The lines for the samples of a place, measured from `at_ms`, in milliseconds since 1970. `common` are the dimensions that
/// all of them have.
pub(super) fn lines(at_ms: i64, common: &[(&str, String)], place: &Place, samples: &[Sample]) -> Vec<String> {
    let parts = samples.iter().map(|sample| sample.part + 1).max().unwrap_or(0);
    let of_part = |part| samples.iter().filter(move |sample| sample.part == part);
    (0..parts)
        .flat_map(|part| {
            let samples: Vec<&Sample> = of_part(part).collect();
            let line = |samples: &[&Sample]| line(at_ms, common, place, samples);
            samples.chunks(MAX_METRICS).map(line).collect::<Vec<_>>()
        })
        .collect()
}

fn line(at_ms: i64, common: &[(&str, String)], place: &Place, samples: &[&Sample]) -> String {
    let common = common.iter().map(|(name, value)| (*name, value.as_str()));
    let dimensions: Vec<(&str, &str)> = common
        .chain(place.iter().map(|(name, value)| (*name, &**value)))
        .collect();
    let names: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
    let definition = |sample: &&Sample| json!({ "Name": sample.name, "Unit": sample.unit });
    let metrics: Vec<Value> = samples.iter().map(definition).collect();
    let mut root = Map::new();
    root.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": at_ms,
            "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [names], "Metrics": metrics }],
        }),
    );
    root.extend(
        dimensions
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value))),
    );
    root.extend(
        samples
            .iter()
            .map(|sample| (sample.name.to_owned(), sample.value.clone())),
    );
    Value::Object(root).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common() -> [(&'static str, String); 2] {
        [
            ("Service", "worker".to_owned()),
            ("Environment", "test".to_owned()),
        ]
    }

    #[test]
    fn a_line_has_the_metrics_of_a_place_and_where_that_is() {
        let place = vec![("queue", "high".into())];
        let sample = |name, unit, value| Sample {
            name,
            unit,
            part: 0,
            value,
        };
        let samples = [
            sample("tandem_queued_jobs", "Count", json!(3.0)),
            sample("tandem_oldest_queued_seconds", "Seconds", json!(0.5)),
        ];
        let lines = lines(1_574_109_732_004, &common(), &place, &samples);
        let [line] = &lines[..] else {
            panic!("it is one line: {lines:?}")
        };
        let expected = json!({
            "_aws": { "Timestamp": 1_574_109_732_004_i64, "CloudWatchMetrics": [{
                "Namespace": "Tandem",
                "Dimensions": [["Service", "Environment", "queue"]],
                "Metrics": [
                    { "Name": "tandem_queued_jobs", "Unit": "Count" },
                    { "Name": "tandem_oldest_queued_seconds", "Unit": "Seconds" },
                ],
            }]},
            "Service": "worker", "Environment": "test", "queue": "high",
            "tandem_queued_jobs": 3.0, "tandem_oldest_queued_seconds": 0.5,
        });
        assert_eq!(serde_json::from_str::<Value>(line).unwrap(), expected);
        assert!(!line.contains('\n'));
    }

    #[test]
    fn what_is_too_much_for_a_line_is_told_in_several() {
        let names: Vec<&'static str> = (0..120)
            .map(|number| &*format!("tandem_{number:040}").leak())
            .collect();
        let full = json!({ "Values": vec![1.234e-5; MAX_VALUES], "Counts": vec![u64::MAX; MAX_VALUES] });
        let samples: Vec<Sample> = names
            .iter()
            .flat_map(|name| {
                [0, 1].map(|part| Sample {
                    name,
                    unit: "Seconds",
                    part,
                    value: full.clone(),
                })
            })
            .collect();
        let lines = lines(0, &common(), &Vec::new(), &samples);
        assert_eq!(lines.len(), 2 * 3);
        assert!(lines.iter().all(|line| line.len() < 256 << 10));
        let told: usize = lines.iter().map(|line| line.matches("\"Name\"").count()).sum();
        assert_eq!(told, samples.len());
    }

    #[test]
    fn nothing_is_no_line() {
        assert!(lines(0, &common(), &Vec::new(), &[]).is_empty());
    }
}
