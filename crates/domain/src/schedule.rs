//! When a schedule makes jobs, and which of those times count: pure, so that every zone's change of clocks can be tested.
//!
//! - A **fire time** is an instant at which a schedule makes a job: [`Timing`] finds them.
//! - A fire time is **missed** when nobody looked for a while after it: [`Rules`] decides what becomes of those.

mod cron;
mod rules;
mod timing;
mod zone;

use chrono::{DateTime, Utc};

pub use cron::{Cron, CronError};
pub use rules::{MAX_FIRES, Missed, Overlap, Plan, Rules, Skip, UnknownPolicy};
pub use timing::Timing;
pub use zone::{Zone, ZoneError};

/// Which schedule made a job, and for when.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fire {
    /// The schedule's name.
    pub schedule: String,
    /// The nominal time: what the expression says, however late the job was made. Of a job that somebody asked for
    /// besides, when they did.
    pub fire_at: DateTime<Utc>,
}
