//! `Prefer: wait`: the answer comes when the job has ended.

use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use axum::body::Body;
use domain::JobId;
use futures::future::join_all;
use http::Method;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::{Value, json};
use testkit::eventually;
use tokio::time::timeout;

use crate::app::{Answer, SOON, TestApp, User};
use crate::logs::{Logs, requests};

async fn wait(user: &User<'_>, id: &str, preference: &str) -> Answer {
    let request = user
        .request(Method::GET, &format!("/api/jobs/{id}"))
        .header("prefer", preference);
    user.send(request.body(Body::empty()).unwrap()).await
}

/// An api that does not look by itself while a test lasts, so that only an announcement can wake.
async fn without_sweep() -> TestApp {
    TestApp::with(|parts| parts.config.limits.wait_sweep_interval = Duration::from_secs(600)).await
}

/// Waits until the api listens, which shows in what Postgres runs for it.
async fn listening(app: &TestApp) {
    eventually("the api listens", SOON, async || {
        (app.listener_pids().await.len() == 1).then_some(())
    })
    .await;
}

/// Gives the request time to begin to wait, and checks that it does not answer meanwhile.
async fn goes_on(waiting: &mut Pin<&mut impl Future<Output = Answer>>) {
    let early = timeout(Duration::from_millis(300), waiting).await;
    assert!(early.is_err(), "answered early: {early:?}");
}

fn job_id(id: &str) -> JobId {
    id.parse().unwrap()
}

#[tokio::test]
async fn the_end_of_the_job_is_announced() {
    let app = without_sweep().await;
    let (user, worker) = (app.user().await, app.worker().await);
    let id = user.submit(&json!({ "kind": "k" })).await;
    listening(&app).await;
    let mut waiting = pin!(wait(&user, &id, "wait=60"));
    goes_on(&mut waiting).await;
    worker.succeed(&id).await;
    goes_on(&mut waiting).await;
    // Announced among others, as a worker does it.
    let mut ended: Vec<JobId> = (0..500).map(|_| JobId(runtime::random::id())).collect();
    ended.insert(250, job_id(&id));
    worker.store.notify_finished(&ended).await.unwrap();
    let answer = timeout(SOON, waiting).await.expect("it is woken");
    assert_eq!(answer.ok(200)["state"], "succeeded");
    assert_eq!(answer.header("preference-applied"), "wait=60");
}

#[tokio::test]
async fn a_cancelled_job_is_announced_too() {
    let app = without_sweep().await;
    let user = app.user().await;
    let id = user.submit(&json!({ "kind": "k" })).await;
    listening(&app).await;
    let mut waiting = pin!(wait(&user, &id, "wait=60"));
    goes_on(&mut waiting).await;
    user.post(&format!("/api/jobs/{id}/cancel"), &Value::Null)
        .await
        .ok(200);
    let answer = timeout(SOON, waiting).await.expect("it is woken");
    assert_eq!(answer.ok(200)["state"], "cancelled");
}

#[tokio::test]
async fn an_end_that_nobody_announced_is_found() {
    let app =
        TestApp::with(|parts| parts.config.limits.wait_sweep_interval = Duration::from_millis(20)).await;
    let (user, worker) = (app.user().await, app.worker().await);
    let id = user.submit(&json!({ "kind": "k" })).await;
    let mut waiting = pin!(wait(&user, &id, "wait=60"));
    goes_on(&mut waiting).await;
    worker.succeed(&id).await;
    let answer = timeout(SOON, waiting).await.expect("it looks by itself");
    assert_eq!(answer.ok(200)["state"], "succeeded");
}

#[tokio::test]
async fn after_a_lost_connection_ends_are_heard_again() {
    let app = without_sweep().await;
    let (user, worker) = (app.user().await, app.worker().await);
    let id = user.submit(&json!({ "kind": "k" })).await;
    listening(&app).await;
    let before = app.listener_pids().await;
    app.terminate(before[0]).await;
    eventually("another connection listens", SOON, async || {
        let now = app.listener_pids().await;
        (now.len() == 1 && now != before).then_some(())
    })
    .await;
    let mut waiting = pin!(wait(&user, &id, "wait=60"));
    goes_on(&mut waiting).await;
    worker.succeed(&id).await;
    worker.store.notify_finished(&[job_id(&id)]).await.unwrap();
    let answer = timeout(SOON, waiting).await.expect("it is woken");
    assert_eq!(answer.ok(200)["state"], "succeeded");
}

