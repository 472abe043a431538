//! Traces: from a client's request over its submit and the queue to each attempt, and on to the target.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::collector::{Collector, Sent};
use crate::figures::tell;
use crate::process::{Process, free_addr};
use crate::receiver::Receiver;
use crate::system::{Setup, System};

const SOON: Duration = Duration::from_secs(60);

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

/// Kinds of spans, as the protocol numbers them.
const SERVER: i32 = 2;
const PRODUCER: i32 = 4;
const CONSUMER: i32 = 5;

/// Submits with the client's position in its trace, and gives the job's id.
async fn submit(system: &System, job: &Value) -> String {
    let request = system.request_post("/api/jobs").json(job);
    let answer = request
        .header("traceparent", format!("00-{TRACE}-{SPAN}-01"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 202);
    answer.json::<Value>().await.unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn all_end(system: &System, jobs: i64) {
    let ended = "select count(*) from job where finished_at is not null";
    system.until_count("the end of all jobs", ended, jobs, SOON).await;
}

/// Ends both, which sends the rest.
async fn stop(system: &mut System, worker: &mut Process) {
    worker.signal(Signal::SIGTERM);
    system.api.signal(Signal::SIGTERM);
    assert!(worker.ended(SOON).await.success() && system.api.ended(SOON).await.success());
}

/// The spans of a kind that belong to the client's trace.
fn of_kind(spans: &[Sent], kind: i32) -> Vec<&Sent> {
    let mut found: Vec<&Sent> = spans
        .iter()
        .filter(|it| it.span.kind == kind && it.trace_id() == TRACE)
        .collect();
    found.sort_by_key(|it| it.span.start_time_unix_nano);
    found
}

fn logs_position(log: &str, span: &Sent) -> bool {
    log.lines()
        .any(|line| line.contains(&span.trace_id()) && line.contains(&span.id()))
}

async fn a_job_is_followed(mut setup: Setup) {
    let collector = Collector::start().await;
    collector.receive_from(&mut setup, "a key");
    setup.set("TANDEM_ENVIRONMENT", "test");
    setup.set("OTEL_RESOURCE_ATTRIBUTES", "team=jobs");
    setup.set("TANDEM_LOG_FORMAT", "json");
    let mut system = setup.start().await;
    let mut worker = system.worker();
    let receiver = Receiver::start().await;
    let call = json!({"kind": "http.request", "payload": {"url": receiver.url()}});
    let id = submit(&system, &call).await;
    all_end(&system, 1).await;
    let sent_on = receiver.request(&id).await.headers["traceparent"]
        .to_str()
        .unwrap()
        .to_owned();
    let job = system.get(&format!("/api/jobs/{id}")).await;
    stop(&mut system, &mut worker).await;

    let spans = collector.spans();
    let ([request], [submit], [attempt]) = (
        &of_kind(&spans, SERVER)[..],
        &of_kind(&spans, PRODUCER)[..],
        &of_kind(&spans, CONSUMER)[..],
    ) else {
        panic!("there is one of each: {spans:?}")
    };
    assert_eq!(
        (request.name(), request.parent().as_str()),
        ("POST /api/jobs", SPAN)
    );
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/api/jobs"),
        ("url.path", "/api/jobs"),
        ("http.response.status_code", "202"),
    ] {
        assert_eq!(request.attribute(name), value, "{name}");
    }
    assert_eq!((submit.name(), submit.parent()), ("submit", request.id()));
    assert_eq!(job["traceparent"], format!("00-{TRACE}-{}-01", submit.id()));

    assert_eq!(
        (attempt.name(), attempt.parent()),
        ("process default", submit.id())
    );
    assert_eq!(attempt.links(), [(TRACE.to_owned(), submit.id())]);
    for (name, value) in [
        ("messaging.system", "tandem"),
        ("messaging.operation.type", "process"),
        ("messaging.destination.name", "default"),
        ("messaging.message.id", &*id),
        ("job.kind", "http.request"),
        ("job.attempt", "1"),
        ("job.outcome", "succeeded"),
    ] {
        assert_eq!(attempt.attribute(name), value, "{name}");
    }
    assert_eq!(attempt.attribute("tenant.id"), request.attribute("tenant.id"));
    assert!(!attempt.has_failed() && !request.has_failed());
    assert_eq!(sent_on, format!("00-{TRACE}-{}-01", attempt.id()));

    assert_eq!(
        (request.service(), attempt.service()),
        ("api".to_owned(), "worker".to_owned())
    );
    for (name, value) in [
        ("deployment.environment.name", "test"),
        ("team", "jobs"),
        ("service.namespace", "tandem"),
    ] {
        assert_eq!(attempt.resource(name), value, "{name}");
    }
    assert!(logs_position(&system.api.log(), request) && logs_position(&worker.log(), attempt));
    // Nobody wants to know of health checks.
    assert!(spans.iter().all(|it| !it.name().contains("/ready")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_followed_from_its_submit_to_its_target() {
    a_job_is_followed(Setup::shared().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_followed_from_its_submit_to_its_target_through_sqs() {
    a_job_is_followed(Setup::on_sqs().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_attempt_has_a_span_that_links_to_the_submit() {
    let mut setup = Setup::shared().await;
    let collector = Collector::start().await;
    collector.receive_from(&mut setup, "a key");
    let mut system = setup.start().await;
    let mut worker = system.worker();
    let failing = json!({
        "kind": "test.fail", "payload": {"message": "hunter2"}, "max_attempts": 2, "backoff": {"initial_ms": 50, "max_ms": 50}
    });
    submit(&system, &failing).await;
    let echo = json!({"kind": "test.echo", "payload": 1});
    system.submit_batch(vec![echo; 3]).await;
    all_end(&system, 4).await;
    stop(&mut system, &mut worker).await;

    let spans = collector.spans();
    let [submit] = &of_kind(&spans, PRODUCER)[..] else {
        panic!("it is submitted once: {spans:?}")
    };
    let attempts = of_kind(&spans, CONSUMER);
    let told: Vec<_> = attempts
        .iter()
        .map(|it| {
            (
                it.attribute("job.attempt"),
                it.attribute("job.outcome"),
                it.attribute("error.type"),
            )
        })
        .collect();
    let expected = [("1", "retry_scheduled"), ("2", "failed")];
    let expected =
        expected.map(|(number, outcome)| (number.to_owned(), outcome.to_owned(), "handler_error".to_owned()));
    assert_eq!(told, expected);
    for attempt in attempts {
        assert_eq!(attempt.links(), [(TRACE.to_owned(), submit.id())]);
        assert!(attempt.has_failed() && !format!("{attempt:?}").contains("hunter2"));
    }

    // Of a batch all jobs follow the one submit, in a trace that begins with its request.
    let of_batch = |it: &&Sent| it.attribute("messaging.batch.message_count") == "3";
    let batch = spans.iter().find(of_batch).unwrap();
    let run = spans
        .iter()
        .filter(|it| it.span.kind == CONSUMER && it.parent() == batch.id());
    assert_eq!(run.count(), 3);
    let request = spans.iter().find(|it| it.id() == batch.parent()).unwrap();
    assert_eq!(
        (request.name(), request.parent().as_str()),
        ("POST /api/jobs/batch", "")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_down_costs_spans_and_nothing_else() {
    let mut setup = Setup::shared().await;
    setup.set("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{}", free_addr()));
    let mut system = setup.start().await;
    let mut worker = system.worker();
    let echo = json!({"kind": "test.echo", "payload": 1});
    system.submit_batch(vec![echo.clone(); 500]).await;
    submit(&system, &echo).await;
    system.all_succeed(501, SOON).await;
    testkit::eventually("spans that are dropped", SOON, || async {
        let metrics = system
            .client()
            .request_get("/metrics")
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let dropped = metrics
            .lines()
            .find_map(|line| line.strip_prefix("tandem_spans_dropped_total "));
        dropped.is_some_and(|dropped| dropped != "0").then_some(())
    })
    .await;
    stop(&mut system, &mut worker).await;
    // It is told once, however often it is tried.
    assert_eq!(
        worker.log().matches("traces can't be sent").count(),
        1,
        "{}",
        worker.log()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_sampled_is_not_sent_but_passed_on() {
    let mut setup = Setup::shared().await;
    let collector = Collector::start().await;
    collector.receive_from(&mut setup, "a key");
    setup.set("OTEL_TRACES_SAMPLER", "always_off");
    let mut system = setup.start().await;
    let mut worker = system.worker();
    let receiver = Receiver::start().await;
    let id = submit(
        &system,
        &json!({"kind": "http.request", "payload": {"url": receiver.url()}}),
    )
    .await;
    all_end(&system, 1).await;
    stop(&mut system, &mut worker).await;
    assert!(collector.spans().is_empty());
    let sent_on = receiver.request(&id).await.headers["traceparent"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        sent_on.starts_with(&format!("00-{TRACE}-")) && sent_on.ends_with("-00"),
        "{sent_on}"
    );
}

/// Jobs of one measurement.
const MEASURED: usize = 5_000;

/// The processor time of api and worker for one job, in microseconds, from its submit to its end.
async fn cpu_us_per_job(setup: Setup) -> f64 {
    let system = setup.start().await;
    let worker = system.worker();
    let echo = json!({"kind": "test.echo", "payload": 1});
    system.submit_batch(vec![echo.clone(); 100]).await;
    system.all_succeed(100, SOON).await;
    let used = || worker.cpu_ms().unwrap() + system.api.cpu_ms().unwrap();
    let before = used();
    for _ in 0..MEASURED {
        assert_eq!(system.post("/api/jobs", &echo).await.status(), 202);
    }
    system.all_succeed(100 + MEASURED as i64, SOON).await;
    (used() - before) as f64 * 1e3 / MEASURED as f64
}

/// A figure and no part of the usual run, for `docs/adr/0023-telemetry.md`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it measures processor time, which takes a quiet machine"]
async fn what_telling_costs() {
    for round in 0..2 {
        let off = cpu_us_per_job(Setup::shared().await).await;
        let mut setup = Setup::shared().await;
        setup.set("TANDEM_METRICS_EMF", "on");
        setup.set("TANDEM_ENVIRONMENT", "test");
        let published = cpu_us_per_job(setup).await;
        let mut setup = Setup::shared().await;
        let collector = Collector::start().await;
        collector.receive_from(&mut setup, "a key");
        let traced = cpu_us_per_job(setup).await;
        let spans = collector.spans().len();
        tell(&format!(
            "round {round}: {off:.0} us of processor per job, {:.3} of that with metrics, {:.3} with traces; \
             {:.2} spans of {} bytes per job",
            published / off,
            traced / off,
            spans as f64 / (MEASURED + 100) as f64,
            collector.bytes() / spans,
        ));
    }
}
