//! No secret and nothing of a payload reaches a log or a trace, however much is logged.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Executor as _};

use crate::collector::Collector;
use crate::figures::tell;
use crate::process::uuid;
use crate::receiver::Receiver;
use crate::system::{Client, Setup, System};

/// Everything, also of the libraries that are quiet unless somebody names them.
const EVERYTHING: &str = "trace,aws_config=trace,aws_runtime=trace,aws_smithy_http_client=trace,aws_smithy_runtime=trace,\
    h2=trace,hyper=trace,hyper_util=trace,reqwest=trace,rustls=trace,sqlx=trace,tower=trace";

const SOON: Duration = Duration::from_secs(60);

/// Texts that no log may have, by what they are.
struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    /// A text that is found nowhere by chance.
    fn make(&mut self, what: &'static str) -> String {
        let text = format!("canary-{}", uuid());
        self.0.push((what, text.clone()));
        text
    }

    fn add(&mut self, what: &'static str, text: &str) {
        self.0.push((what, text.to_owned()));
    }

    fn assert_absent(&self, log: &str) {
        for (what, secret) in &self.0 {
            let line = log.lines().find(|line| line.contains(secret.as_str()));
            assert!(line.is_none(), "{what} is in the log: {line:?}");
        }
    }
}

/// A role with a password that is a secret, which both processes log in as.
async fn use_password(setup: &mut Setup, password: &str) {
    let server: PgConnectOptions = setup.database().url().parse().unwrap();
    let name = format!("login_{}", uuid().replace('-', ""));
    let make = format!("create role {name} login password '{password}' in role tandem_api, tandem_worker");
    let mut superuser = setup.database().superuser().await;
    superuser.execute(AssertSqlSafe(make)).await.unwrap();
    let url = format!(
        "postgres://{name}:{password}@{}:{}/{}",
        server.get_host(),
        server.get_port(),
        server.get_database().unwrap(),
    );
    setup.unset("DATABASE_URL");
    setup.set("DATABASE_URL", &url);
}

async fn submit(system: &System, kind: &str, payload: &Value) -> String {
    let body = json!({ "kind": kind, "payload": payload, "max_attempts": 1 });
    system.submit_batch(vec![body]).await.remove(0)
}

/// Jobs that succeed, fail in every way that a handler knows, and call others; each with something secret.
async fn run_jobs(system: &System, secrets: &mut Secrets) -> Vec<String> {
    let receiver = Receiver::start().await;
    let call = |url: String, secret: String| json!({ "url": url, "headers": { "authorization": format!("Bearer {secret}") }, "body": { "card": secret } });
    let (of_url, of_header) = (
        secrets.make("a URL's query"),
        secrets.make("a header that is sent"),
    );
    let reached = call(format!("{}?token={of_url}", receiver.url()), of_header.clone());
    let unreachable = call(format!("http://127.0.0.1:1/{of_url}?token={of_url}"), of_header);
    let echoed = secrets.make("a payload and a result");
    let jobs = [
        ("test.echo", json!({ "password": echoed })),
        (
            "test.sleep",
            json!({ "ms": secrets.make("a payload of the wrong type") }),
        ),
        (
            "test.sleep",
            json!({ "ms": 1, secrets.make("a name in a payload"): 1 }),
        ),
        (
            "test.fail",
            json!({ "message": secrets.make("a handler's error"), "abort": true }),
        ),
        (
            "test.fail",
            json!({ "message": secrets.make("a handler's panic"), "panic": true }),
        ),
        (
            "test.fail",
            json!({ "message": secrets.make("a panic in what a handler has started"), "panic_elsewhere": true }),
        ),
        ("http.request", reached),
        ("http.request", unreachable),
        (
            "http.request",
            json!({ "url": format!("not a url {}", secrets.make("what is no URL")) }),
        ),
        (
            "no.such.kind",
            json!(secrets.make("the payload of an unknown kind")),
        ),
    ];
    let mut ids = Vec::new();
    for (kind, payload) in &jobs {
        ids.push(submit(system, kind, payload).await);
    }
    let ended = "select count(*) from job where finished_at is not null";
    let count = i64::try_from(ids.len()).unwrap();
    system
        .until_count("the end of all jobs", ended, count, SOON)
        .await;
    ids
}

