//! A job's events as they happen, over real connections.

mod bad_input;
mod many;

use std::time::{Duration, Instant};

use axum::body::Body;
use domain::{JobId, Outcome, Scope};
use http::Method;
use serde_json::{Value, json};
use testkit::eventually;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::app::{SOON, TestApp, User};
use crate::server::Server;

/// An open stream. Asked for by HTTP/1.0, so that its body is what comes, without frames, until the server closes.
struct Stream {
    connection: TcpStream,
    text: String,
    read: usize,
}

/// What a stream says at a time: its lines by their names, `:` for a comment.
type Message = Vec<(String, String)>;

impl Stream {
    async fn open(server: &Server, user: &User<'_>, id: &str, more: &str) -> Self {
        let mut connection = server.connect().await;
        let request = format!(
            "GET /api/jobs/{id}/events HTTP/1.0\r\nhost: x\r\naccept: text/event-stream\r\nx-api-key: {}\r\n{more}\r\n",
            user.key_text()
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        Self {
            connection,
            text: String::new(),
            read: 0,
        }
    }

    /// The text up to the next empty line; `None` when the stream is over.
    async fn part(&mut self, end: &str) -> Option<String> {
        loop {
            if let Some(len) = self.text[self.read..].find(end) {
                let part = self.text[self.read..self.read + len].to_owned();
                self.read += len + end.len();
                return Some(part);
            }
            let mut bytes = [0; 4_096];
            let reading = timeout(SOON, self.connection.read(&mut bytes));
            let len = reading.await.expect("the stream goes on, or ends").unwrap();
            if len == 0 {
                assert_eq!(&self.text[self.read..], "", "it ends between messages");
                return None;
            }
            self.text.push_str(std::str::from_utf8(&bytes[..len]).unwrap());
        }
    }

    async fn head(&mut self) -> String {
        self.part("\r\n\r\n").await.expect("a head")
    }

    async fn message(&mut self) -> Option<Message> {
        let text = self.part("\n\n").await?;
        let line = |line: &str| match line.split_once(':') {
            Some(("", comment)) => (":".to_owned(), comment.trim().to_owned()),
            Some((name, value)) => (name.to_owned(), value.trim_start().to_owned()),
            None => (line.to_owned(), String::new()),
        };
        Some(text.lines().map(line).collect())
    }

    /// The next message that is no comment.
    async fn event(&mut self) -> Option<Message> {
        loop {
            let message = self.message().await?;
            if message.iter().any(|(name, _)| name != ":") {
                return Some(message);
            }
        }
    }

    /// The rest: ids with names of events, and the data of the `end`.
    async fn rest(&mut self) -> (Vec<String>, Value) {
        let mut events = Vec::new();
        while let Some(message) = self.event().await {
            if field(&message, "event") == "end" {
                let state = serde_json::from_str(field(&message, "data")).unwrap();
                assert!(self.event().await.is_none(), "nothing comes after the end");
                return (events, state);
            }
            events.push(name_of(&message));
        }
        panic!("no end after {events:?}");
    }
}

fn field<'a>(message: &'a Message, name: &str) -> &'a str {
    let found = message.iter().find(|(field, _)| field == name);
    found.map_or_else(|| panic!("no {name}: {message:?}"), |(_, value)| value)
}

/// Its number and its name, which its data says too.
fn name_of(message: &Message) -> String {
    let (id, name) = (field(message, "id"), field(message, "event"));
    let data: Value = serde_json::from_str(field(message, "data")).unwrap();
    assert_eq!(data["number"].to_string(), id, "{message:?}");
    assert_eq!(data["event"], name, "{message:?}");
    format!("{id} {name}")
}

async fn announced(app: &TestApp, id: &str) {
    let id: JobId = id.parse().unwrap();
    app.worker().await.store.notify_finished(&[id]).await.unwrap();
}

