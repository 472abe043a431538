//! Schedules: what makes jobs by cron.

mod put;

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset, Utc};
use domain::JobId;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use self::put::{PutSchedule, ScheduledJob};

use crate::call::Call;
use crate::client::Client;
use crate::expected::{Expected, with_version};
use crate::jobs::{Backoff, OnConflict, Submitted};
use crate::once::{new_key, once};
use crate::open::Open;
use crate::page::Pages;

const PATH: &str = "/api/schedules";

/// A schedule as it stands.
#[derive(Clone, Debug, Deserialize)]
pub struct Schedule {
    /// Its name.
    pub name: String,
    /// When it fires.
    pub cron: String,
    /// The zone whose clocks `cron` is about.
    pub time_zone: String,
    /// What it does while its previous job has not ended.
    pub overlap: Open<OverlapPolicy>,
    /// What it does about fire times that no worker was there for.
    pub missed: Open<MissedPolicy>,
    /// How old a fire time may be before it counts as missed, in seconds.
    pub missed_after_secs: u64,
    /// Names the handler of its jobs.
    pub kind: String,
    /// The lane of its jobs.
    pub queue: String,
    /// All that is known about its jobs; absent in lists.
    pub job: Option<ScheduleJob>,
    /// When it fires next; `None` while it is paused.
    pub next_fire_at: Option<DateTime<Utc>>,
    /// What its newest job was made for.
    pub last_fired_at: Option<DateTime<Utc>>,
    /// Its newest job.
    pub last_job_id: Option<JobId>,
    /// Why it could not be fired when it was last tried.
    pub last_error: Option<String>,
    /// When that was.
    pub last_error_at: Option<DateTime<Utc>>,
    /// The newest fire time for which no job was made, and none will be.
    pub last_skipped_at: Option<DateTime<Utc>>,
    /// Why that was.
    pub last_skip_reason: Option<Open<SkipReason>>,
    /// Since when it is paused.
    pub paused_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When somebody last changed it.
    pub updated_at: DateTime<Utc>,
    /// Grows with every change that somebody makes.
    pub version: u32,
}

/// The jobs that a schedule makes.
#[derive(Clone, Debug, Deserialize)]
pub struct ScheduleJob {
    /// Names the handler.
    pub kind: String,
    /// What the handler gets, byte for byte as it was sent.
    pub payload: Box<RawValue>,
    /// The lane.
    pub queue: String,
    /// The most attempts that may fail.
    pub max_attempts: u32,
    /// The waits between attempts.
    pub backoff: Backoff,
    /// How long one attempt may take.
    pub timeout_ms: u64,
    /// Labels.
    #[serde(default)]
    pub tags: Vec<String>,
    /// They expire when they were not started so long after they were made.
    pub start_within_ms: Option<u64>,
    /// What there is to know about them.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// JSON Pointers to what of the payload is personal.
    #[serde(default)]
    pub sensitive: Vec<String>,
    /// That no other job does the same work.
    pub unique: Option<ScheduleUnique>,
}

/// How a schedule's jobs are unique. The key itself is kept as a digest only.
#[derive(Clone, Debug, Deserialize)]
pub struct ScheduleUnique {
    /// For how long a job keeps others away; until its end, if absent.
    pub period_ms: Option<u64>,
    /// What becomes of a job that another one keeps away.
    pub on_conflict: Open<OnConflict>,
}

/// Why a fire time has no job.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// The previous job had not ended, or a newer fire time had come as well.
    Overlap,
    /// Another job does the same work.
    Unique,
    /// No worker was there in time.
    Missed,
}

/// What a schedule does when it fires while its previous job has not ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OverlapPolicy {
    /// It makes another job beside it.
    Allow,
    /// It makes none.
    Skip,
    /// It cancels the previous job and makes another one.
    CancelPrevious,
}

/// What a schedule does about fire times that no worker was there for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MissedPolicy {
    /// Nothing.
    Skip,
    /// It makes one job, for the newest of them.
    Latest,
    /// It makes a job for each of them, for the newest 100 at most.
    All,
}

/// An expression to be tried.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct PreviewSchedule {
    /// The expression.
    pub cron: String,
    /// The zone whose clocks it is about; UTC, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Which of its fire times to show.
    #[serde(flatten)]
    pub range: PreviewRange,
}

/// Which fire times to show.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct PreviewRange {
    /// How many; 10 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// Those after this; now, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<DateTime<Utc>>,
}

/// When an expression fires.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct SchedulePreview {
    /// The expression.
    pub cron: String,
    /// The zone whose clocks it is about.
    pub time_zone: String,
    /// The fire times in their order.
    pub fires: Vec<FireTime>,
}

/// A time at which a schedule fires.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
pub struct FireTime {
    /// When.
    pub at: DateTime<Utc>,
    /// The same time as the clocks of the zone show it.
    pub local: DateTime<FixedOffset>,
}

impl Client {
    /// The schedules, newest first.
    pub fn schedules(&self) -> Pages<'_, Schedule> {
        Pages::new(self, PATH, "schedules", &())
    }

    /// Reads a schedule.
    pub fn schedule(&self, name: &str) -> Call<'_, Schedule> {
        Call::new(self.named(Method::GET, PATH, name, ""))
    }

    /// Makes a schedule, or replaces the one of this name, if there is what is expected.
    pub fn put_schedule(&self, name: &str, schedule: &PutSchedule, expected: Expected) -> Call<'_, Schedule> {
        let request = self.named(Method::PUT, PATH, name, "");
        let request = request.and_then(|request| expected.ask(request.body(schedule)?));
        Call::new(request)
    }

    /// Deletes a schedule, only this version of it if one is given; the jobs that it made go on.
    pub fn delete_schedule(&self, name: &str, version: Option<u32>) -> Call<'_, ()> {
        let request = self.named(Method::DELETE, PATH, name, "");
        Call::new(request.and_then(|request| with_version(request, version)))
    }

    /// Stops a schedule from firing until it is resumed.
    pub fn pause_schedule(&self, name: &str) -> Call<'_, Schedule> {
        let request = self.named(Method::POST, PATH, name, "/pause");
        Call::new(request.map(|request| request.harmless()))
    }

    /// Has a paused schedule fire again.
    pub fn resume_schedule(&self, name: &str) -> Call<'_, Schedule> {
        let request = self.named(Method::POST, PATH, name, "/resume");
        Call::new(request.map(|request| request.harmless()))
    }

    /// Makes one of a schedule's jobs now, under a new idempotency key.
    ///
    /// Without an answer it may have been made all the same.
    pub fn fire_schedule(&self, name: &str) -> Call<'_, Submitted> {
        self.fire_schedule_once(name, &new_key())
    }

    /// Makes one of a schedule's jobs now, under an idempotency key of the caller's own.
    pub fn fire_schedule_once(&self, name: &str, idempotency_key: &str) -> Call<'_, Submitted> {
        once(self.named(Method::POST, PATH, name, "/fire"), idempotency_key)
    }

    /// When a schedule fires next.
    pub fn preview_schedule(&self, name: &str, range: PreviewRange) -> Call<'_, SchedulePreview> {
        let request = self.named(Method::GET, PATH, name, "/preview");
        Call::new(request.map(|request| {
            let after = range
                .after
                .map(|time| time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true));
            request.query("count", range.count).query("after", after)
        }))
    }

    /// When an expression would fire.
    pub fn preview_expression(&self, expression: &PreviewSchedule) -> Call<'_, SchedulePreview> {
        let request = self.request(Method::POST, format!("{PATH}/preview"));
        Call::new(request.body(expression).map(|request| request.harmless()))
    }
}
