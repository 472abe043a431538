//! The server itself, over real connections.

use std::net::SocketAddr;
use std::time::Duration;

use api::ServerConfig;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::app::{SOON, TestApp, User};

pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) running: JoinHandle<()>,
}

impl Server {
    async fn start(app: &TestApp, config: ServerConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (router, shutdown) = (app.router.clone(), app.shutdown.clone());
        let running = app
            .shutdown
            .tasks()
            .spawn(async move { api::serve(listener, router, config, &shutdown).await });
        Self { addr, running }
    }

    /// With the settings that it has by itself.
    pub(crate) async fn of(app: &TestApp) -> Self {
        Self::start(app, ServerConfig::default()).await
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.unwrap()
    }

    /// Sends text and reads until the server closes.
    async fn exchange(&self, text: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(text.as_bytes()).await.unwrap();
        read_all(&mut stream).await
    }
}

async fn read_all(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset after the answer is fine: the server does not read what it has refused.
    drop(
        timeout(SOON, stream.read_to_end(&mut bytes))
            .await
            .expect("the server closes"),
    );
    String::from_utf8(bytes).unwrap()
}

async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    while !text.contains(end) {
        let mut bytes = [0; 4_096];
        let len = timeout(SOON, stream.read(&mut bytes))
            .await
            .expect("the server answers")
            .unwrap();
        assert!(len > 0, "closed after {text:?}");
        text.push_str(std::str::from_utf8(&bytes[..len]).unwrap());
    }
    text
}

fn post(user: &User<'_>, path: &str, more: &str, body: &str) -> String {
    let (key, len) = (user.key_text(), body.len());
    format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\ncontent-type: application/json\r\n\
         content-length: {len}\r\n{more}\r\n{body}"
    )
}

#[tokio::test]
async fn requests_are_answered_one_after_the_other_on_a_connection() {
    let app = TestApp::new().await;
    let (user, server) = (
        app.user().await,
        Server::start(&app, ServerConfig::default()).await,
    );
    let body = json!({ "kind": "k" }).to_string();
    // All of them before the first answer is read.
    let mut requests = post(&user, "/api/jobs", "", &body).repeat(5);
    let closing = post(&user, "/api/jobs", "connection: close\r\n", "").replacen("POST", "DELETE", 1);
    requests.push_str(&closing);
    let answers = server.exchange(&requests).await;
    assert_eq!(answers.matches("HTTP/1.1 202 Accepted").count(), 5, "{answers}");
    assert_eq!(
        answers.matches("HTTP/1.1 405 Method Not Allowed").count(),
        1,
        "{answers}"
    );
    assert!(
        answers.contains("\r\nallow: ") && answers.contains("application/problem+json"),
        "{answers}"
    );
    assert_eq!(app.stored_jobs().await, 5);
}

