//! Schedules.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::schedule::{Missed, Overlap, Skip};
use domain::unique::Window;
use domain::{JsonPointer, Unique, mask};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::Schedule;
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use super::job::{BackoffBody, ms};
use super::submit::{OnConflict, While};
use super::{SubmitBackoff, SubmitJob, SubmitUnique, text};
use crate::body::Document;
use crate::json::Object;

/// What a schedule does when it fires while its previous job has not ended.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OverlapPolicy)]
pub(crate) enum OverlapBody {
    /// It makes another job beside it.
    Allow,
    /// It makes none.
    Skip,
    /// It cancels the previous job and makes another one.
    CancelPrevious,
}

/// What a schedule does about fire times that no worker was there for.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MissedPolicy)]
pub(crate) enum MissedBody {
    /// Nothing.
    Skip,
    /// It makes one job, for the newest of them.
    Latest,
    /// It makes a job for each of them, for the newest 100 at most.
    All,
}

/// A schedule to be made, or to replace the one of its name. What is left out has its default.
#[derive(Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutSchedule {
    /// Minute, hour, day of month, month and day of week; or `@hourly`, `@daily`, `@weekly`, `@monthly` or `@yearly`.
    #[schema(example = "30 2 * * MON-FRI", value_type = text::Cron)]
    pub(crate) cron: String,
    /// The zone whose clocks `cron` is about, by its name in the IANA database; `UTC` by default.
    #[schema(example = "Europe/Berlin", value_type = Option<text::TimeZone>)]
    pub(crate) time_zone: Option<String>,
    /// The jobs that it makes.
    #[schema(value_type = ScheduledJob)]
    pub(crate) job: Object<ScheduledJob>,
    /// `skip` by default.
    #[schema(value_type = Option<OverlapBody>)]
    pub(crate) overlap: Option<String>,
    /// `latest` by default. `all` needs the overlap policy `allow`.
    #[schema(value_type = Option<MissedBody>)]
    pub(crate) missed: Option<String>,
    /// A fire time is missed once it is older than this; 60 by default.
    #[schema(minimum = 1, maximum = 86_400)]
    #[validate(range(min = 1, max = 86_400))]
    pub(crate) missed_after_secs: Option<u64>,
}

/// The jobs that a schedule makes, as a submit describes them.
///
/// What a submit says about one moment, `run_at`, `delay_ms` and `start_by`, a schedule's job can't say: it is due when it
/// is made.
#[derive(Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScheduledJob {
    /// Names the handler: a-z, 0-9, `.`, `_` and `-`, beginning with a letter.
    #[schema(example = "http.request", value_type = text::KindName)]
    kind: String,
    /// What the handler gets, byte for byte. Any JSON; `null` by default.
    #[schema(value_type = Option<serde_json::Value>)]
    payload: Option<Box<RawValue>>,
    /// The lane that they wait in; `default` by default.
    #[schema(example = "default", value_type = Option<text::QueueName>)]
    queue: Option<String>,
    /// The most attempts that may fail; 5 by default.
    #[schema(minimum = 1, maximum = 1000)]
    max_attempts: Option<u64>,
    /// The waits between attempts.
    #[schema(value_type = Option<SubmitBackoff>)]
    backoff: Option<Object<SubmitBackoff>>,
    /// How long one attempt may take; 300,000 by default.
    #[schema(minimum = 1000, maximum = 86_400_000)]
    timeout_ms: Option<u64>,
    /// Labels for finding them again.
    #[schema(max_items = 20, value_type = Option<Vec<text::Tag>>)]
    tags: Option<Vec<String>>,
    /// They expire when they were not started so long after they were made.
    #[schema(minimum = 1, maximum = 2_592_000_000_u64)]
    #[validate(range(min = 1, max = 2_592_000_000_u64))]
    pub(crate) start_within_ms: Option<u64>,
    /// What you want to know about them, kept with each and passed to its handler: at most 20 texts of at most 500 bytes,
    /// each by a key of at most 64 characters.
    #[schema(value_type = Option<std::collections::HashMap<text::MetadataKey, text::MetadataValue>>)]
    metadata: Option<BTreeMap<String, String>>,
    /// JSON Pointers to what of the payload is personal, as in a submit; also masked where the schedule is shown.
    #[schema(max_items = 20, value_type = Option<Vec<text::Pointer>>, example = json!(["/card/number"]))]
    sensitive: Option<Vec<String>>,
    /// That no other job does the same work. Where there is one when the schedule fires, `return` and `reject` make no job,
    /// and `last_skip_reason` tells it.
    #[schema(value_type = Option<SubmitUnique>)]
    unique: Option<Object<SubmitUnique>>,
}

