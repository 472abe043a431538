//! Alarms and dashboards look at metrics that the services have.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::files::Files;
use crate::metadata::elements;

/// What the services publish for alarms and dashboards, which know no other metric of ours.
const PUBLISHED: &str = "terraform/modules/observability/metrics.json";
/// The only list of metrics.
pub(super) const DEFINED: &str = "crates/runtime/src/metric.rs";
/// Who publishes.
const SERVICES: [&str; 2] = ["api", "worker"];
const KINDS: &[&str] = &["Counter", "Gauge", "Histogram"];

/// One entry of the list in the code, such as `Counter CLAIMS = "tandem_claims_total" [answer] Count,`.
pub(super) struct Metric<'a> {
    kind: &'a str,
    constant: &'a str,
    pub(super) name: &'a str,
    pub(super) labels: Vec<&'a str>,
}

impl Metric<'_> {
    /// Whether it is the distribution of a measurement.
    pub(super) fn is_histogram(&self) -> bool {
        self.kind == "Histogram"
    }
}

/// All metrics that the code has.
pub(super) fn defined(files: &Files) -> Vec<Metric<'_>> {
    let list = files.iter().find(|(path, _)| *path == Path::new(DEFINED));
    list.map_or("", |(_, text)| text)
        .lines()
        .filter_map(definition)
        .collect()
}

/// Finds metrics that should be published and that the service does not have, or not with these labels; and those that
/// another service has as well and does not publish.
pub fn check(files: &Files) -> Vec<String> {
    let published = files.iter().find(|(path, _)| *path == Path::new(PUBLISHED));
    let Ok(published) = serde_json::from_str::<Value>(published.map_or("", |(_, text)| text)) else {
        return vec![format!("{PUBLISHED} is missing, or is not JSON")];
    };
    let Some(entries) = published["metrics"].as_object().filter(|it| !it.is_empty()) else {
        return vec![format!("{PUBLISHED} lists no metrics")];
    };
    let defined = defined(files);
    let wrong = entries.iter().filter_map(|(key, entry)| {
        let problem = problem(entry, &defined, files)?;
        Some(format!("{PUBLISHED}: {key}: {problem}"))
    });
    wrong.chain(half_published(entries, &defined, files)).collect()
}