/// Requests that are refused, each with something secret in it.
async fn ask_wrongly(client: &Client, secrets: &mut Secrets) {
    let key = secrets.make("an idempotency key");
    for kind in ["test.echo", "test.echo", "test.sleep"] {
        let body = json!({ "kind": kind, "payload": { "ms": 1 } });
        let request = client
            .request_post("/api/jobs")
            .header("idempotency-key", &key)
            .json(&body);
        let status = request.send().await.unwrap().status().as_u16();
        assert!([202, 422].contains(&status), "{status}");
    }
    let (of_body, of_query) = (
        secrets.make("a body that is wrong"),
        secrets.make("a query that is wrong"),
    );
    let bodies = [
        format!("{{\"kind\":\"{of_body}!\"}}"),
        format!("{{\"kind\":\"k\",\"{of_body}\":1}}"),
        format!("{{\"kind\":\"k\",\"payload\":\"{of_body}"),
        format!("{{\"kind\":\"k\",\"tags\":[\"{of_body} \\u0000\"]}}"),
    ];
    for body in bodies {
        let request = client
            .request_post("/api/jobs")
            .header("content-type", "application/json")
            .body(body);
        let status = request.send().await.unwrap().status().as_u16();
        assert!([400, 422].contains(&status), "{status}");
    }
    for query in [
        format!("kind={of_query}!"),
        format!("api_key={of_query}"),
        format!("cursor={of_query}"),
    ] {
        let answer = client
            .request_get(&format!("/api/jobs?{query}"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 400, "{query}");
    }
    let of_header = secrets.make("a header that is not asked for");
    let request = client
        .request_get("/api/jobs")
        .header("authorization", format!("Bearer {of_header}"))
        .header("cookie", format!("session={of_header}"))
        .header("x-request-id", format!("{of_header} \u{7f}?"));
    drop(request.send().await);
    let wrong_key = format!("{}x", client.api_key());
    let request = client.request_get("/api/jobs").header("x-api-key", wrong_key);
    assert_eq!(request.send().await.unwrap().status(), 401);
}

/// What is kept besides jobs, each with something secret.
async fn keep_things(system: &System, secrets: &mut Secrets) {
    let payload = json!({ "password": secrets.make("a schedule's payload") });
    let unique = json!({ "key": secrets.make("a unique key") });
    let job = json!({ "kind": "test.echo", "payload": payload, "unique": unique });
    let schedule = json!({ "cron": "0 0 1 1 *", "job": job });
    assert_eq!(system.put("/api/schedules/secret", &schedule).await.status(), 201);
    let fired = system.post("/api/schedules/secret/fire", &Value::Null).await;
    assert_eq!(fired.status(), 202);
    let request = system.client().request_post("/api/schedules/secret/fire");
    let fired = request.header("idempotency-key", secrets.make("the key of a request to fire"));
    assert!(fired.send().await.unwrap().status().as_u16() < 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_and_nothing_of_a_payload_is_logged_however_much_is() {
    nothing_is_logged(Setup::shared().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_and_nothing_of_a_payload_is_logged_with_sqs() {
    let logs = nothing_is_logged(Setup::on_sqs().await).await;
    for log in &logs {
        assert!(log.contains("aws_"), "the SDK logs what it does");
    }
}

async fn nothing_is_logged(mut setup: Setup) -> [String; 2] {
    let mut secrets = Secrets(Vec::new());
    use_password(&mut setup, &secrets.make("the database's password")).await;
    setup.set("TANDEM_KEY_PEPPER", &secrets.make("the pepper"));
    setup.set("TANDEM_LOG", EVERYTHING);
    setup.set("TANDEM_LOG_FORMAT", "json");
    let collector = Collector::start().await;
    collector.receive_from(&mut setup, &secrets.make("the collector's key"));
    let mut system = setup.start().await;
    let mut worker = system.worker();
    let mut superuser = system.db.superuser().await;
    let webhook_secret: String = sqlx::query_scalar("select webhook_secret from tenant")
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    secrets.add(
        "the webhook's signing secret",
        webhook_secret.trim_start_matches("whsec_"),
    );
    let key = system.api_key().to_owned();
    secrets.add("an API key's secret", key.rsplit('_').next().unwrap());

    let ids = run_jobs(&system, &mut secrets).await;
    ask_wrongly(&system.client(), &mut secrets).await;
    keep_things(&system, &mut secrets).await;
    // Whoever owns the jobs reads what happened, all of it.
    let failed = system.get(&format!("/api/jobs/{}", ids[3])).await;
    assert!(
        failed["error"]["message"]
            .as_str()
            .unwrap()
            .starts_with("canary-"),
        "{failed}"
    );
    let panicked = system.get(&format!("/api/jobs/{}", ids[4])).await;
    assert!(
        panicked["error"]["message"].as_str().unwrap().contains("canary-"),
        "{panicked}"
    );

    system.api.signal(Signal::SIGTERM);
    worker.signal(Signal::SIGTERM);
    assert!(system.api.ended(SOON).await.success() && worker.ended(SOON).await.success());
    let logs = [system.api.log(), worker.log()];
    // It is all there: statements, each attempt and each request.
    let parts = [["sqlx::", "request answered"], ["sqlx::", "attempt failed"]];
    for (log, parts) in logs.iter().zip(parts) {
        for part in parts {
            assert!(log.contains(part), "{part}");
        }
        secrets.assert_absent(log);
    }
    // Nor is any of it in a trace. What is sent along with traces is for the collector, and is in no span either.
    let spans = collector.spans();
    assert!(
        spans.iter().any(|it| it.name() == "process default")
            && spans.iter().any(|it| it.name() == "POST /api/jobs")
    );
    secrets.assert_absent(&collector.text());
    for told in ["a handler panicked", "a task or thread panicked"] {
        assert!(logs[1].contains(told), "its place is told");
    }
    let lines: usize = logs.iter().map(|log| log.lines().count()).sum();
    tell(&format!(
        "{} secrets looked for in {lines} lines of logs and {} spans: none is there",
        secrets.0.len(),
        spans.len()
    ));
    logs
}
