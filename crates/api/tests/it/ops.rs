//! For operators: health, readiness, metrics, logs, and what happens without a database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::App;
use axum::Router;
use axum::body::Body;
use http::Method;
use queue::postgres::{Listener, PostgresQueue};
use runtime::credential::ApiKey;
use runtime::telemetry::metrics_handle;
use serde_json::{Value, json};
use store::{PoolConfig, Role, Store};
use testkit::{TestDb, eventually};
use tower::ServiceExt;

use crate::app::{SOON, TestApp, impatient, parts};
use crate::logs::{Logs, requests};

#[tokio::test]
async fn a_process_with_everything_it_needs_is_healthy_and_ready() {
    let app = TestApp::new().await;
    let (version, commit) = (
        env!("CARGO_PKG_VERSION"),
        option_env!("TANDEM_COMMIT").unwrap_or("unknown"),
    );
    assert_eq!(
        app.anon().get("/health").await.ok(200),
        json!({ "status": "ok", "checks": {}, "version": version, "commit": commit })
    );
    let ready = app.anon().get("/ready").await.ok(200);
    let checks = json!({ "database": "ok", "schema": "ok", "queue": "ok", "lifecycle": "ok" });
    let expected = json!({ "status": "ok", "checks": checks, "version": version, "commit": commit });
    assert_eq!(ready, expected);
    let metrics = app.anon().get("/metrics").await;
    assert_eq!((metrics.status.as_u16(), &*metrics.text), (200, "tandem_up 1\n"));
    assert!(
        metrics
            .header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
}

#[tokio::test]
async fn a_process_is_ready_with_the_connections_that_it_keeps() {
    let db = TestDb::create().await;
    let config = PoolConfig {
        min_connections: 4,
        ..PoolConfig::default()
    };
    let store = Store::open_url(&db.url(), Role::Api, config).await.unwrap();
    let app = TestApp::of(db, parts(store), Router::new());
    app.anon().get("/ready").await.ok(200);
    let connections = app.store.connections();
    assert!(connections.idle + connections.busy >= 4, "{connections:?}");
}

#[tokio::test]
async fn a_process_that_drains_is_not_ready() {
    let app = TestApp::new().await;
    app.anon().get("/ready").await.ok(200);
    app.shutdown.begin();
    let ready = app.anon().get("/ready").await.ok(503);
    assert_eq!(
        (&ready["status"], &ready["checks"]["lifecycle"]),
        (&json!("failing"), &json!("draining"))
    );
    app.anon().get("/health").await.ok(200);
}

#[tokio::test]
async fn an_older_schema_is_not_ready() {
    let app = TestApp::new().await;
    app.sql("delete from _sqlx_migrations where version = (select max(version) from _sqlx_migrations)")
        .await;
    let ready = app.anon().get("/ready").await.ok(503);
    assert_eq!(ready["checks"]["database"], "ok");
    assert!(
        ready["checks"]["schema"].as_str().unwrap().ends_with("is needed"),
        "{ready}"
    );
}

#[tokio::test]
async fn a_queue_that_does_not_answer_is_told_but_requests_are_taken() {
    let unreachable = impatient("postgres://nobody@127.0.0.1:1/nothing").await;
    let app = TestApp::with(|parts| {
        let (pool, stop) = (unreachable.pool().clone(), parts.shutdown.draining().clone());
        let listener = Listener::start(pool.clone(), parts.shutdown.tasks(), stop);
        parts.queues = vec![Arc::new(PostgresQueue::new(
            pool,
            "slow".parse().unwrap(),
            listener,
        ))];
    })
    .await;
    let ready = app.anon().get("/ready").await.ok(200);
    let checks = json!({ "database": "ok", "schema": "ok", "queue": "not available", "lifecycle": "ok" });
    assert_eq!(
        (&ready["status"], &ready["checks"]),
        (&json!("degraded"), &checks)
    );
}

#[tokio::test]
async fn requests_and_jobs_are_counted_without_what_clients_choose() {
    let handle = metrics_handle();
    let app = TestApp::with(|parts| parts.render_metrics = Arc::new(move || handle.render())).await;
    let user = app.user().await;
    let id = user.submit(&json!({ "kind": "k" })).await;
    user.get(&format!("/api/jobs/{id}")).await.ok(200);
    user.get("/made-up-path").await.problem(404, "not_found");
    let made_up = user
        .request("MADEUP".parse().unwrap(), "/api/jobs")
        .body(Body::empty())
        .unwrap();
    user.send(made_up).await.problem(405, "method_not_allowed");

    let metrics = app.anon().get("/metrics").await.text;
    for series in [
        "tandem_http_requests_total{route=\"/api/jobs\",method=\"POST\",status=\"202\"} ",
        "tandem_http_requests_total{route=\"/api/jobs/{id}\",method=\"GET\",status=\"200\"} ",
        "tandem_http_requests_total{route=\"unmatched\",method=\"GET\",status=\"404\"} ",
        "tandem_http_requests_total{route=\"/api/jobs\",method=\"other\",status=\"405\"} ",
        "tandem_http_request_duration_seconds_count{route=\"/api/jobs\",method=\"POST\",operation=\"submit\"} ",
        "tandem_jobs_submitted_total{via=\"single\"} ",
        "tandem_db_pool_connections{state=\"idle\"} ",
    ] {
        assert!(metrics.contains(series), "{series} is not in\n{metrics}");
    }
    assert!(!metrics.contains(&id) && !metrics.contains("made-up") && !metrics.contains("MADEUP"));
}

#[tokio::test]
async fn without_a_database_requests_are_refused_quickly_and_the_process_lives() {
    let app = App::build(parts(impatient("postgres://nobody@127.0.0.1:1/nothing").await));
    let key = ApiKey::generate(&"test".parse().unwrap());
    let send = async |path: &str| {
        let request = http::Request::get(path)
            .header("x-api-key", key.expose())
            .body(Body::empty())
            .unwrap();
        app.clone().oneshot(request).await.unwrap()
    };
    let logs = Logs::capture();
    let begun = Instant::now();
    let refused = send("/api/jobs").await;
    assert!(
        begun.elapsed() < Duration::from_secs(6),
        "took {:?}",
        begun.elapsed()
    );
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    assert!(refused.headers().contains_key("retry-after"));
    let [line] = &requests(&logs)[..] else {
        panic!("one request, one line")
    };
    assert_eq!((&line["level"], &line["status"]), (&json!("WARN"), &json!(503)));
    assert!(
        line["error.chain"]
            .as_str()
            .unwrap()
            .contains("the database is not available")
    );

    assert_eq!(send("/health").await.status(), 200);
    assert_eq!(send("/ready").await.status(), 503);
}

#[tokio::test]
async fn a_database_that_goes_away_and_comes_back_needs_no_restart() {
    let (app, mut network) = TestApp::behind_a_proxy().await;
    let user = app.user().await;
    let id = user.submit(&json!({ "kind": "k" })).await;
    network.break_network().await;
    user.post("/api/jobs", &json!({ "kind": "k" }))
        .await
        .problem(503, "unavailable");
    user.get(&format!("/api/jobs/{id}"))
        .await
        .problem(503, "unavailable");
    assert_eq!(app.stored_jobs().await, 1);
    network.restore_network().await;
    // Connections that broke while nobody looked are found out one by one.
    let works = async || (user.get(&format!("/api/jobs/{id}")).await.status == 200).then_some(());
    eventually("the api works again", SOON, works).await;
    // One of them may be left for the submitter.
    let accepts =
        async || (user.post("/api/jobs", &json!({ "kind": "k" })).await.status == 202).then_some(());
    eventually("jobs are accepted again", SOON, accepts).await;
}

#[tokio::test]
async fn each_request_is_one_line_that_names_it() {
    let app = TestApp::new().await;
    let tenant = app.tenant().await;
    let user = app.key(tenant, &[domain::Scope::JobsRead]).await;
    let logs = Logs::capture();
    let path = format!("/api/jobs/{}", runtime::random::id());
    let request = user
        .request(Method::GET, &path)
        .header("x-request-id", "r-1")
        .header(
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        );
    user.send(request.body(Body::empty()).unwrap())
        .await
        .problem(404, "job_not_found");
    let [line] = &requests(&logs)[..] else {
        panic!("one request, one line")
    };
    assert_eq!((&line["level"], &line["status"]), (&json!("INFO"), &json!(404)));
    assert!(line["duration_ms"].as_f64().unwrap() > 0.0);
    let span = &line["spans"][0];
    let expected = [
        ("request.id", json!("r-1")),
        ("trace.id", json!("0af7651916cd43dd8448eb211c80319c")),
        ("tenant.id", json!(tenant.to_string())),
        ("http.method", json!("GET")),
        ("http.route", json!("/api/jobs/{id}")),
        ("url.path", json!(path)),
    ];
    for (field, value) in expected {
        assert_eq!(span[field], value, "{field} in {line}");
    }
    assert!(
        !line.to_string().contains(user.key_text()),
        "no secret in the log"
    );
}

#[tokio::test]
async fn a_client_that_leaves_is_noted() {
    let app = TestApp::new().await;
    let (user, body) = (app.user().await, json!({ "kind": "k" }));
    let (logs, blocker) = (Logs::capture(), app.block_submits().await);
    tokio::select! {
        answer = user.post("/api/jobs", &body) => panic!("{answer:?}"),
        () = app.submits_are_blocked(1) => {}
    }
    let [line] = &requests(&logs)[..] else {
        panic!("one request, one line")
    };
    assert_eq!(
        (&line["level"], &line["message"]),
        (&json!("INFO"), &json!("the client left before the answer"))
    );
    blocker.release().await;
}

#[tokio::test]
async fn health_checks_do_not_fill_the_log() {
    let app = TestApp::new().await;
    let logs = Logs::capture();
    for path in ["/health", "/ready", "/metrics"] {
        app.anon().get(path).await;
    }
    let levels: Vec<Value> = requests(&logs)
        .into_iter()
        .map(|line| line["level"].clone())
        .collect();
    assert_eq!(levels, ["DEBUG", "DEBUG", "DEBUG"]);
}
