//! Grafana's dashboard and Prometheus' alerts look at metrics that the code has, by labels that these have.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::files::Files;
use super::metrics::{DEFINED, Metric, defined};
use crate::metadata::elements;

const FOLDER: &str = "grafana";
/// What a histogram is asked for by, after its name.
const OF_HISTOGRAM: &[&str] = &["_bucket", "_count", "_sum"];
/// The label of a histogram's buckets.
const BOUND: &str = "le";

/// A question to Prometheus, with the texts in which its labels are named as `{{label}}`.
struct Query {
    expression: String,
    legend: String,
}

/// Finds questions about metrics or labels that do not exist, files that ask nothing, and alerts without a runbook.
pub fn check(files: &Files) -> Vec<String> {
    let defined = defined(files);
    let mut complaints = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| path.starts_with(FOLDER)) {
        let queries = match path.extension().and_then(|it| it.to_str()) {
            Some("json") => {
                let (queries, variables) = of_dashboard(text);
                let unknown = queries.iter().flat_map(|query| unset(query, &variables));
                complaints.extend(unknown.map(|problem| format!("{}: {problem}", path.display())));
                queries
            }
            Some("yaml") => {
                complaints.extend(without_runbook(path, text, files));
                of_rules(text)
            }
            _ => continue,
        };
        if queries.is_empty() {
            complaints.push(format!("{} asks Prometheus nothing", path.display()));
        }
        let problems = queries.iter().flat_map(|query| problems(query, &defined));
        complaints.extend(problems.map(|problem| format!("{}: {problem}", path.display())));
    }
    complaints
}

/// What a dashboard asks, and the names of its variables.
fn of_dashboard(text: &str) -> (Vec<Query>, Vec<String>) {
    let dashboard = serde_json::from_str(text).unwrap_or(Value::Null);
    let mut queries = Vec::new();
    collect(&dashboard, &mut queries);
    let variables = elements(&dashboard["templating"]["list"]);
    let names = variables.iter().filter_map(|it| it["name"].as_str());
    (queries, names.map(str::to_owned).collect())
}

/// What stands for a value in a question, as `$name`, and is neither a variable of the dashboard nor one of Grafana's own,
/// which begin with two underscores.
fn unset(query: &Query, variables: &[String]) -> Vec<String> {
    let is_name = |c: char| c == '_' || c.is_ascii_alphanumeric();
    let named = query.expression.split('$').skip(1).map(|rest| {
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        &rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())]
    });
    named
        .filter(|name| !name.starts_with("__") && !variables.iter().any(|it| it == name))
        .map(|name| format!("the dashboard has no variable {name:?}"))
        .collect()
}

fn collect(value: &Value, queries: &mut Vec<Query>) {
    match value {
        Value::Object(members) => {
            if let Some(expression) = members.get("expr").and_then(Value::as_str) {
                let legend = members.get("legendFormat").and_then(Value::as_str);
                queries.push(Query {
                    expression: expression.to_owned(),
                    legend: legend.unwrap_or_default().to_owned(),
                });
            }
            members.values().for_each(|member| collect(member, queries));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, queries)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// In our files each rule has its expression and its summary on a line of its own.
fn of_rules(text: &str) -> Vec<Query> {
    rules(text)
        .filter_map(|rule| {
            Some(Query {
                expression: field(rule, "expr")?.to_owned(),
                legend: field(rule, "summary")?.replace("$labels.", ""),
            })
        })
        .collect()
}

fn rules(text: &str) -> impl Iterator<Item = &str> {
    text.split("- alert: ").skip(1)
}

fn field<'a>(rule: &'a str, name: &str) -> Option<&'a str> {
    rule.lines()
        .find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": "))
}

fn without_runbook(path: &Path, text: &str, files: &Files) -> Vec<String> {
    let is_there = |page: &str| files.iter().any(|(path, _)| path == Path::new(page));
    rules(text)
        .filter(|rule| !field(rule, "runbook").is_some_and(is_there))
        .map(|rule| {
            let name = rule.lines().next().unwrap_or_default();
            format!(
                "{}: the alert {name} names no runbook that exists",
                path.display()
            )
        })
        .collect()
}

