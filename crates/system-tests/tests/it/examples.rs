//! The examples of the crate `client`, as somebody runs them who tries the platform out.

use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::eventually;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::process::{binary, free_addr};
use crate::system::System;

const SOON: Duration = Duration::from_secs(30);

/// An example that is about to be run.
fn example(name: &str) -> Command {
    let program = binary("examples").join(name);
    assert!(
        program.exists(),
        "{} is not built; run `cargo xtask test`",
        program.display()
    );
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs an example that talks to the api.
async fn run(system: &System, name: &str, arguments: &[&str]) -> Output {
    let running = example(name)
        .args(arguments)
        .env("TANDEM_URL", system.url())
        .env("TANDEM_API_KEY", system.api_key())
        .output();
    timeout(SOON, running).await.unwrap().unwrap()
}

#[track_caller]
fn lines(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(ToOwned::to_owned).collect()
}

/// The example that receives, and what it says.
struct Receiving {
    said: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl Receiving {
    async fn start(addr: std::net::SocketAddr, secret: &str) -> Self {
        let mut process = example("receive")
            .arg(addr.to_string())
            .env("TANDEM_WEBHOOK_SECRET", secret)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut receiving = Self {
            said,
            _process: process,
        };
        assert_eq!(receiving.next().await, format!("receiving on http://{addr}/"));
        receiving
    }

    async fn next(&mut self) -> String {
        let line = timeout(SOON, self.said.next_line()).await.unwrap();
        line.unwrap().unwrap()
    }
}

#[tokio::test]
async fn a_job_is_submitted_waited_for_and_watched() {
    let system = System::embedded().await;
    let _worker = system.worker();
    let output = run(&system, "submit_and_wait", &["test.echo", r#"{"order": 17}"#]).await;
    let told = lines(&output);
    let (id, _) = told[0].split_once(' ').unwrap();
    assert_eq!(
        told[1..],
        [format!("{id} is succeeded"), r#"{"order":17}"#.to_owned()]
    );

    let watched = lines(&run(&system, "watch", &[id]).await);
    let ends: Vec<&str> = watched
        .iter()
        .map(|line| line.rsplit(' ').next().unwrap())
        .collect();
    assert_eq!(
        ends,
        ["submitted", "started", "succeeded", "succeeded"],
        "{watched:?}"
    );

    let failed = run(
        &system,
        "submit_and_wait",
        &["test.fail", r#"{"message": "no luck", "abort": true}"#],
    )
    .await;
    assert!(!failed.status.success(), "{failed:?}");
    let told = String::from_utf8(failed.stderr).unwrap();
    assert!(told.contains("handler_error: no luck"), "{told}");
}

#[tokio::test]
async fn what_is_sent_is_received_and_verified() {
    let system = System::embedded().await;
    let _worker = system.worker();
    let addr = free_addr();
    let url = format!("http://{addr}/hook");
    let made = system
        .put("/api/endpoints/receiver", &json!({ "url": url }))
        .await;
    let made: Value = made.json().await.unwrap();
    let secret = made["secret"]["secret"].as_str().unwrap();
    let mut receiving = Receiving::start(addr, secret).await;

    let payload = json!({ "endpoint": "receiver", "body": { "order": 17 } }).to_string();
    let told = lines(&run(&system, "submit_and_wait", &["http.request", &payload]).await);
    let (id, _) = told[0].split_once(' ').unwrap();
    assert_eq!(told[1], format!("{id} is succeeded"));
    assert_eq!(receiving.next().await, format!(r#"{id}: {{"order":17}}"#));

    // A stranger has no secret.
    let stranger = eventually("the receiver's answer", SOON, async || {
        let forged = reqwest::Client::new().post(&url).body("{}");
        forged.header("webhook-id", id).send().await.ok()
    })
    .await;
    assert_eq!(stranger.status(), 401);
    assert_eq!(
        receiving.next().await,
        "refused a message that is not from the platform"
    );
}