#[tokio::test]
async fn what_has_happened_comes_first_and_what_happens_as_it_does() {
    let app = TestApp::new().await;
    let (user, worker, server) = (app.user().await, app.worker().await, Server::of(&app).await);
    let id = user.submit(&json!({ "kind": "k" })).await;
    let started = worker.start(&id).await;
    let mut stream = Stream::open(&server, &user, &id, "").await;
    let head = stream.head().await.to_lowercase();
    assert!(
        head.starts_with("http/1.0 200") && head.contains("content-type: text/event-stream"),
        "{head}"
    );
    assert!(
        head.contains("cache-control: no-store") && head.contains("vary: accept"),
        "{head}"
    );
    assert_eq!(name_of(&stream.event().await.unwrap()), "1 submitted");
    assert_eq!(name_of(&stream.event().await.unwrap()), "2 started");

    worker.end(started, Outcome::Released).await;
    let released = stream.event().await.unwrap();
    assert_eq!(name_of(&released), "3 released");
    let listed = user.get(&format!("/api/jobs/{id}/events")).await.ok(200);
    let data: Value = serde_json::from_str(field(&released, "data")).unwrap();
    assert_eq!(data, listed["events"][2], "as it is in the list");

    worker.succeed(&id).await;
    announced(&app, &id).await;
    let rest = stream.rest().await;
    assert_eq!(
        rest,
        (
            vec!["4 started".to_owned(), "5 succeeded".to_owned()],
            json!({ "state": "succeeded" })
        )
    );
}

#[tokio::test]
async fn a_stream_goes_on_where_another_broke_off() {
    let app = TestApp::new().await;
    let (user, worker, server) = (app.user().await, app.worker().await, Server::of(&app).await);
    let id = user.submit(&json!({ "kind": "k" })).await;
    worker.fail(&id).await;
    let rest = async |last: &str| {
        let mut stream = Stream::open(&server, &user, &id, &format!("last-event-id: {last}\r\n")).await;
        stream.head().await;
        stream.rest().await
    };
    let all = ["1 submitted", "2 started", "3 failed"].map(str::to_owned);
    for last in 0..=3 {
        let (events, end) = rest(&last.to_string()).await;
        assert_eq!((&events[..], end), (&all[last..], json!({ "state": "failed" })));
    }
    // A job that was retried has gone on after its end.
    user.post(&format!("/api/jobs/{id}/retry"), &Value::Null)
        .await
        .ok(202);
    let mut stream = Stream::open(&server, &user, &id, "last-event-id: 3\r\n").await;
    stream.head().await;
    assert_eq!(name_of(&stream.event().await.unwrap()), "4 redriven");
    user.post(&format!("/api/jobs/{id}/cancel"), &Value::Null)
        .await
        .ok(200);
    let (events, end) = stream.rest().await;
    assert_eq!(
        (&*events[0], end),
        ("5 cancelled", json!({ "state": "cancelled" }))
    );
}

#[tokio::test]
async fn only_who_asks_for_a_stream_gets_one() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let id = user.submit(&json!({ "kind": "k" })).await;
    for accept in ["*/*", "application/json", "text/event-stream;q=0"] {
        let request = user
            .request(Method::GET, &format!("/api/jobs/{id}/events"))
            .header("accept", accept);
        let answer = user.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.ok(200)["events"][0]["event"], "submitted", "{accept}");
        assert_eq!(answer.header("vary"), "accept");
    }
}

#[tokio::test]
async fn a_drain_sends_clients_elsewhere_and_keeps_nobody_waiting() {
    let app = TestApp::new().await;
    let (user, server) = (app.user().await, Server::of(&app).await);
    let id = user.submit(&json!({ "kind": "k" })).await;
    let mut stream = Stream::open(&server, &user, &id, "").await;
    stream.head().await;
    assert_eq!(name_of(&stream.event().await.unwrap()), "1 submitted");
    app.shutdown.begin();
    let hint = stream.event().await.unwrap();
    let retry_ms: u64 = field(&hint, "retry").parse().unwrap();
    assert!((500..2_500).contains(&retry_ms), "{retry_ms}");
    assert!(stream.message().await.is_none(), "then it ends");
    timeout(SOON, server.running)
        .await
        .expect("nothing keeps the server")
        .unwrap();
}