#[tokio::test]
async fn when_the_time_is_over_the_job_is_shown_as_it_stands() {
    let app = without_sweep().await;
    let user = app.user().await;
    let id = user.submit(&json!({ "kind": "k" })).await;
    let begun = Instant::now();
    let answer = wait(&user, &id, "wait=1").await;
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(answer.ok(200)["state"], "queued");
    assert_eq!(answer.header("preference-applied"), "wait=1");
}

#[tokio::test]
async fn who_need_not_or_may_not_wait_does_not() {
    let app = without_sweep().await;
    let (user, stranger, worker) = (app.user().await, app.user().await, app.worker().await);
    let id = user.submit(&json!({ "kind": "k" })).await;
    worker.succeed(&id).await;
    assert_eq!(wait(&user, &id, "wait=60").await.ok(200)["state"], "succeeded");
    wait(&stranger, &id, "wait=60")
        .await
        .problem(404, "job_not_found");
    let answer = wait(&user, &id, "return=minimal").await;
    assert!(!answer.headers.contains_key("preference-applied"));
}

#[tokio::test]
async fn a_thousand_who_wait_hold_no_connection() {
    // The pool has five.
    let app = without_sweep().await;
    let (user, worker) = (app.user().await, app.worker().await);
    let id = user.submit(&json!({ "kind": "k" })).await;
    listening(&app).await;
    let mut waiting = pin!(join_all((0..1_000).map(|_| wait(&user, &id, "wait=60"))));
    // Long enough that all of them have looked once.
    assert!(timeout(Duration::from_secs(2), &mut waiting).await.is_err());
    let others = async {
        for _ in 0..20 {
            user.submit(&json!({ "kind": "k" })).await;
        }
        worker.succeed(&id).await;
        worker.store.notify_finished(&[job_id(&id)]).await.unwrap();
    };
    let (answers, ()) = timeout(SOON, async { tokio::join!(waiting, others) })
        .await
        .expect("nobody is stuck");
    assert!(
        answers
            .iter()
            .all(|answer| answer.ok(200)["state"] == "succeeded")
    );
}

#[tokio::test]
async fn who_finds_no_place_to_wait_is_answered_at_once() {
    let app = TestApp::with(|parts| parts.config.limits.max_waiting = 0).await;
    let user = app.user().await;
    let id = user.submit(&json!({ "kind": "k" })).await;
    let answer = wait(&user, &id, "wait=60").await;
    assert_eq!(answer.ok(200)["state"], "queued");
    assert!(!answer.headers.contains_key("preference-applied"));
}

#[tokio::test]
async fn nobody_waits_while_the_process_drains() {
    let app = without_sweep().await;
    let user = app.user().await;
    let id = user.submit(&json!({ "kind": "k" })).await;
    let mut waiting = pin!(wait(&user, &id, "wait=60"));
    goes_on(&mut waiting).await;
    app.shutdown.begin();
    let answer = timeout(SOON, waiting).await.expect("it is sent home");
    assert_eq!(answer.ok(200)["state"], "queued");
}

#[tokio::test]
async fn a_job_whose_place_another_takes_is_announced_too() {
    let app = without_sweep().await;
    let user = app.user().await;
    let body = json!({ "kind": "k", "unique": { "key": "a", "on_conflict": "replace" } });
    let id = user.submit(&body).await;
    listening(&app).await;
    let mut waiting = pin!(wait(&user, &id, "wait=60"));
    goes_on(&mut waiting).await;
    user.submit(&body).await;
    let answer = timeout(SOON, waiting).await.expect("it is woken");
    assert_eq!(answer.ok(200)["state"], "cancelled");
}