/// What one service publishes and another counts as well: whoever looks at the sum sees a part of it.
fn half_published(entries: &Map<String, Value>, defined: &[Metric<'_>], files: &Files) -> Vec<String> {
    let publishes = |name: &str, service: &str| {
        let mut of_name = entries.values().filter(|entry| entry["name"] == name);
        of_name.any(|entry| service.is_empty() || entry["service"] == service)
    };
    let published = defined.iter().filter(|metric| publishes(metric.name, ""));
    let by_service = published.flat_map(|metric| SERVICES.map(|service| (metric, service)));
    by_service
        .filter(|(metric, service)| is_used(metric, service, files) && !publishes(metric.name, service))
        .map(|(metric, service)| {
            let name = metric.name;
            format!("{PUBLISHED}: {service} counts {name}, and is not in the list with it")
        })
        .collect()
}

fn problem(entry: &Value, defined: &[Metric<'_>], files: &Files) -> Option<String> {
    let name = entry["name"].as_str().unwrap_or_default();
    let service = entry["service"].as_str().unwrap_or_default();
    let Some(metric) = defined.iter().find(|metric| metric.name == name) else {
        return Some(format!("{DEFINED} does not define {name:?}"));
    };
    let mut labels = elements(&entry["sets"]).iter().flat_map(elements);
    if let Some(label) = labels.find(|label| !metric.labels.iter().any(|it| *label == it)) {
        return Some(format!("{name} has no label {label}"));
    }
    let source = source_of(service);
    (!is_used(metric, service, files)).then(|| format!("{} does not use {name}", source.display()))
}

fn source_of(service: &str) -> PathBuf {
    Path::new("crates").join(service).join("src")
}

/// Whether a service counts by this metric.
fn is_used(metric: &Metric<'_>, service: &str, files: &Files) -> bool {
    let source = source_of(service);
    files
        .with_extension("rs")
        .any(|(path, text)| path.starts_with(&source) && uses(text, metric.constant))
}

fn definition(line: &str) -> Option<Metric<'_>> {
    let (kind, rest) = line.trim().split_once(' ')?;
    let (constant, rest) = rest.split_once(" = \"")?;
    let (name, rest) = rest.split_once("\" [")?;
    let (labels, _) = rest.split_once(']')?;
    KINDS.contains(&kind).then(|| Metric {
        kind,
        constant,
        name,
        labels: labels.split(", ").filter(|label| !label.is_empty()).collect(),
    })
}

/// Whether Rust code has `metric::CONSTANT`, and not only a longer name that begins so.
fn uses(code: &str, constant: &str) -> bool {
    let goes_on = |c: char| c == '_' || c.is_ascii_alphanumeric();
    code.split("metric::")
        .skip(1)
        .any(|rest| rest.split(|c| !goes_on(c)).next() == Some(constant))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "metrics! {\n    Counter CLAIMS = \"tandem_claims_total\" [answer, way] Count,\n\
                        \x20       \"Answers to claims.\";\n    Gauge CLAIMS_NOW = \"tandem_claims\" [] Count,\n}\n";

    fn complaints(entry: &str) -> Vec<String> {
        check(&Files::from([
            (PUBLISHED, &*format!("{{\"metrics\": {{\"claims\": {entry}}}}}")),
            (DEFINED, LIST),
            (
                "crates/api/src/routes.rs",
                "metric::CLAIMS_NOW.with([]).set(1.0);",
            ),
            (
                "crates/worker/src/step.rs",
                "let claims = metric::CLAIMS\n    .with([it]);",
            ),
        ]))
    }

    #[test]
    fn what_a_service_counts_may_be_published() {
        for entry in [
            r#"{"name": "tandem_claims_total", "service": "worker", "sets": [["answer"], ["way", "answer"], []]}"#,
            r#"{"name": "tandem_claims", "service": "api", "sets": [[]]}"#,
        ] {
            assert_eq!(complaints(entry), [""; 0]);
        }
    }

    #[test]
    fn a_list_of_nothing_is_no_list() {
        for published in ["{}", r#"{"metrics": {}}"#, r#"{"metrics": []}"#] {
            let complaints = check(&Files::from([(PUBLISHED, published), (DEFINED, LIST)]));
            assert_eq!(
                complaints,
                [format!("{PUBLISHED} lists no metrics")],
                "{published}"
            );
        }
    }

    #[test]
    fn what_it_does_not_count_is_found() {
        for (entry, problem) in [
            (
                r#"{"name": "tandem_claims_seconds", "service": "worker", "sets": [[]]}"#,
                "crates/runtime/src/metric.rs does not define \"tandem_claims_seconds\"",
            ),
            (
                r#"{"name": "tandem_claims_total", "service": "worker", "sets": [["answer"], ["tenant"]]}"#,
                "tandem_claims_total has no label \"tenant\"",
            ),
            (
                r#"{"name": "tandem_claims", "service": "api", "sets": [[""]]}"#,
                "tandem_claims has no label \"\"",
            ),
        ] {
            let complaint = format!("terraform/modules/observability/metrics.json: claims: {problem}");
            assert_eq!(complaints(entry), [complaint]);
        }
    }

    #[test]
    fn what_another_service_counts_is_found() {
        let entry = r#"{"name": "tandem_claims_total", "service": "api", "sets": [[]]}"#;
        let complaint = |problem: &str| format!("terraform/modules/observability/metrics.json: {problem}");
        let expected = [
            complaint("claims: crates/api/src does not use tandem_claims_total"),
            complaint("worker counts tandem_claims_total, and is not in the list with it"),
        ];
        assert_eq!(complaints(entry), expected);
    }

    #[test]
    fn what_two_services_count_both_publish() {
        let found = |services: &[&str]| {
            let entry = |service: &&str| {
                format!(r#""{service}": {{"name": "tandem_claims", "service": "{service}", "sets": [[]]}}"#)
            };
            let entries: Vec<String> = services.iter().map(entry).collect();
            let list = format!(r#"{{"metrics": {{{}}}}}"#, entries.join(", "));
            let count = "metric::CLAIMS_NOW.with([]).set(1.0);";
            check(&Files::from([
                (PUBLISHED, &*list),
                (DEFINED, LIST),
                ("crates/api/src/routes.rs", count),
                ("crates/worker/src/step.rs", count),
            ]))
        };
        let complaint = "terraform/modules/observability/metrics.json: worker counts tandem_claims, and is not in the list \
                         with it";
        assert_eq!(found(&["api"]), [complaint]);
        assert_eq!(found(&["api", "worker"]), [""; 0]);
    }

    #[test]
    fn the_list_must_be_readable() {
        let complaint = "terraform/modules/observability/metrics.json is missing, or is not JSON";
        assert_eq!(check(&Files::default()), [complaint]);
        assert_eq!(check(&Files::from([(PUBLISHED, "{")])), [complaint]);
    }
}
