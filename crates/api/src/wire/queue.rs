//! Lanes.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use store::{Pause, QueueStatus, RATES_OVER, Rates};
use utoipa::ToSchema;

use super::text;
use crate::body::Document;

/// How to pause a lane.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PauseQueue {
    /// Why, for whoever looks. Not blank, and without control characters.
    #[schema(example = "the target is being migrated", value_type = Option<text::Reason>)]
    pub(crate) reason: Option<String>,
    /// For all tenants instead of yours: operators only.
    pub(crate) everyone: Option<bool>,
}

/// How to resume a lane.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResumeQueue {
    /// End the pause for all tenants instead of yours: operators only.
    pub(crate) everyone: Option<bool>,
}

impl Document for PauseQueue {
    const MAX_BYTES: usize = 256 << 10;
}

impl Document for ResumeQueue {
    const MAX_BYTES: usize = 256 << 10;
}

/// A lane as your tenant sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = Queue)]
pub(crate) struct QueueBody {
    name: String,
    /// Whether none of your jobs starts there.
    paused: bool,
    /// Who has paused it: your tenant, an operator for everyone, or both.
    pauses: Vec<PauseBody>,
    depth: Depth,
    /// How long the oldest queued job has been queued, in seconds; `null` when none is. Of the 10,000 that are next when
    /// there are more.
    oldest_queued_secs: Option<f64>,
    rates: RatesBody,
}

/// Why no job starts in a lane.
#[derive(Serialize, ToSchema)]
#[schema(as = QueuePause)]
pub(crate) struct PauseBody {
    by: PausedBy,
    since: DateTime<Utc>,
    reason: Option<String>,
}

/// Who has paused a lane.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PausedBy {
    /// Your tenant, for itself.
    Tenant,
    /// An operator, for everyone.
    Everyone,
}

/// Your jobs in a lane by what they wait for.
#[derive(Serialize, ToSchema)]
#[schema(as = QueueDepth)]
pub(crate) struct Depth {
    /// Due, and not started.
    queued: u64,
    /// Due later.
    scheduled: u64,
    /// Started, and not ended.
    running: u64,
    /// Failed, and waiting for a decision.
    dead_letters: u64,
    /// Whether a number may be greater than it was counted: counting stops at 10,000.
    capped: bool,
}

/// What was done with your jobs in a lane per second, on average over the last minute. Workers tell what they did about
/// every ten seconds, so it is late by as much.
#[derive(Serialize, ToSchema)]
#[schema(as = QueueRates)]
pub(crate) struct RatesBody {
    /// Attempts that were started.
    started_per_second: f64,
    /// Attempts that succeeded.
    succeeded_per_second: f64,
    /// Attempts that failed, whether another one followed or not.
    failed_per_second: f64,
}

/// The lanes.
#[derive(Serialize, ToSchema)]
pub(crate) struct QueueList {
    pub(crate) queues: Vec<QueueBody>,
}

impl From<QueueStatus> for QueueBody {
    fn from(status: QueueStatus) -> Self {
        Self {
            name: status.queue.to_string(),
            paused: !status.pauses.is_empty(),
            pauses: status.pauses.into_iter().map(Into::into).collect(),
            depth: Depth {
                queued: status.queued,
                scheduled: status.scheduled,
                running: status.running,
                dead_letters: status.dead_letters,
                capped: status.capped,
            },
            oldest_queued_secs: status.oldest.map(|oldest| oldest.as_secs_f64()),
            rates: status.rates.into(),
        }
    }
}

impl From<Pause> for PauseBody {
    fn from(pause: Pause) -> Self {
        Self {
            by: if pause.everyone {
                PausedBy::Everyone
            } else {
                PausedBy::Tenant
            },
            since: pause.since,
            reason: pause.reason,
        }
    }
}

impl From<Rates> for RatesBody {
    fn from(rates: Rates) -> Self {
        let per_second = |count: u64| count as f64 / RATES_OVER.as_secs_f64();
        Self {
            started_per_second: per_second(rates.started),
            succeeded_per_second: per_second(rates.succeeded),
            failed_per_second: per_second(rates.failed),
        }
    }
}
