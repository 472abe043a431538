//! A thousand watchers on one process.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::Outcome;
use futures::future::join_all;
use serde_json::json;
use testkit::eventually;
use tokio::time::Instant;

use super::Stream;
use crate::app::{SOON, TestApp};
use crate::server::Server;

const JOBS: usize = 50;
const WATCHERS_PER_JOB: usize = 20;

/// The pool of tests, and the connection that listens for ends.
const CONNECTIONS: i64 = 5 + 1;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_watchers_get_every_event_in_order_and_hold_no_connection() {
    // All of them ask at once.
    let app = TestApp::with(|parts| parts.config.limits.request_timeout = Duration::from_mins(1)).await;
    let (user, server, worker) = (app.user().await, Server::of(&app).await, app.worker().await);
    let mut ids = Vec::new();
    for _ in 0..JOBS {
        ids.push(user.submit(&json!({ "kind": "k" })).await);
    }
    let open = AtomicUsize::new(0);
    let watch = async |id: &str| {
        let mut stream = Stream::open(&server, &user, id, "").await;
        assert!(stream.head().await.contains("200 OK"));
        open.fetch_add(1, Ordering::Relaxed);
        stream.rest().await
    };
    let watching = join_all(
        ids.iter()
            .flat_map(|id| (0..WATCHERS_PER_JOB).map(move |_| id))
            .map(|id| watch(id)),
    );
    let mut most = 0;
    let working = async {
        eventually("all streams are open", SOON, async || {
            (open.load(Ordering::Relaxed) == JOBS * WATCHERS_PER_JOB).then_some(())
        })
        .await;
        for _ in 0..3 {
            for id in &ids {
                worker.end(worker.start(id).await, Outcome::Released).await;
            }
            most = most.max(app.api_connections().await);
        }
        for id in &ids {
            worker.succeed(id).await;
        }
        let done_at = Instant::now();
        most = most.max(app.api_connections().await);
        done_at
    };
    let (streams, done_at) = tokio::join!(watching, working);
    let behind = done_at.elapsed();

    let expected = [
        "1 submitted",
        "2 started",
        "3 released",
        "4 started",
        "5 released",
        "6 started",
        "7 released",
        "8 started",
        "9 succeeded",
    ];
    assert_eq!(streams.len(), 1_000);
    for (events, end) in &streams {
        assert_eq!(events[..], expected);
        assert_eq!(end["state"], "succeeded");
    }
    assert!(most <= CONNECTIONS, "{most} connections");
    tell(&format!(
        "1,000 watchers of {JOBS} jobs: 9,000 events in order, at most {most} connections, the last one {} ms after the last change",
        behind.as_millis()
    ));
}

#[expect(clippy::print_stderr, reason = "what was measured is to be read")]
fn tell(text: &str) {
    eprintln!("{text}");
}
