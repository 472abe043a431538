//! Schedules: what they are. `change` is what their tenant does to them, `fire` what makes their jobs.

mod admit;
mod change;
mod fire;
mod fire_now;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::schedule::{Missed, Overlap, Skip, Timing};
use domain::unique::Window;
use domain::{JobId, JobTemplate, JsonPointer, RetryPolicy, ScheduleId, ScheduleName, TenantId, Unique};
use serde_json::value::RawValue;
use sqlx::PgTransaction;
use sqlx::types::Json;
use uuid::Uuid;

use crate::error::Error;
use crate::pool::Store;
use crate::row::{count, duration_ms, parse, policy};

pub use change::{DeletedSchedule, PutSchedule};
pub use fire::{DueSchedule, Fired, FiredJob, Fires, Firing, UnfiredSchedule};
pub use fire_now::{FiredNow, Trigger};

/// What a schedule shall be.
#[derive(Clone, Debug)]
pub struct ScheduleChange {
    /// Its name; what it has otherwise replaces whatever the tenant's schedule of this name has.
    pub name: ScheduleName,
    /// When it fires.
    pub timing: Timing,
    /// What it does while its previous job has not ended.
    pub overlap: Overlap,
    /// What it does about missed fire times.
    pub missed: Missed,
    /// A fire time is missed once it is older than this; whole seconds.
    pub missed_after: Duration,
    /// The jobs that it makes.
    pub job: JobTemplate,
}

/// A schedule as it stands. Its texts are as they were stored: a zone may have been known to the version that stored it
/// only.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Its place in the order of schedules.
    pub id: ScheduleId,
    /// Its name.
    pub name: String,
    /// The cron expression.
    pub cron: String,
    /// The zone whose clocks the expression is about.
    pub time_zone: String,
    /// What it does while its previous job has not ended.
    pub overlap: Overlap,
    /// What it does about missed fire times.
    pub missed: Missed,
    /// A fire time is missed once it is older than this.
    pub missed_after: Duration,
    /// Names the handler of its jobs.
    pub kind: String,
    /// The lane of its jobs.
    pub queue: String,
    /// What the handler gets; not read for lists.
    pub payload: Option<Box<RawValue>>,
    /// Labels of its jobs.
    pub tags: Vec<String>,
    /// What their owner wants to know about its jobs; not read for lists.
    pub metadata: BTreeMap<String, String>,
    /// What of their payload is shown masked; not read for lists.
    pub sensitive: Vec<JsonPointer>,
    /// That no other job does the same work as one of its jobs.
    pub unique: Option<Unique>,
    /// Its jobs expire when they were not started so long after they were made.
    pub start_within: Option<Duration>,
    /// Attempts and back-off of its jobs.
    pub policy: RetryPolicy,
    /// How long an attempt of its jobs may take.
    pub timeout: Duration,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When somebody last changed it.
    pub updated_at: DateTime<Utc>,
    /// Grows with every change that somebody makes.
    pub version: u32,
    /// Since when it is paused.
    pub paused_at: Option<DateTime<Utc>>,
    /// When it fires next; `None` while it is paused.
    pub next_fire_at: Option<DateTime<Utc>>,
    /// The nominal time of its newest job.
    pub last_fired_at: Option<DateTime<Utc>>,
    /// Its newest job.
    pub last_job_id: Option<JobId>,
    /// The newest fire time that was let go without a job.
    pub last_skipped_at: Option<DateTime<Utc>>,
    /// Why that was.
    pub last_skip_reason: Option<Skip>,
    /// Why it could not be fired when it was last tried.
    pub last_error: Option<String>,
    /// When that was.
    pub last_error_at: Option<DateTime<Utc>>,
}

struct ScheduleRow {
    id: i64,
    name: String,
    cron: String,
    time_zone: String,
    overlap: String,
    missed: String,
    missed_after_secs: i32,
    kind: String,
    queue: String,
    payload: Option<Json<Box<RawValue>>>,
    tags: Vec<String>,
    metadata: Option<Json<BTreeMap<String, String>>>,
    sensitive: Option<Json<Vec<JsonPointer>>>,
    unique_key: Option<Vec<u8>>,
    unique_ms: Option<i64>,
    unique_on_conflict: Option<String>,
    start_within_ms: Option<i64>,
    max_attempts: i32,
    backoff_initial_ms: i64,
    backoff_factor: f64,
    backoff_max_ms: i64,
    timeout_ms: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i32,
    paused_at: Option<DateTime<Utc>>,
    next_fire_at: Option<DateTime<Utc>>,
    last_fired_at: Option<DateTime<Utc>>,
    last_job_id: Option<Uuid>,
    last_skipped_at: Option<DateTime<Utc>>,
    last_skip_reason: Option<String>,
    last_error: Option<String>,
    last_error_at: Option<DateTime<Utc>>,
}

