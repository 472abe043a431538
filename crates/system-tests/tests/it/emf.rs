//! Metrics on standard output, as CloudWatch Logs reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::figures::tell;
use crate::system::{Setup, System};

const SOON: Duration = Duration::from_secs(60);
/// How long a submit waits for the end of its job: far longer than the api takes for it.
const WAITED: Duration = Duration::from_secs(4);

/// What no process of the test has a reason to tell: nothing of it happens there.
const NEVER: &[&str] = &[
    "tandem_blocked_handlers_total",
    "tandem_breaker_transitions_total",
    "tandem_jobs_expired_total",
    "tandem_maintenance_failures_total",
    "tandem_unheard_doorbells_total",
];

/// A metric by the names of its dimensions, without those that all have.
type Published = (String, Vec<String>);

fn texts(list: &Value) -> Vec<String> {
    let texts = list.as_array().unwrap().iter();
    texts.map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// What alarms and dashboards know a service by.
fn published(service: &str) -> BTreeSet<Published> {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../terraform/modules/observability/metrics.json");
    let list: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let metrics = list["metrics"].as_object().unwrap().values();
    metrics
        .filter(|metric| metric["service"] == service)
        .flat_map(|metric| {
            let name = metric["name"].as_str().unwrap();
            let sets = metric["sets"].as_array().unwrap().iter();
            sets.map(|set| (name.to_owned(), texts(set))).collect::<Vec<_>>()
        })
        .collect()
}

/// The documents of a process that has ended. Everything on its standard output is one JSON object per line.
fn documents(log: &str) -> Vec<Value> {
    let lines = log.lines().map(|line| {
        assert!(line.len() < 256 << 10, "a line is no longer than an event may be");
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"))
    });
    lines.filter(|line| line.get("_aws").is_some()).collect()
}

/// What the specification says of the members that a document names.
fn assert_valid(document: &Value) {
    let schema: Value = serde_json::from_str(include_str!("emf/schema.json")).unwrap();
    let wrong: Vec<String> = jsonschema::validator_for(&schema)
        .unwrap()
        .iter_errors(document)
        .map(|error| error.to_string())
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}: {document}");
    for directive in document["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
        for dimension in texts(&directive["Dimensions"][0]) {
            let value = document[&dimension].as_str().unwrap();
            assert!((1..=1_024).contains(&value.len()), "{dimension}: {document}");
        }
        for metric in directive["Metrics"].as_array().unwrap() {
            let value = &document[metric["Name"].as_str().unwrap()];
            let are_numbers = |list: &Value| {
                let list = list.as_array().unwrap();
                (1..=100).contains(&list.len()) && list.iter().all(Value::is_number)
            };
            let is_distribution = || {
                let (values, counts) = (&value["Values"], &value["Counts"]);
                let same_length = values.as_array().unwrap().len() == counts.as_array().unwrap().len();
                same_length && are_numbers(values) && are_numbers(counts)
            };
            assert!(value.is_number() || is_distribution(), "{metric}: {document}");
        }
    }
}