fn problems(query: &Query, defined: &[Metric<'_>]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for (name, labels) in selectors(&query.expression) {
        let Some((metric, is_bucket)) = find(name, defined) else {
            problems.push(format!("{DEFINED} does not define {name:?}"));
            continue;
        };
        known.extend(&metric.labels);
        known.extend(is_bucket.then_some(BOUND));
        let has = |label: &str| metric.labels.contains(&label) || (is_bucket && label == BOUND);
        let unknown = labels.into_iter().filter(|label| !has(label));
        problems.extend(unknown.map(|label| format!("{name} has no label {label:?}")));
    }
    let named = grouped(&query.expression).chain(shown(&query.legend));
    let unknown = named.filter(|label| !known.contains(label));
    problems
        .extend(unknown.map(|label| format!("no metric in {:?} has the label {label:?}", query.expression)));
    problems
}

/// The metric that has this series, and whether it is one of its buckets.
fn find<'a, 'b>(series: &str, defined: &'a [Metric<'b>]) -> Option<(&'a Metric<'b>, bool)> {
    let of_histogram = OF_HISTOGRAM
        .iter()
        .find_map(|suffix| Some((series.strip_suffix(suffix)?, *suffix == "_bucket")));
    defined.iter().find_map(|metric| match of_histogram {
        Some((name, is_bucket)) if metric.is_histogram() => {
            (metric.name == name).then_some((metric, is_bucket))
        }
        _ => (metric.name == series && !metric.is_histogram()).then_some((metric, false)),
    })
}

/// Names of series with the labels that they are chosen by.
fn selectors(expression: &str) -> Vec<(&str, Vec<&str>)> {
    let is_name = |c: char| c == '_' || c.is_ascii_alphanumeric();
    let starts = expression
        .match_indices("tandem_")
        .filter(|(at, _)| !expression[..*at].ends_with(is_name));
    starts
        .map(|(at, _)| {
            let rest = &expression[at..];
            let (name, rest) = rest.split_at(rest.find(|c| !is_name(c)).unwrap_or(rest.len()));
            (name, rest.strip_prefix('{').map_or(Vec::new(), matched))
        })
        .collect()
}

/// The labels of `label="value",other=~"value"}`, whatever the values have in them.
fn matched(selector: &str) -> Vec<&str> {
    let mut labels = Vec::new();
    let mut rest = selector;
    while let Some((label, after)) = rest.split_once(['=', '!']) {
        let value = after.split('"').nth(1).unwrap_or_default();
        labels.push(label.trim_start_matches(',').trim());
        // The rest begins behind the value's second quotation mark.
        let Some(end) = after.find('"').map(|begin| begin + value.len() + 2) else {
            break;
        };
        rest = after.get(end..).unwrap_or_default();
        if rest.starts_with('}') {
            break;
        }
    }
    labels
}

/// The labels of `by (label, other)`.
fn grouped(expression: &str) -> impl Iterator<Item = &str> {
    let lists = ["by (", "without ("].into_iter();
    lists
        .flat_map(|word| expression.split(word).skip(1))
        .filter_map(|rest| rest.split_once(')'))
        .flat_map(|(list, _)| list.split(',').map(str::trim))
}