impl TryFrom<ScheduleRow> for Schedule {
    type Error = Error;

    fn try_from(row: ScheduleRow) -> Result<Self, Error> {
        let unique = unique_of(
            row.unique_key.as_deref(),
            row.unique_ms,
            row.unique_on_conflict.as_deref(),
        )?;
        Ok(Self {
            id: ScheduleId(row.id),
            name: row.name,
            cron: row.cron,
            time_zone: row.time_zone,
            overlap: parse(&row.overlap)?,
            missed: parse(&row.missed)?,
            missed_after: Duration::from_secs(count(row.missed_after_secs)?.into()),
            kind: row.kind,
            queue: row.queue,
            payload: row.payload.map(|payload| payload.0),
            tags: row.tags,
            metadata: row.metadata.unwrap_or_default().0,
            sensitive: row.sensitive.unwrap_or_default().0,
            unique,
            start_within: row.start_within_ms.map(duration_ms),
            policy: policy(
                row.max_attempts,
                row.backoff_initial_ms,
                row.backoff_factor,
                row.backoff_max_ms,
            )?,
            timeout: duration_ms(row.timeout_ms),
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: count(row.version)?,
            paused_at: row.paused_at,
            next_fire_at: row.next_fire_at,
            last_fired_at: row.last_fired_at,
            last_job_id: row.last_job_id.map(JobId),
            last_skipped_at: row.last_skipped_at,
            last_skip_reason: row.last_skip_reason.as_deref().map(parse).transpose()?,
            last_error: row.last_error,
            last_error_at: row.last_error_at,
        })
    }
}

/// What the row of a schedule says about its jobs' uniqueness.
fn unique_of(
    key: Option<&[u8]>,
    period_ms: Option<i64>,
    on_conflict: Option<&str>,
) -> Result<Option<Unique>, Error> {
    let Some((key, on_conflict)) = key.zip(on_conflict) else {
        return Ok(None);
    };
    Ok(Some(Unique {
        key: <[u8; 32]>::try_from(key).map_err(Error::corrupt)?.into(),
        window: period_ms.map_or(Window::Live, |ms| Window::Period(duration_ms(ms))),
        on_conflict: parse(on_conflict)?,
    }))
}

impl Store {
    /// Reads one schedule; `None` when the tenant has no such schedule.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn schedule(
        &self,
        tenant_id: TenantId,
        name: &ScheduleName,
    ) -> Result<Option<Schedule>, Error> {
        let mut tx = self.begin(tenant_id).await?;
        let schedule = read(&mut tx, tenant_id, name.as_str()).await?;
        tx.commit().await?;
        Ok(schedule)
    }

    /// Reads up to `limit` schedules, newest first, from the one after `before`, without payloads.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn list_schedules(
        &self,
        tenant_id: TenantId,
        before: Option<ScheduleId>,
        limit: i64,
    ) -> Result<Vec<Schedule>, Error> {
        let mut tx = self.begin(tenant_id).await?;
        let rows = sqlx::query_as!(
            ScheduleRow,
            r#"
            select id, name, cron, time_zone, overlap, missed, missed_after_secs, kind, queue,
                   null::json as "payload: _", tags, null::json as "metadata: _", null::json as "sensitive: _",
                   unique_key, unique_ms, unique_on_conflict, start_within_ms, max_attempts, backoff_initial_ms,
                   backoff_factor, backoff_max_ms, timeout_ms, created_at, updated_at, version, paused_at, next_fire_at,
                   last_fired_at, last_job_id, last_skipped_at, last_skip_reason, last_error, last_error_at
            from schedule
            where tenant_id = $1 and ($2::bigint is null or id < $2)
            order by id desc
            limit $3
            "#,
            tenant_id.0,
            before.map(|id| id.0),
            limit,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        rows.into_iter().map(Schedule::try_from).collect()
    }
}

async fn read(
    tx: &mut PgTransaction<'static>,
    tenant_id: TenantId,
    name: &str,
) -> Result<Option<Schedule>, Error> {
    let row = sqlx::query_as!(
        ScheduleRow,
        r#"
        select id, name, cron, time_zone, overlap, missed, missed_after_secs, kind, queue, payload as "payload?: _", tags,
               metadata as "metadata: _", sensitive as "sensitive: _", unique_key, unique_ms, unique_on_conflict,
               start_within_ms, max_attempts, backoff_initial_ms, backoff_factor, backoff_max_ms, timeout_ms, created_at,
               updated_at, version, paused_at, next_fire_at, last_fired_at, last_job_id, last_skipped_at,
               last_skip_reason, last_error, last_error_at
        from schedule
        where tenant_id = $1 and name = $2
        "#,
        tenant_id.0,
        name,
    )
    .fetch_optional(&mut **tx)
    .await?;
    row.map(Schedule::try_from).transpose()
}