#[tokio::test]
async fn the_stream_of_a_revoked_key_ends_and_others_go_on() {
    // Revoking is believed within the default times, which add up to less than five seconds.
    let app = TestApp::new().await;
    let server = Server::of(&app).await;
    let tenant = app.tenant().await;
    let (revoked, kept) = (
        app.make_key(tenant, &[Scope::JobsRead, Scope::JobsWrite], None)
            .await,
        app.key(tenant, &[Scope::JobsRead]).await,
    );
    let user = app.with_key(revoked.clone());
    let id = user.submit(&json!({ "kind": "k" })).await;
    let mut ends = Stream::open(&server, &user, &id, "").await;
    let mut goes_on = Stream::open(&server, &kept, &id, "").await;
    for stream in [&mut ends, &mut goes_on] {
        stream.head().await;
        assert_eq!(name_of(&stream.event().await.unwrap()), "1 submitted");
    }
    assert_eq!(
        ends.message().await.unwrap(),
        [(":".to_owned(), "alive".to_owned())]
    );
    let revoked_by = testkit::actor(tenant);
    let revoked = app
        .store
        .revoke_api_key(&revoked_by, revoked.id().parse().unwrap())
        .await;
    assert!(revoked.unwrap().is_some());
    let limits = app.limits;
    let allowed = limits.stream_check_interval + api::AuthConfig::default().key_cache_ttl;
    assert!(allowed <= Duration::from_secs(5));
    assert!(
        ends.event().await.is_none(),
        "it ends, without a word about the job"
    );
    for _ in 0..3 {
        goes_on.message().await.expect("another key's stream goes on");
    }
    app.worker().await.succeed(&id).await;
    assert_eq!(goes_on.rest().await.1, json!({ "state": "succeeded" }));
}

#[tokio::test]
async fn what_exceeds_the_streams_is_refused_and_neither_limit_touches_the_other() {
    const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
    let app = TestApp::with(|parts| {
        parts.config.limits.max_streams = 1;
        parts.config.limits.max_in_flight = 1;
        parts.config.limits.request_timeout = REQUEST_TIMEOUT;
    })
    .await;
    let (user, server) = (app.user().await, Server::of(&app).await);
    let id = user.submit(&json!({ "kind": "k" })).await;
    let mut stream = Stream::open(&server, &user, &id, "").await;
    stream.head().await;
    let opened_at = Instant::now();
    assert_eq!(name_of(&stream.event().await.unwrap()), "1 submitted");
    let path = format!("/api/jobs/{id}/events");
    let request = user
        .request(Method::GET, &path)
        .header("accept", "text/event-stream");
    let refused = user.send(request.body(Body::empty()).unwrap()).await;
    refused.problem(503, "overloaded");
    // The only place of requests is free, and the time limit of requests passes.
    user.get(&path).await.ok(200);
    while opened_at.elapsed() <= REQUEST_TIMEOUT {
        assert_eq!(stream.message().await.unwrap()[0].1, "alive");
    }
    app.worker().await.succeed(&id).await;
    assert_eq!(stream.rest().await.1, json!({ "state": "succeeded" }));
    // A place is free again once its client has left.
    let id = user.submit(&json!({ "kind": "k" })).await;
    let mut left = Stream::open(&server, &user, &id, "").await;
    left.head().await;
    drop(left);
    eventually("the place is free", SOON, async || {
        let mut stream = Stream::open(&server, &user, &id, "").await;
        stream.head().await.contains("200 OK").then_some(())
    })
    .await;
}