/// An expression to be tried.
#[derive(Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreviewSchedule {
    /// As in a schedule.
    #[schema(example = "30 2 * * MON-FRI", value_type = text::Cron)]
    pub(crate) cron: String,
    /// As in a schedule; `UTC` by default.
    #[schema(example = "Europe/Berlin", value_type = Option<text::TimeZone>)]
    pub(crate) time_zone: Option<String>,
    /// How many fire times to show; 10 by default.
    #[schema(minimum = 1, maximum = 100)]
    #[validate(range(min = 1, max = 100))]
    pub(crate) count: Option<u64>,
    /// Show those after this; now by default.
    #[schema(value_type = Option<DateTime<Utc>>)]
    pub(crate) after: Option<String>,
}

impl Document for PutSchedule {
    const MAX_BYTES: usize = 256 << 10;
}

impl Document for PreviewSchedule {
    const MAX_BYTES: usize = 256 << 10;
}

impl From<ScheduledJob> for SubmitJob {
    /// One that is due at once, so that the rules of submits are the rules of these jobs.
    fn from(job: ScheduledJob) -> Self {
        Self {
            kind: job.kind,
            payload: job.payload,
            queue: job.queue,
            run_at: None,
            delay_ms: None,
            start_by: None,
            max_attempts: job.max_attempts,
            backoff: job.backoff,
            timeout_ms: job.timeout_ms,
            tags: job.tags,
            metadata: job.metadata,
            sensitive: job.sensitive,
            unique: job.unique,
        }
    }
}

/// A schedule as it stands, with the jobs that it makes.
#[derive(Serialize, ToSchema)]
#[schema(as = Schedule)]
pub(crate) struct ScheduleBody {
    #[serde(flatten)]
    summary: ScheduleSummary,
    job: ScheduledJobBody,
}

/// A schedule as lists show it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ScheduleSummary {
    #[schema(example = "nightly-report")]
    name: String,
    cron: String,
    time_zone: String,
    /// Names the handler of its jobs.
    kind: String,
    /// The lane of its jobs.
    queue: String,
    overlap: OverlapBody,
    missed: MissedBody,
    missed_after_secs: u64,
    /// Since when it is paused.
    paused_at: Option<DateTime<Utc>>,
    /// When it fires next; `null` while it is paused.
    next_fire_at: Option<DateTime<Utc>>,
    /// What its newest job was made for.
    last_fired_at: Option<DateTime<Utc>>,
    /// Its newest job.
    last_job_id: Option<Uuid>,
    /// The newest fire time for which no job was made, and none will be.
    last_skipped_at: Option<DateTime<Utc>>,
    /// Why that was.
    last_skip_reason: Option<SkipBody>,
    /// Why it could not be fired when it was last tried; it is tried again every minute. It begins with `quota_exceeded`
    /// while the tenant has as many jobs waiting as it may have.
    last_error: Option<String>,
    /// When that was.
    last_error_at: Option<DateTime<Utc>>,
    /// Grows with every change that somebody makes, and not by firing; its `ETag`.
    version: u32,
    created_at: DateTime<Utc>,
    /// When somebody last changed it.
    updated_at: DateTime<Utc>,
}

/// The jobs that a schedule makes.
#[derive(Serialize, ToSchema)]
#[schema(as = ScheduleJob)]
pub(crate) struct ScheduledJobBody {
    kind: String,
    queue: String,
    /// What the handler gets, byte for byte as it was sent.
    /// For a key that only reads, with `***` in place of what `sensitive` points to.
    #[schema(value_type = serde_json::Value)]
    payload: Box<RawValue>,
    tags: Vec<String>,
    max_attempts: u32,
    backoff: BackoffBody,
    /// How long one attempt may take.
    timeout_ms: u64,
    /// They expire when they were not started so long after they were made.
    start_within_ms: Option<u64>,
    metadata: BTreeMap<String, String>,
    /// JSON Pointers to what of the payload is personal.
    sensitive: Vec<String>,
    /// That no other job does the same work; its key is kept as a digest only.
    unique: Option<UniqueBody>,
}

/// How jobs are unique.
#[derive(Serialize, ToSchema)]
#[schema(as = ScheduleUnique)]
pub(crate) struct UniqueBody {
    /// `live`, unless there is a period.
    #[serde(rename = "while")]
    #[schema(example = "live", value_type = Option<While>)]
    while_: Option<&'static str>,
    /// For how long a job keeps others away.
    period_ms: Option<u64>,
    #[schema(example = "return", value_type = OnConflict)]
    on_conflict: &'static str,
}