#[tokio::test]
async fn a_head_request_has_the_head_of_a_get() {
    let app = TestApp::new().await;
    let server = Server::start(&app, ServerConfig::default()).await;
    for (path, status) in [("/health", "200 OK"), ("/nothing", "404 Not Found")] {
        let answer = server
            .exchange(&format!(
                "HEAD {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
            ))
            .await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert!(answer.ends_with("\r\n\r\n"), "no body: {answer}");
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let app = TestApp::with(|parts| parts.config.limits.body_timeout = Duration::from_millis(200)).await;
    let (user, server) = (
        app.user().await,
        Server::start(&app, ServerConfig::default()).await,
    );
    let mut stream = server.connect().await;
    let request = post(&user, "/api/jobs", "", "{\"kind\":\"k\"}");
    stream
        .write_all(&request.as_bytes()[..request.len() - 5])
        .await
        .unwrap();
    let answer = read_until(&mut stream, "body_timeout").await;
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout"), "{answer}");
    assert_eq!(app.stored_jobs().await, 0);
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let app = TestApp::new().await;
    let config = ServerConfig {
        head_timeout: Duration::from_millis(200),
        ..ServerConfig::default()
    };
    let server = Server::start(&app, config).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /health HTT").await.unwrap();
    let answer = read_all(&mut stream).await;
    assert!(!answer.contains("200 OK"), "{answer}");
}

#[tokio::test]
async fn a_large_body_is_refused_before_it_is_sent() {
    let app = TestApp::new().await;
    let (user, server) = (
        app.user().await,
        Server::start(&app, ServerConfig::default()).await,
    );
    let head = post(&user, "/api/jobs", "expect: 100-continue\r\n", "");
    let head = head.replace("content-length: 0", "content-length: 999999999");
    let mut stream = server.connect().await;
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = read_until(&mut stream, "body_too_large").await;
    assert!(answer.starts_with("HTTP/1.1 413 Payload Too Large"), "{answer}");
}

#[tokio::test]
async fn a_drain_finishes_what_is_under_way_and_takes_nothing_new() {
    let app = TestApp::new().await;
    let (user, server) = (
        app.user().await,
        Server::start(&app, ServerConfig::default()).await,
    );
    let blocker = app.block_submits().await;
    let (mut busy, mut idle) = (server.connect().await, server.connect().await);
    idle.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut idle, "\"status\":\"ok\"").await;
    busy.write_all(post(&user, "/api/jobs", "", "{\"kind\":\"k\"}").as_bytes())
        .await
        .unwrap();
    app.submits_are_blocked(1).await;

    app.shutdown.begin();
    assert_eq!(read_all(&mut idle).await, "", "an idle connection is closed");
    let refused = async || TcpStream::connect(server.addr).await.is_err().then_some(());
    testkit::eventually("nothing new is taken", SOON, refused).await;
    assert!(!server.running.is_finished(), "a request is under way");
    blocker.release().await;
    let answer = read_all(&mut busy).await;
    assert!(answer.starts_with("HTTP/1.1 202 Accepted"), "{answer}");
    timeout(SOON, server.running)
        .await
        .expect("then it ends")
        .unwrap();
}

#[tokio::test]
async fn a_drain_ends_also_when_a_request_does_not() {
    let app = TestApp::new().await;
    let config = ServerConfig {
        drain: Duration::from_millis(200),
        ..ServerConfig::default()
    };
    let (user, server) = (app.user().await, Server::start(&app, config).await);
    let blocker = app.block_submits().await;
    let mut busy = server.connect().await;
    busy.write_all(post(&user, "/api/jobs", "", "{\"kind\":\"k\"}").as_bytes())
        .await
        .unwrap();
    app.submits_are_blocked(1).await;
    app.shutdown.begin();
    timeout(SOON, server.running).await.expect("it ends").unwrap();
    assert_eq!(read_all(&mut busy).await, "");
    // What was handed in is stored even so.
    blocker.release().await;
    let stored = async || (app.stored_jobs().await == 1).then_some(());
    testkit::eventually("the job is stored", SOON, stored).await;
}

#[tokio::test]
async fn connections_are_bounded() {
    let app = TestApp::new().await;
    let config = ServerConfig {
        max_connections: 1,
        ..ServerConfig::default()
    };
    let server = Server::start(&app, config).await;
    let mut first = server.connect().await;
    let health = "GET /health HTTP/1.1\r\nhost: x\r\n\r\n";
    first.write_all(health.as_bytes()).await.unwrap();
    read_until(&mut first, "\"status\":\"ok\"").await;
    // Connected by the operating system, but not answered before the first one has left.
    let mut second = server.connect().await;
    second.write_all(health.as_bytes()).await.unwrap();
    let mut byte = [0];
    assert!(
        timeout(Duration::from_millis(200), second.read(&mut byte))
            .await
            .is_err()
    );
    drop(first);
    read_until(&mut second, "\"status\":\"ok\"").await;
}