async fn submit_and_wait(user: &User<'_>, preference: &str, key: &str) -> Answer {
    let request = user
        .json_request("/api/jobs")
        .header("prefer", preference)
        .header("idempotency-key", key);
    let body = json!({ "kind": "k", "tags": ["waited"] }).to_string();
    user.send(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn a_submit_can_wait_for_the_end_too() {
    let app = without_sweep().await;
    let (user, worker) = (app.user().await, app.worker().await);
    listening(&app).await;
    let mut waiting = pin!(submit_and_wait(&user, "wait=60", "first"));
    let stored = eventually("the job is stored", SOON, async || {
        let listed = user.get("/api/jobs?tag=waited").await.ok(200);
        listed["jobs"][0]["id"].as_str().map(ToOwned::to_owned)
    });
    let id = tokio::select! {
        id = stored => id,
        answer = &mut waiting => panic!("answered early: {answer:?}"),
    };
    goes_on(&mut waiting).await;
    worker.succeed(&id).await;
    worker.store.notify_finished(&[job_id(&id)]).await.unwrap();
    let answer = timeout(SOON, waiting).await.expect("it is woken");
    let job = answer.ok(200);
    assert_eq!(
        (&job["state"], &job["result"]),
        (&json!("succeeded"), &json!({ "done": true }))
    );
    assert_eq!(answer.header("location"), format!("/api/jobs/{id}"));
    assert_eq!(answer.header("preference-applied"), "wait=60");

    // The repeated request need not wait.
    let again = submit_and_wait(&user, "wait=60", "first").await;
    assert_eq!(again.ok(200)["id"], id.as_str());
    assert_eq!(again.header("idempotency-replayed"), "true");
}

#[tokio::test]
async fn a_submit_that_has_waited_in_vain_is_answered_as_if_it_had_not_waited() {
    let app = without_sweep().await;
    let user = app.user().await;
    let waited = submit_and_wait(&user, "wait=1", "first").await;
    let submitted = waited.ok(202);
    assert_eq!(submitted["state"], "queued");
    assert_eq!(waited.header("preference-applied"), "wait=1");
    let plain = submit_and_wait(&user, "return=minimal", "first").await;
    assert_eq!(plain.ok(202), submitted);
    assert!(!plain.headers.contains_key("preference-applied"));
}

/// How long the api says that its requests took, of one route.
fn took_ms(metrics: &PrometheusHandle, labels: &str) -> f64 {
    let sum = format!("tandem_http_request_duration_seconds_sum{{{labels}}} ");
    let text = metrics.render();
    let took = text.lines().find_map(|line| line.strip_prefix(&sum));
    1e3 * took
        .unwrap_or_else(|| panic!("{sum} is not in\n{text}"))
        .parse::<f64>()
        .unwrap()
}

#[tokio::test]
async fn what_a_client_asked_to_wait_is_not_what_the_api_took() {
    // The api of this test runs on its thread, and no other test does.
    let recorder = PrometheusBuilder::new().build_recorder();
    let _counting = metrics::set_default_local_recorder(&recorder);
    let app =
        TestApp::with(|parts| parts.config.limits.wait_sweep_interval = Duration::from_millis(100)).await;
    let user = app.user().await;
    let logs = Logs::capture();
    let submit = r#"route="/api/jobs",method="POST",operation="submit""#;
    let read = r#"route="/api/jobs/{id}",method="GET",operation="read""#;
    let id = submit_and_wait(&user, "wait=2", "first").await.ok(202)["id"].clone();
    wait(&user, id.as_str().unwrap(), "wait=2").await.ok(200);
    let lines = requests(&logs);
    assert_eq!(lines.len(), 2);
    for (line, labels) in lines.iter().zip([submit, read]) {
        let [duration_ms, waited_ms] =
            ["duration_ms", "waited_ms"].map(|field| line[field].as_f64().unwrap());
        assert!(duration_ms >= 2_000.0 && waited_ms >= 1_000.0, "{line}");
        let took_ms = took_ms(&recorder.handle(), labels);
        assert!(
            took_ms > 0.0 && took_ms + waited_ms <= duration_ms + 1.0,
            "{took_ms}: {line}"
        );
    }

    // Who does not wait is told as ever.
    user.get(&format!("/api/jobs/{}", id.as_str().unwrap()))
        .await
        .ok(200);
    let [line] = &requests(&logs)[..] else {
        panic!("one request, one line")
    };
    assert_eq!(line.get("waited_ms"), None);
}
