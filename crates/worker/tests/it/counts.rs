//! What is counted for whoever is called.

use std::time::Duration;

use chrono::TimeDelta;
use domain::NewJob;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::json;
use wiremock::MockServer;
use worker::Registry;
use worker::handlers::HttpRequest;

use crate::handlers::{Gate, Gates};
use crate::world::{World, job, lane, test_handlers};

/// The series of a metric, in order.
fn series(of: &PrometheusHandle, metric: &str) -> Vec<String> {
    let text = of.render();
    let mut series: Vec<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix(metric))
        .filter(|rest| rest.starts_with(['{', ' ']))
        .map(ToOwned::to_owned)
        .collect();
    series.sort();
    series
}

#[tokio::test]
async fn failures_are_our_own_unless_a_target_a_payload_or_slowness_is_to_blame() {
    // Workers of this test run on its thread, and no other test does.
    let recorder = PrometheusBuilder::new().build_recorder();
    let _counting = metrics::set_default_local_recorder(&recorder);
    let world = World::new().await;
    let http_request = HttpRequest::new(world.store().await).unwrap();
    let worker = world.worker(test_handlers().register(http_request)).await;
    worker.beat().await.unwrap();

    let refuses = MockServer::start().await;
    let of_others = [
        job("http.request", &json!({"url": refuses.uri()}), 1),
        job("http.request", &json!({"url": "http://127.0.0.1:1/"}), 1),
        job("test.sleep", &json!({"ms": "long"}), 1),
        NewJob {
            timeout: Duration::from_millis(50),
            ..job("test.sleep", &json!({"ms": 60_000}), 1)
        },
    ];
    let our_own = [
        job("test.fail", &json!({"message": "oh", "panic": true}), 1),
        job("test.fail", &json!({"message": "no"}), 1),
        job("test.fail", &json!({"message": "never", "abort": true}), 1),
        job("test.unheard_of", &json!(null), 1),
    ];
    let jobs: Vec<NewJob> = of_others.into_iter().chain(our_own).collect();
    world.submit_all(jobs).await;
    while !worker.run_once(&lane(), 20).await.unwrap().is_empty() {}
    assert_eq!(
        world
            .count("select count(*) from attempt where error_code is not null")
            .await,
        8
    );
    assert_eq!(
        series(&recorder.handle(), "tandem_own_failures_total"),
        [
            r#"{code="handler_error"} 2"#,
            r#"{code="panicked"} 1"#,
            r#"{code="unknown_kind"} 1"#
        ]
    );
}

#[tokio::test]
async fn a_lost_worker_is_our_own_failure() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _counting = metrics::set_default_local_recorder(&recorder);
    let world = World::new().await;
    let gates = Gates::new();
    let lost = world.worker(Registry::new().register(Gate(gates.clone()))).await;
    lost.beat().await.unwrap();
    world.submit(job("test.gate", &json!(null), 5)).await;
    let step = world.spawn(async move { lost.run_once(&lane(), 1).await.map(drop) });
    gates.until_begun(1).await;
    world
        .sql("update worker set lease_expires_at = now() - interval '1 second'")
        .await;
    let other = world.worker(test_handlers()).await;
    let recovered = other.maintain_once("recover", 10).await.unwrap().unwrap();
    assert_eq!(recovered.changed, 1);
    let own = || series(&recorder.handle(), "tandem_own_failures_total");
    assert_eq!(own(), [r#"{code="worker_lost"} 1"#]);
    // What the lost one tells afterwards is not recorded, and so is no failure more.
    gates.open.add_permits(1);
    step.await.unwrap().unwrap();
    assert_eq!(own(), [r#"{code="worker_lost"} 1"#]);
}

#[tokio::test]
async fn jobs_that_expire_are_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _counting = metrics::set_default_local_recorder(&recorder);
    let world = World::new().await;
    let worker = world.worker(test_handlers()).await;
    let late = || NewJob {
        start_by: Some(runtime::clock::now() - TimeDelta::seconds(1)),
        ..job("test.echo", &json!(null), 1)
    };
    world
        .submit_all(vec![late(), late(), job("test.echo", &json!(null), 1)])
        .await;
    worker.maintain_once("expire", 10).await.unwrap().unwrap();
    assert_eq!(series(&recorder.handle(), "tandem_jobs_expired_total"), [" 2"]);
}
