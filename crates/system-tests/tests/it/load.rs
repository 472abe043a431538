//! Clients that submit all the time and remember each answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::eventually;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::system::{Client, System};

/// Longer than any answer may take: a request that has none by then hangs.
const PATIENCE: Duration = Duration::from_secs(15);

/// One answer, or the lack of one.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) asked_at: Instant,
    pub(crate) took: Duration,
    /// 0 when there was none.
    pub(crate) status: u16,
    /// Whether the body is a problem as RFC 9457 describes it, for this status.
    pub(crate) is_problem: bool,
    /// The accepted job.
    pub(crate) id: Option<String>,
    /// Why there was no answer, or what it says.
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn answered_at(&self) -> Instant {
        self.asked_at + self.took
    }

    pub(crate) fn accepted(&self) -> bool {
        self.status == 202
    }

    /// It is a success, or says in the agreed form that the request may be repeated; and it came in time.
    pub(crate) fn check(&self, limit: Duration) {
        let honest = self.accepted() || (self.status == 503 && self.is_problem);
        assert!(honest, "{}: {}", self.status, self.text);
        assert!(
            self.took <= limit,
            "{:?} for {}: {}",
            self.took,
            self.status,
            self.text
        );
    }
}

/// Clients at work.
pub(crate) struct Load {
    answers: Arc<Mutex<Vec<Answer>>>,
    stop: Arc<AtomicBool>,
    clients: JoinSet<()>,
}

impl Load {
    /// Each of the clients submits a job per interval, and waits for each answer.
    pub(crate) fn start(system: &System, clients: usize, every: Duration) -> Self {
        let mut load = Self {
            answers: Arc::default(),
            stop: Arc::default(),
            clients: JoinSet::new(),
        };
        for _ in 0..clients {
            let (client, stop, answers) =
                (system.client(), Arc::clone(&load.stop), Arc::clone(&load.answers));
            load.clients.spawn(async move {
                let mut ticks = interval(every);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                while !stop.load(Ordering::SeqCst) {
                    let answer = submit(&client).await;
                    answers.lock().unwrap().push(answer);
                    ticks.tick().await;
                }
            });
        }
        load
    }

    /// Waits until so many requests had such an answer.
    pub(crate) async fn until(&self, count: usize, such: impl Fn(&Answer) -> bool) {
        eventually("answers", Duration::from_secs(60), || async {
            let answers = self.answers.lock().unwrap();
            (answers.iter().filter(|answer| such(answer)).count() >= count).then_some(())
        })
        .await;
    }

    /// Ends it, after the requests under way.
    pub(crate) async fn stop(mut self) -> Vec<Answer> {
        self.stop.store(true, Ordering::SeqCst);
        while let Some(ended) = self.clients.join_next().await {
            ended.unwrap();
        }
        std::mem::take(&mut *self.answers.lock().unwrap())
    }
}

async fn submit(client: &Client) -> Answer {
    let asked_at = Instant::now();
    let answer = |status, is_problem, id, text| Answer {
        asked_at,
        took: asked_at.elapsed(),
        status,
        is_problem,
        id,
        text,
    };
    let request = client.request_post("/api/jobs").timeout(PATIENCE);
    let response = match request
        .json(&json!({"kind": "test.echo", "payload": 1}))
        .send()
        .await
    {
        Ok(response) => response,
        Err(error) => return answer(0, false, None, format!("{error:?}")),
    };
    let status = response.status().as_u16();
    let is_json = response
        .headers()
        .get("content-type")
        .is_some_and(|it| it == "application/problem+json");
    let text = response.text().await.unwrap_or_default();
    let body: Value = serde_json::from_str(&text).unwrap_or_default();
    let is_problem = is_json && body["status"] == status && body["type"].is_string();
    let id = body["id"].as_str().map(str::to_owned);
    answer(status, is_problem, id, text)
}