/// Which metrics there were, by which dimensions.
fn told(documents: &[Value], service: &str) -> BTreeSet<Published> {
    let told = documents.iter().flat_map(|document| {
        let directive = &document["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "Tandem");
        assert_eq!(
            (&document["Service"], &document["Environment"]),
            (&service.into(), &"test".into())
        );
        let mut dimensions = texts(&directive["Dimensions"][0]);
        assert_eq!(
            dimensions.drain(..2).collect::<Vec<_>>(),
            ["Service", "Environment"]
        );
        let metrics = directive["Metrics"].as_array().unwrap().iter();
        let names = metrics.map(|metric| metric["Name"].as_str().unwrap().to_owned());
        names.map(|name| (name, dimensions.clone())).collect::<Vec<_>>()
    });
    told.collect()
}

/// Adds up what a metric counted, or how often it measured, by the value of a dimension.
fn totals(documents: &[Value], metric: &str, dimension: &str) -> BTreeMap<String, u64> {
    let mut totals = BTreeMap::new();
    for document in documents.iter().filter(|it| it.get(dimension).is_some()) {
        let value = match &document[metric] {
            Value::Null => continue,
            Value::Object(distribution) => {
                let counts = distribution["Counts"].as_array().unwrap().iter();
                counts.map(|count| count.as_u64().unwrap()).sum()
            }
            count => count.as_u64().unwrap(),
        };
        *totals
            .entry(document[dimension].as_str().unwrap().to_owned())
            .or_default() += value;
    }
    totals
}

/// How much is written at the end of an interval, for `docs/prices.json`.
fn bytes_of_an_interval(documents: &[Value]) -> String {
    let mut bytes: BTreeMap<i64, usize> = BTreeMap::new();
    for document in documents {
        let at = document["_aws"]["Timestamp"].as_i64().unwrap();
        *bytes.entry(at).or_default() += document.to_string().len();
    }
    let (least, most) = (bytes.values().min(), bytes.values().max());
    format!("{least:?} to {most:?} bytes of metrics in an interval")
}

fn counted<const N: usize>(totals: [(&str, u64); N]) -> BTreeMap<String, u64> {
    totals
        .into_iter()
        .map(|(value, count)| (value.to_owned(), count))
        .collect()
}

async fn run_jobs(system: &System) {
    let retried = json!({
        "kind": "test.fail", "payload": {"message": "no"}, "max_attempts": 2, "backoff": {"initial_ms": 50, "max_ms": 50}
    });
    for job in [
        json!({"kind": "test.echo", "payload": 1}),
        json!({"kind": "test.echo", "payload": 2}),
        retried,
    ] {
        assert_eq!(system.post("/api/jobs", &job).await.status(), 202);
    }
    let echo = json!({"kind": "test.echo", "payload": 3});
    system.submit_batch(vec![echo.clone(); 5]).await;
    let schedule = json!({"cron": "0 0 1 1 *", "overlap": "allow", "missed": "latest", "job": echo});
    assert_eq!(system.put("/api/schedules/yearly", &schedule).await.status(), 201);
    assert_eq!(
        system
            .post("/api/schedules/yearly/fire", &Value::Null)
            .await
            .status(),
        202
    );
    system
        .sql("update schedule set next_fire_at = date_trunc('year', now())")
        .await;
    let waits = json!({"kind": "test.sleep", "payload": {"ms": WAITED.as_millis()}});
    let waits = system
        .request_post("/api/jobs")
        .header("prefer", "wait=60")
        .json(&waits);
    assert_eq!(waits.send().await.unwrap().status(), 200);
    let ended = "select count(*) from job where finished_at is not null";
    system.until_count("the end of all jobs", ended, 11, SOON).await;
}

/// The longest of what was measured, where a dimension has this value.
fn longest(documents: &[Value], metric: &str, (dimension, value): (&str, &str)) -> f64 {
    let of_value = documents.iter().filter(|document| document[dimension] == value);
    let values = of_value.filter_map(|document| document[metric]["Values"].as_array());
    let values = values.flatten().map(|value| value.as_f64().unwrap());
    values.reduce(f64::max).expect("something was measured")
}

async fn all_is_published(mut setup: Setup) {
    setup.set("TANDEM_METRICS_EMF", "on");
    setup.set("TANDEM_METRICS_EMF_INTERVAL_SECS", "1");
    setup.set("TANDEM_ENVIRONMENT", "test");
    setup.set("TANDEM_LOG_FORMAT", "json");
    let mut system = setup.start().await;
    let mut worker = system.worker();
    run_jobs(&system).await;
    worker.signal(Signal::SIGTERM);
    system.api.signal(Signal::SIGTERM);
    assert!(worker.ended(SOON).await.success() && system.api.ended(SOON).await.success());

    let of_worker = documents(&worker.log());
    let of_api = documents(&system.api.log());
    for (service, documents) in [("api", &of_api), ("worker", &of_worker)] {
        documents.iter().for_each(assert_valid);
        tell(&format!("{service}: {}", bytes_of_an_interval(documents)));
        let (wanted, told) = (published(service), told(documents, service));
        let unknown: Vec<_> = told.difference(&wanted).collect();
        assert!(unknown.is_empty(), "nobody looks at {unknown:?}");
        let missing: Vec<_> = wanted
            .difference(&told)
            .filter(|(name, _)| !NEVER.contains(&&**name))
            .collect();
        assert!(missing.is_empty(), "nobody told {missing:?}");
    }

    // Counted once each, over all lines, with those of the end.
    assert_eq!(
        totals(&of_api, "tandem_jobs_submitted_total", "via"),
        counted([("batch", 5), ("schedule", 1), ("single", 4)])
    );
    // The worker fires what is due, the api what it is told to.
    assert_eq!(
        totals(&of_worker, "tandem_jobs_submitted_total", "Service"),
        counted([("worker", 1)])
    );
    // What a client asked to wait raises no alarm.
    let took = longest(
        &of_api,
        "tandem_http_request_duration_seconds",
        ("operation", "submit"),
    );
    assert!(took < WAITED.as_secs_f64(), "{took} s");
    assert_eq!(
        totals(&of_worker, "tandem_own_failures_total", "Service"),
        counted([("worker", 2)])
    );
    let by_event = counted([("failed", 1), ("retry_scheduled", 1), ("succeeded", 10)]);
    assert_eq!(totals(&of_worker, "tandem_attempts_total", "event"), by_event);
    let by_kind = counted([("test.echo", 9), ("test.fail", 2), ("test.sleep", 1)]);
    assert_eq!(totals(&of_worker, "tandem_attempts_total", "kind"), by_kind);
    assert_eq!(
        totals(&of_worker, "tandem_attempt_duration_seconds", "kind"),
        by_kind
    );
    assert_eq!(
        totals(&of_worker, "tandem_pickup_seconds", "Service"),
        counted([("worker", 12)])
    );

    let mut superuser = system.db.superuser().await;
    let ids =
        "select id::text from tenant union all select name from tenant union all select id::text from job";
    let ids: Vec<String> = sqlx::query_scalar(ids).fetch_all(&mut superuser).await.unwrap();
    for document in of_api.iter().chain(&of_worker) {
        let text = document.to_string();
        assert!(
            ids.iter().all(|id| !text.contains(id)),
            "it names a tenant or a job: {text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_publish_what_alarms_and_dashboards_look_at() {
    all_is_published(Setup::shared().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_publish_what_alarms_and_dashboards_look_at_with_sqs() {
    all_is_published(Setup::on_sqs().await).await;
}
