//! The lanes, and the kinds of jobs that go through them.

use chrono::{DateTime, Utc};
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use crate::call::Call;
use crate::client::Client;
use crate::open::Open;

const PATH: &str = "/api/queues";

/// A lane as the tenant sees it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// The tenant's jobs by what they wait for.
    pub depth: QueueDepth,
    /// How long the oldest queued job has been queued, in seconds.
    pub oldest_queued_secs: Option<f64>,
    /// What was done per second.
    pub rates: QueueRates,
    /// Whether none of the tenant's jobs starts there.
    pub paused: bool,
    /// Who has paused it.
    pub pauses: Vec<QueuePause>,
}

/// The tenant's jobs in a lane by what they wait for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
pub struct QueueDepth {
    /// Due, and not started.
    pub queued: u64,
    /// Started, and not ended.
    pub running: u64,
    /// Due later.
    pub scheduled: u64,
    /// Failed, and waiting for a decision.
    pub dead_letters: u64,
    /// Whether a number may be greater than it was counted: counting stops at 10,000.
    pub capped: bool,
}

/// What was done with the tenant's jobs in a lane per second, on average over the last minute.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
pub struct QueueRates {
    /// Attempts that were started.
    pub started_per_second: f64,
    /// Attempts that succeeded.
    pub succeeded_per_second: f64,
    /// Attempts that failed, whether another one followed or not.
    pub failed_per_second: f64,
}

/// Why no job starts in a lane.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct QueuePause {
    /// Who has paused it.
    pub by: Open<PausedBy>,
    /// Why, in somebody's words.
    pub reason: Option<String>,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// Who has paused a lane.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum PausedBy {
    /// The tenant, for itself.
    Tenant,
    /// An operator, for everyone.
    Everyone,
}

/// How to pause a lane.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct PauseQueue {
    /// Why, for whoever looks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// For all tenants: operators only.
    pub everyone: bool,
}

/// What a handler takes.
#[derive(Clone, Debug, Deserialize)]
pub struct Kind {
    /// What jobs name it by.
    pub name: String,
    /// Whether a worker is there that has the handler.
    pub live: bool,
    /// JSON Schema of the payload, which submits are checked against.
    pub schema: Option<Box<RawValue>>,
    /// JSON Pointers to what of the payload is personal in every job of this kind.
    #[serde(default)]
    pub sensitive: Vec<String>,
    /// When it was declared as it is.
    pub registered_at: DateTime<Utc>,
}

impl Client {
    /// The lanes.
    pub fn queues(&self) -> Call<'_, Vec<Queue>> {
        self.get(PATH).field("queues")
    }

    /// Reads a lane.
    pub fn queue(&self, name: &str) -> Call<'_, Queue> {
        Call::new(self.named(Method::GET, PATH, name, ""))
    }

    /// Starts no more jobs of a lane; those that run go on.
    pub fn pause_queue(&self, name: &str, pause: &PauseQueue) -> Call<'_, Queue> {
        let request = self.named(Method::POST, PATH, name, "/pause");
        Call::new(request.and_then(|request| Ok(request.body(pause)?.harmless())))
    }

    /// Lets jobs of a lane start again; with `everyone` it ends the pause of all tenants, as operators may.
    pub fn resume_queue(&self, name: &str, everyone: bool) -> Call<'_, Queue> {
        let request = self.named(Method::POST, PATH, name, "/resume");
        let body = json!({ "everyone": everyone });
        Call::new(request.and_then(|request| Ok(request.body(&body)?.harmless())))
    }

    /// The kinds that workers have declared, by name.
    pub fn kinds(&self) -> Call<'_, Vec<Kind>> {
        self.get("/api/kinds").field("kinds")
    }
}
