//! Metrics of the programs' own. CloudWatch makes them from lines of the log, and knows each by its namespace, its name and all
//! of its dimensions; whoever asks for another finds nothing. So what alarms and dashboards ask for must have been told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use crate::terraform::state;

/// The most bytes of an event of a log.
const MAX_EVENT_BYTES: usize = 256 << 10;
/// Namespaces of AWS' own begin so: no program tells anything there.
const OF_AWS: &str = "AWS/";
/// The dimensions that all metrics of the programs have.
const COMMON: [&str; 2] = ["Service", "Environment"];
/// What a short run has no reason to tell: a metric, and the values of its label if it is not about all of them. An empty one
/// stands for the metric without a label.
const RARE: [(&str, &[&str]); 10] = [
    (
        "tandem_attempts_total",
        &["retry_scheduled", "snoozed", "released", "cancelled"],
    ),
    ("tandem_blocked_handlers_total", &[]),
    ("tandem_breaker_transitions_total", &[]),
    ("tandem_finishes_total", &["lease_lost"]),
    ("tandem_heartbeats_total", &["failed"]),
    ("tandem_jobs_expired_total", &[]),
    // Without a label it is the worker's, of schedules.
    ("tandem_jobs_submitted_total", &["", "batch", "schedule"]),
    ("tandem_maintenance_failures_total", &[]),
    ("tandem_own_failures_total", &[]),
    ("tandem_schedule_fires_total", &[]),
];

/// A metric as CloudWatch knows it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Metric {
    namespace: String,
    name: String,
    dimensions: BTreeMap<String, String>,
}

/// A metric that is asked for; of a dimension without a value, every value.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Asked {
    namespace: String,
    name: String,
    dimensions: BTreeMap<String, Option<String>>,
}

/// What is wrong with what the programs have told in their logs, as the alarms and dashboards of a state see it. `alarms` is what
/// CloudWatch tells of alarms.
pub(super) fn complaints(made: &Value, alarms: &Value, logs: &[String]) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut told = BTreeSet::new();
    for line in logs.iter().flat_map(|log| log.lines()) {
        match metrics(line) {
            Ok(metrics) => told.extend(metrics),
            Err(complaint) => complaints.push(complaint),
        }
    }
    let asked = asked(made, alarms, &mut complaints);
    if asked.is_empty() {
        complaints.push("no alarm and no dashboard asks for a metric of the programs".to_owned());
    }
    complaints.extend(
        asked
            .iter()
            .filter(|(it, _)| !told.iter().any(|metric| it.is_met_by(metric)))
            .filter(|(it, _)| !(it.is_rare() && told.iter().any(|metric| it.is_near(metric))))
            .map(|(it, by)| format!("{by} asks for {it}, which no program has told")),
    );
    complaints.extend(vanished(&asked));
    complaints
}

/// The metrics that CloudWatch makes from an event of a log.
fn metrics(line: &str) -> Result<Vec<Metric>, String> {
    let start: String = line.chars().take(200).collect();
    if line.len() > MAX_EVENT_BYTES {
        return Err(format!("a line of the log is too long for an event: {start}"));
    }
    let document: Value =
        serde_json::from_str(line).map_err(|_| format!("a line of the log is no JSON: {start}"))?;
    let mut found = Vec::new();
    for directive in list(&document["_aws"]["CloudWatchMetrics"]) {
        for set in list(&directive["Dimensions"]) {
            let mut dimensions = BTreeMap::new();
            for name in list(set).filter_map(Value::as_str) {
                let value = document[name].as_str();
                let value = value.ok_or_else(|| format!("a line of the log has no {name}: {start}"))?;
                dimensions.insert(name.to_owned(), value.to_owned());
            }
            for name in list(&directive["Metrics"]).filter_map(|it| it["Name"].as_str()) {
                let value = &document[name];
                if !value.is_number() && !value["Values"].is_array() {
                    return Err(format!("a line of the log has no value of {name}: {start}"));
                }
                found.push(Metric {
                    namespace: directive["Namespace"].as_str().unwrap_or_default().to_owned(),
                    name: name.to_owned(),
                    dimensions: dimensions.clone(),
                });
            }
        }
    }
    Ok(found)
}

/// What alarms and dashboards ask for beside the metrics of AWS, and one of those that do. Each must ask for something.
fn asked(made: &Value, alarms: &Value, complaints: &mut Vec<String>) -> BTreeMap<Asked, String> {
    let mut asked = BTreeMap::new();
    for (address, values) in state::resources(made) {
        let found = if address.contains(".aws_cloudwatch_metric_alarm.") {
            of_alarm(values, alarms)
        } else if address.contains(".aws_cloudwatch_dashboard.") {
            of_dashboard(values)
        } else {
            continue;
        };
        if found.is_empty() {
            complaints.push(format!("{address} asks for no metric"));
        }
        let ours = found.into_iter().filter(|it| !it.namespace.starts_with(OF_AWS));
        asked.extend(ours.map(|it| (it, address.to_owned())));
    }
    asked
}