/// Why a fire time has no job.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SkipReason)]
pub(crate) enum SkipBody {
    /// The overlap policy is `skip` and the previous job had not ended; or it is not `allow`, and a newer fire time had come
    /// as well.
    Overlap,
    /// Another job held the `unique` key.
    Unique,
    /// It was missed, because no worker was there, or the quota was used up, for longer than `missed_after_secs`; and the
    /// policy for missed ones gave it no job.
    Missed,
}

/// A page of schedules, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct ScheduleList {
    pub(crate) schedules: Vec<ScheduleSummary>,
    /// Gives the next page when sent as `cursor`; `null` on the last one.
    pub(crate) next_cursor: Option<String>,
}

/// When an expression fires.
#[derive(Serialize, ToSchema)]
#[schema(as = SchedulePreview)]
pub(crate) struct PreviewBody {
    pub(crate) cron: String,
    pub(crate) time_zone: String,
    /// In their order.
    pub(crate) fires: Vec<FireTimeBody>,
}

/// A time at which a schedule fires.
#[derive(Serialize, ToSchema)]
#[schema(as = FireTime)]
pub(crate) struct FireTimeBody {
    pub(crate) at: DateTime<Utc>,
    /// The same time as the clocks of the zone show it.
    #[schema(value_type = DateTime<Utc>, example = "2026-03-29T03:00:00+02:00")]
    pub(crate) local: String,
}

impl From<Schedule> for ScheduleSummary {
    fn from(schedule: Schedule) -> Self {
        Self {
            name: schedule.name,
            cron: schedule.cron,
            time_zone: schedule.time_zone,
            kind: schedule.kind,
            queue: schedule.queue,
            overlap: schedule.overlap.into(),
            missed: schedule.missed.into(),
            missed_after_secs: schedule.missed_after.as_secs(),
            paused_at: schedule.paused_at,
            next_fire_at: schedule.next_fire_at,
            last_fired_at: schedule.last_fired_at,
            last_job_id: schedule.last_job_id.map(|id| id.0),
            last_skipped_at: schedule.last_skipped_at,
            last_skip_reason: schedule.last_skip_reason.map(Into::into),
            last_error: schedule.last_error,
            last_error_at: schedule.last_error_at,
            version: schedule.version,
            created_at: schedule.created_at,
            updated_at: schedule.updated_at,
        }
    }
}

impl ScheduleBody {
    /// Without personal data: what the schedule says of it, and what its kind says.
    pub(crate) fn masked(mut schedule: Schedule, of_kind: &[JsonPointer]) -> Self {
        let pointers = [&schedule.sensitive, of_kind].concat();
        schedule.payload = schedule.payload.map(|payload| mask::masked(&payload, &pointers));
        Self::in_full(schedule)
    }

    /// With everything, for who may submit.
    pub(crate) fn in_full(mut schedule: Schedule) -> Self {
        Self {
            job: ScheduledJobBody {
                kind: schedule.kind.clone(),
                queue: schedule.queue.clone(),
                payload: schedule.payload.take().unwrap_or_default(),
                tags: std::mem::take(&mut schedule.tags),
                max_attempts: schedule.policy.max_attempts,
                backoff: schedule.policy.backoff.into(),
                timeout_ms: ms(schedule.timeout),
                start_within_ms: schedule.start_within.map(ms),
                metadata: std::mem::take(&mut schedule.metadata),
                sensitive: std::mem::take(&mut schedule.sensitive)
                    .into_iter()
                    .map(Into::into)
                    .collect(),
                unique: schedule.unique.map(Into::into),
            },
            summary: schedule.into(),
        }
    }
}

impl From<Unique> for UniqueBody {
    fn from(unique: Unique) -> Self {
        let (while_, period_ms) = match unique.window {
            Window::Live => (Some("live"), None),
            Window::Period(period) => (None, Some(ms(period))),
        };
        Self {
            while_,
            period_ms,
            on_conflict: unique.on_conflict.as_str(),
        }
    }
}

impl From<Skip> for SkipBody {
    fn from(skip: Skip) -> Self {
        match skip {
            Skip::Overlap => Self::Overlap,
            Skip::Unique => Self::Unique,
            Skip::Missed => Self::Missed,
        }
    }
}

impl From<Overlap> for OverlapBody {
    fn from(overlap: Overlap) -> Self {
        match overlap {
            Overlap::Allow => Self::Allow,
            Overlap::Skip => Self::Skip,
            Overlap::CancelPrevious => Self::CancelPrevious,
        }
    }
}

impl From<Missed> for MissedBody {
    fn from(missed: Missed) -> Self {
        match missed {
            Missed::Skip => Self::Skip,
            Missed::Latest => Self::Latest,
            Missed::All => Self::All,
        }
    }
}