/// The labels of `{{label}}`.
fn shown(text: &str) -> impl Iterator<Item = &str> {
    text.split("{{")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once("}}")?.0.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "    Counter CLAIMS = \"tandem_claims_total\" [answer, way] Count,\n\
                        \x20   Histogram PICKUP = \"tandem_pickup_seconds\" [kind] Seconds,\n\
                        \x20   Gauge WAITS = \"tandem_waits_count\" [] Count,\n";

    fn dashboard(expression: &str, legend: &str) -> Vec<String> {
        let target = serde_json::json!({ "expr": expression, "legendFormat": legend });
        let text = serde_json::json!({ "panels": [{ "targets": [target] }] }).to_string();
        check(&Files::from([("grafana/tandem.json", &*text), (DEFINED, LIST)]))
    }

    #[test]
    fn what_the_code_has_may_be_asked_for() {
        for (expression, legend) in [
            (
                r#"sum by (way) (rate(tandem_claims_total{answer=~"a,b}",way!="c"}[5m]))"#,
                "{{way}}",
            ),
            (
                "histogram_quantile(0.5, sum by (kind, le) (rate(tandem_pickup_seconds_bucket[5m])))",
                "{{kind}}",
            ),
            (
                "rate(tandem_pickup_seconds_sum[5m]) / rate(tandem_pickup_seconds_count[5m])",
                "mean",
            ),
            ("tandem_waits_count", "waits"),
        ] {
            assert_eq!(dashboard(expression, legend), [""; 0]);
        }
    }

    #[test]
    fn what_it_has_not_is_found() {
        for (expression, legend, problem) in [
            (
                "rate(tandem_claim_total[5m])",
                "",
                format!("{DEFINED} does not define \"tandem_claim_total\""),
            ),
            (
                "tandem_pickup_seconds",
                "",
                format!("{DEFINED} does not define \"tandem_pickup_seconds\""),
            ),
            (
                "tandem_claims_total_bucket",
                "",
                format!("{DEFINED} does not define \"tandem_claims_total_bucket\""),
            ),
            (
                r#"tandem_claims_total{answer="a",tenant="b"}"#,
                "",
                "tandem_claims_total has no label \"tenant\"".to_owned(),
            ),
            (
                "sum by (tenant) (tandem_claims_total)",
                "",
                "no metric in \"sum by (tenant) (tandem_claims_total)\" has the label \"tenant\"".to_owned(),
            ),
            (
                "tandem_waits_count",
                "{{kind}}",
                "no metric in \"tandem_waits_count\" has the label \"kind\"".to_owned(),
            ),
        ] {
            assert_eq!(
                dashboard(expression, legend),
                [format!("grafana/tandem.json: {problem}")]
            );
        }
    }

    #[test]
    fn a_variable_must_be_there() {
        let complaints = |expression: &str| {
            let dashboard = serde_json::json!({
                "templating": { "list": [{ "name": "month_usd" }] },
                "panels": [{ "targets": [{ "expr": expression }] }],
            });
            check(&Files::from([
                ("grafana/tandem.json", &*dashboard.to_string()),
                (DEFINED, LIST),
            ]))
        };
        assert_eq!(
            complaints("$month_usd * $__range_s / rate(tandem_claims_total[$__range]) + ${month_usd}"),
            [""; 0]
        );
        for expression in ["tandem_waits_count * $month", "tandem_waits_count * ${month}"] {
            assert_eq!(
                complaints(expression),
                ["grafana/tandem.json: the dashboard has no variable \"month\""]
            );
        }
    }

    #[test]
    fn an_alert_needs_a_runbook_and_a_file_needs_questions() {
        let rules = "groups:\n  - rules:\n      - alert: Waits\n        expr: tandem_waits_count > 1\n        annotations:\n          \
                     summary: It waits.\n          runbook: docs/runbooks/waits.md\n";
        let with = |page| {
            check(&Files::from([
                ("grafana/rules.yaml", rules),
                (DEFINED, LIST),
                (page, ""),
            ]))
        };
        assert_eq!(with("docs/runbooks/waits.md"), [""; 0]);
        let complaint = "grafana/rules.yaml: the alert Waits names no runbook that exists";
        assert_eq!(with("docs/runbooks/other.md"), [complaint]);
        let empty = check(&Files::from([("grafana/tandem.json", "{")]));
        assert_eq!(empty, ["grafana/tandem.json asks Prometheus nothing"]);
    }
}