/// An alarm is about a metric or about a formula. The emulator does not tell Terraform the dimensions of the one, and keeps no
/// metrics of the other.
fn of_alarm(alarm: &Value, alarms: &Value) -> Vec<Asked> {
    let mut known = list(&alarms["MetricAlarms"]).filter(|it| it["AlarmName"] == alarm["alarm_name"]);
    let metric = known.next().and_then(|known| {
        let dimensions = list(&known["Dimensions"]);
        Some(Asked {
            namespace: text(&known["Namespace"])?,
            name: text(&known["MetricName"])?,
            dimensions: dimensions
                .filter_map(|it| Some((text(&it["Name"])?, text(&it["Value"]))))
                .collect(),
        })
    });
    let queries = list(&alarm["metric_query"]).flat_map(|query| list(&query["metric"]));
    let of_formula = queries.filter_map(|metric| {
        let dimensions = metric["dimensions"].as_object().into_iter().flatten();
        Some(Asked {
            namespace: text(&metric["namespace"])?,
            name: text(&metric["metric_name"])?,
            dimensions: dimensions
                .map(|(name, value)| (name.clone(), text(value)))
                .collect(),
        })
    });
    metric.into_iter().chain(of_formula).collect()
}

fn of_dashboard(dashboard: &Value) -> Vec<Asked> {
    let body = dashboard["dashboard_body"].as_str().unwrap_or_default();
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    list(&body["widgets"])
        .flat_map(|widget| list(&widget["properties"]["metrics"]))
        .filter_map(|series| match series[0]["expression"].as_str() {
            Some(expression) => of_search(expression),
            None => of_series(series),
        })
        .collect()
}

/// Reads `[namespace, name, dimension, value, …, {how it is shown}]`.
fn of_series(series: &Value) -> Option<Asked> {
    let mut texts = list(series).map_while(text);
    let (namespace, name) = (texts.next()?, texts.next()?);
    let mut dimensions = BTreeMap::new();
    while let Some(dimension) = texts.next() {
        dimensions.insert(dimension, texts.next());
    }
    Some(Asked {
        namespace,
        name,
        dimensions,
    })
}

/// Reads `SEARCH('{namespace,dimension,…} MetricName="…" dimension="value" …', …)`. Other formulas are about other series.
fn of_search(expression: &str) -> Option<Asked> {
    let (schema, rest) = expression.strip_prefix("SEARCH('{")?.split_once('}')?;
    let mut schema = schema.split(',');
    let namespace = schema.next()?.to_owned();
    let mut dimensions: BTreeMap<String, Option<String>> = schema.map(|it| (it.to_owned(), None)).collect();
    let mut name = None;
    let mut parts = rest.split('"');
    while let (Some(what), Some(value)) = (parts.next(), parts.next()) {
        match what.trim().trim_end_matches('=') {
            "MetricName" => name = Some(value.to_owned()),
            dimension => drop(dimensions.insert(dimension.to_owned(), Some(value.to_owned()))),
        }
    }
    Some(Asked {
        namespace,
        name: name?,
        dimensions,
    })
}

impl Asked {
    fn is_met_by(&self, metric: &Metric) -> bool {
        let same_name = self.namespace == metric.namespace && self.name == metric.name;
        same_name && self.dimensions.keys().eq(metric.dimensions.keys()) && self.has_values(metric, |_| true)
    }

    /// Whether the values of these dimensions are those of a metric.
    fn has_values(&self, metric: &Metric, of: impl Fn(&str) -> bool) -> bool {
        self.dimensions
            .iter()
            .filter(|(name, _)| of(name))
            .all(|(name, value)| {
                let told = metric.dimensions.get(name);
                told.is_some() && (value.is_none() || told == value.as_ref())
            })
    }

    /// The label that is no dimension of all metrics, with its value.
    fn label(&self) -> Option<&str> {
        let mut labels = self.dimensions.iter();
        let (_, value) = labels.find(|(name, _)| !COMMON.contains(&name.as_str()))?;
        value.as_deref()
    }

    fn is_rare(&self) -> bool {
        let label = self.label().unwrap_or_default();
        RARE.iter()
            .any(|(name, values)| *name == self.name && (values.is_empty() || values.contains(&label)))
    }

    /// Whether a program that has told this metric may tell what is asked for: it differs in the value of the label, or is
    /// another metric where no value is ever told.
    fn is_near(&self, metric: &Metric) -> bool {
        let is_whole = RARE
            .iter()
            .any(|(name, values)| *name == self.name && (values.is_empty() || self.label().is_none()));
        let same_name =
            is_whole || (self.name == metric.name && self.dimensions.keys().eq(metric.dimensions.keys()));
        let same_place = COMMON.iter().all(|name| self.dimensions.contains_key(*name))
            && self.has_values(metric, |name| COMMON.contains(&name));
        self.namespace == metric.namespace && same_name && same_place
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.namespace, self.name)?;
        for (name, value) in &self.dimensions {
            write!(f, " {name}={}", value.as_deref().unwrap_or("*"))?;
        }
        Ok(())
    }
}

/// What is in the list of the rare that nobody asks for.
fn vanished(asked: &BTreeMap<Asked, String>) -> Vec<String> {
    let is_asked = |name: &str, value: Option<&str>| {
        let mut all = asked.keys();
        all.any(|it| it.name == name && value.is_none_or(|value| it.label().unwrap_or_default() == value))
    };
    let entries = RARE.iter().flat_map(|(name, values)| {
        let of_values = values.iter().map(|value| (*name, Some(*value)));
        of_values.chain(values.is_empty().then_some((*name, None)))
    });
    entries
        .filter(|(name, value)| !is_asked(name, *value))
        .map(|(name, value)| {
            format!(
                "the list of the rare has {name} {}, for which nobody asks",
                value.unwrap_or_default()
            )
        })
        .collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests;
