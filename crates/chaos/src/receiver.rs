//! What jobs of kind `http.request` call. It writes down each request before it answers, so what a job did outside of
//! the system is known even when the worker dies before it hears the answer.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::{self, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::journal::Journal;
use crate::mix::Behaviour;

/// How often a job that fails first does so.
const FAILURES: u32 = 2;

/// The running receiver; it ends with this value.
#[derive(Debug)]
pub(crate) struct Receiver {
    addr: SocketAddr,
    _stop: DropGuard,
}

struct Shared {
    journal: Journal,
    slow: Duration,
    /// How many requests came.
    requests: AtomicU64,
    /// How often jobs that fail first were heard of.
    heard: Mutex<HashMap<String, u32>>,
}

#[derive(Deserialize)]
struct Wanted {
    behaviour: String,
}

impl Receiver {
    pub(crate) async fn start(folder: &Path, slow: Duration) -> Result<Self> {
        let shared = Arc::new(Shared {
            journal: Journal::create(&folder.join("receiver.jsonl"))?,
            slow,
            requests: AtomicU64::new(0),
            heard: Mutex::default(),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("the receiver can't listen")?;
        let addr = listener.local_addr().context("the receiver has no address")?;
        let app = Router::new()
            .route("/hook/{tenant}/{n}", post(hook))
            .with_state(shared);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        TaskTracker::new().spawn(async move {
            stopped
                .run_until_cancelled(axum::serve(listener, app).into_future())
                .await
        });
        Ok(Self {
            addr,
            _stop: stop.drop_guard(),
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }
}

async fn hook(
    State(shared): State<Arc<Shared>>,
    extract::Path((tenant, n)): extract::Path<(String, u64)>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> StatusCode {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let id = header("webhook-id").unwrap_or_default();
    let attempt: Option<u32> = header("tandem-attempt").and_then(|attempt| attempt.parse().ok());
    let request = shared.requests.fetch_add(1, Ordering::Relaxed);
    let behaviour = Behaviour::by_name(&wanted.behaviour);
    let answer = shared.answer(behaviour, id);
    let line = json!({
        "request": request, "webhook_id": id, "attempt": attempt, "tenant": tenant, "n": n, "answer": answer.as_u16(),
    });
    if shared.journal.write(line).is_err() {
        // What is not written down must not happen.
        return StatusCode::INSUFFICIENT_STORAGE;
    }
    if behaviour == Some(Behaviour::Slow) {
        tokio::time::sleep(shared.slow).await;
    }
    let line = json!({"request": request, "answered": true});
    if shared.journal.write(line).is_err() {
        return StatusCode::INSUFFICIENT_STORAGE;
    }
    answer
}

impl Shared {
    fn answer(&self, behaviour: Option<Behaviour>, webhook_id: &str) -> StatusCode {
        match behaviour {
            Some(Behaviour::Ok | Behaviour::Slow) => StatusCode::OK,
            Some(Behaviour::FailFirst) => {
                let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
                let times = heard.entry(webhook_id.to_owned()).or_default();
                *times += 1;
                if *times <= FAILURES {
                    StatusCode::INTERNAL_SERVER_ERROR
                } else {
                    StatusCode::OK
                }
            }
            Some(Behaviour::AlwaysFail | Behaviour::Panic | Behaviour::UnknownKind) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            // A request that no job of ours makes.
            None => StatusCode::BAD_REQUEST,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[tokio::test]
    async fn each_request_is_written_down_and_answered_as_its_job_wants() {
        let folder = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(folder.path(), Duration::ZERO).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut answers = Vec::new();
        for behaviour in [
            "fail_first",
            "fail_first",
            "fail_first",
            "slow",
            "always_fail",
            "what",
        ] {
            let url = format!("{}/hook/t1/7?behaviour={behaviour}", receiver.url());
            let request = client
                .post(url)
                .header("webhook-id", "job-1")
                .header("tandem-attempt", "3");
            answers.push(request.send().await.unwrap().status().as_u16());
        }
        assert_eq!(answers, [500, 500, 200, 200, 500, 400]);
        let text = std::fs::read_to_string(folder.path().join("receiver.jsonl")).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let (answered, arrived): (Vec<Value>, Vec<Value>) =
            lines.iter().cloned().partition(|line| line["answered"] == true);
        let numbers = |lines: &[Value], name: &str| -> Vec<u64> {
            lines.iter().map(|line| line[name].as_u64().unwrap()).collect()
        };
        let written = numbers(&arrived, "answer");
        assert_eq!(numbers(&arrived, "request"), [0, 1, 2, 3, 4, 5]);
        assert_eq!(numbers(&answered, "request"), [0, 1, 2, 3, 4, 5]);
        assert_eq!(written, [500, 500, 200, 200, 500, 400]);
        assert_eq!((&lines[0]["tenant"], &lines[0]["n"]), (&json!("t1"), &json!(7)));
        assert_eq!(
            (&lines[0]["webhook_id"], &lines[0]["attempt"]),
            (&json!("job-1"), &json!(3))
        );
    }
}
