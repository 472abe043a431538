//! Reading jobs, their attempts and their history, as their tenant sees them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{JobId, JobState, JsonPointer, TenantId, WorkerId};
use serde_json::value::RawValue;
use sqlx::types::Json;
use uuid::Uuid;

use crate::error::Error;
use crate::pool::Store;
use crate::row::{count, duration_ms, fire, parse, policy};

/// A job as it stands.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Names the handler.
    pub kind: String,
    /// The lane.
    pub queue: String,
    /// Where it stands.
    pub state: JobState,
    /// What the handler gets; not read for lists.
    pub payload: Option<Box<RawValue>>,
    /// Attempts and back-off.
    pub policy: domain::RetryPolicy,
    /// How long one attempt may take.
    pub timeout: std::time::Duration,
    /// Labels.
    pub tags: Vec<String>,
    /// What its owner wants to know about it; not read for lists.
    pub metadata: BTreeMap<String, String>,
    /// What of the payload is shown masked; not read for lists.
    pub sensitive: Vec<JsonPointer>,
    /// The number of attempts ever started.
    pub attempt: u32,
    /// Attempts that count against the policy's maximum.
    pub attempts_spent: u32,
    /// Grows with every event.
    pub version: u32,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// When it is, or was, due.
    pub run_at: DateTime<Utc>,
    /// It expires when it was not started by then.
    pub start_by: Option<DateTime<Utc>>,
    /// When it reached its terminal state.
    pub finished_at: Option<DateTime<Utc>>,
    /// When somebody asked for its end.
    pub cancel_requested_at: Option<DateTime<Utc>>,
    /// The class of the last attempt's failure.
    pub error_code: Option<String>,
    /// The last attempt's failure, for a person.
    pub error_message: Option<String>,
    /// What the handler returned; not read for lists.
    pub result: Option<Box<RawValue>>,
    /// The request that submitted it.
    pub request_id: Option<String>,
    /// The W3C trace context of the submit.
    pub traceparent: Option<String>,
    /// The schedule that made it, if one did.
    pub fire: Option<domain::schedule::Fire>,
}

/// One start of a job.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Its number, from 1.
    pub attempt: u32,
    /// The worker process that ran it.
    pub worker_id: WorkerId,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended; `None` while it runs.
    pub finished_at: Option<DateTime<Utc>>,
    /// How it ended; `None` while it runs.
    pub event: Option<String>,
    /// The class of its failure.
    pub error_code: Option<String>,
    /// Its failure, for a person.
    pub error_message: Option<String>,
}

/// Something that happened to a job.
#[derive(Clone, Debug)]
pub struct JobEvent {
    /// Its number within the job, from 1; grows by one.
    pub number: u32,
    /// When.
    pub at: DateTime<Utc>,
    /// What: `submitted`, or one of [`domain::Event`].
    pub event: String,
    /// The attempt that it belongs to.
    pub attempt: Option<u32>,
}

impl JobEvent {
    /// The terminal state that the job is in after it; `None` when the job goes on.
    #[must_use]
    pub fn end_state(&self) -> Option<JobState> {
        self.event.parse::<domain::Event>().ok()?.end_state()
    }
}

/// Which jobs to list; what is `None` does not filter.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    /// In this state.
    pub state: Option<JobState>,
    /// Of this kind.
    pub kind: Option<String>,
    /// In this lane.
    pub queue: Option<String>,
    /// With this label.
    pub tag: Option<String>,
    /// Accepted at or after this.
    pub created_after: Option<DateTime<Utc>>,
    /// Accepted before this.
    pub created_before: Option<DateTime<Utc>>,
    /// Older than this job: the last one of the page before.
    pub before: Option<JobId>,
}

struct JobRow {
    id: Uuid,
    kind: String,
    queue: String,
    state: String,
    payload: Option<Json<Box<RawValue>>>,
    max_attempts: i32,
    backoff_initial_ms: i64,
    backoff_factor: f64,
    backoff_max_ms: i64,
    timeout_ms: i64,
    tags: Vec<String>,
    metadata: Option<Json<BTreeMap<String, String>>>,
    sensitive: Option<Json<Vec<JsonPointer>>>,
    attempt: i32,
    attempts_spent: i32,
    version: i32,
    created_at: DateTime<Utc>,
    run_at: DateTime<Utc>,
    start_by: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    cancel_requested_at: Option<DateTime<Utc>>,
    error_code: Option<String>,
    error_message: Option<String>,
    result: Option<Json<Box<RawValue>>>,
    request_id: Option<String>,
    traceparent: Option<String>,
    schedule: Option<String>,
    fire_at: Option<DateTime<Utc>>,
}

impl TryFrom<JobRow> for Job {
    type Error = Error;

    fn try_from(row: JobRow) -> Result<Self, Error> {
        Ok(Self {
            id: JobId(row.id),
            kind: row.kind,
            queue: row.queue,
            state: parse(&row.state)?,
            payload: row.payload.map(|payload| payload.0),
            policy: policy(
                row.max_attempts,
                row.backoff_initial_ms,
                row.backoff_factor,
                row.backoff_max_ms,
            )?,
            timeout: duration_ms(row.timeout_ms),
            tags: row.tags,
            metadata: row.metadata.unwrap_or_default().0,
            sensitive: row.sensitive.unwrap_or_default().0,
            attempt: count(row.attempt)?,
            attempts_spent: count(row.attempts_spent)?,
            version: count(row.version)?,
            created_at: row.created_at,
            run_at: row.run_at,
            start_by: row.start_by,
            finished_at: row.finished_at,
            cancel_requested_at: row.cancel_requested_at,
            error_code: row.error_code,
            error_message: row.error_message,
            result: row.result.map(|result| result.0),
            request_id: row.request_id,
            traceparent: row.traceparent,
            fire: fire(row.schedule, row.fire_at),
        })
    }
}

impl Store {
    /// Reads one job; `None` when the tenant has no such job.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn job(&self, tenant_id: TenantId, id: JobId) -> Result<Option<Job>, Error> {
        let mut tx = self.begin(tenant_id).await?;
        let row = sqlx::query_as!(
            JobRow,
            r#"
            select id, kind, queue, state, payload as "payload?: _", max_attempts, backoff_initial_ms, backoff_factor,
                   backoff_max_ms, timeout_ms, tags, attempt, attempts_spent, version, created_at, run_at, start_by,
                   finished_at, cancel_requested_at, error_code, error_message, result as "result: _", request_id,
                   traceparent, schedule, fire_at, metadata as "metadata: _", sensitive as "sensitive: _"
            from job where id = $1
            "#,
            id.0,
        )
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        row.map(Job::try_from).transpose()
    }

    /// Reads up to `limit` jobs, newest first, without payloads and results. A state whose jobs have tokens is read from those, so that finding a
    /// hundred failures does not read a million successes.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn list_jobs(
        &self,
        tenant_id: TenantId,
        filter: &JobFilter,
        limit: i64,
    ) -> Result<Vec<Job>, Error> {
        let state = filter.state.map(JobState::as_str);
        let has_token = matches!(
            filter.state,
            Some(JobState::Scheduled | JobState::Queued | JobState::Running | JobState::Failed)
        );
        let mut tx = self.begin(tenant_id).await?;
        let rows = sqlx::query_as!(
            JobRow,
            r#"
            select id, kind, queue, state, null::json as "payload: _", max_attempts, backoff_initial_ms, backoff_factor,
                   backoff_max_ms, timeout_ms, tags, attempt, attempts_spent, version, created_at, run_at, start_by,
                   finished_at, cancel_requested_at, error_code, error_message, null::json as "result: _", request_id,
                   traceparent, schedule, fire_at, null::json as "metadata: _", null::json as "sensitive: _"
            from job
            where tenant_id = $1
              and (not $2 or id = any(array(
                    select job_id from outbox where $3 = 'queued'
                    union all select job_id from due where $3 = 'scheduled'
                    union all select job_id from claim where $3 = 'running'
                    union all select job_id from dead_letter where $3 = 'failed')))
              and ($3::text is null or state = $3)
              and ($4::text is null or kind = $4)
              and ($5::text is null or queue = $5)
              and ($6::text is null or $6 = any(tags))
              and ($7::timestamptz is null or id >= uuid_v7_floor($7))
              and ($8::timestamptz is null or id < uuid_v7_floor($8))
              and ($9::uuid is null or id < $9)
            order by id desc
            limit $10
            "#,
            tenant_id.0,
            has_token,
            state,
            filter.kind,
            filter.queue,
            filter.tag,
            filter.created_after,
            filter.created_before,
            filter.before.map(|id| id.0),
            limit,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        rows.into_iter().map(Job::try_from).collect()
    }

    /// Reads a job's attempts, first one first, the running one included; `None` when the tenant has no such job.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn attempts(&self, tenant_id: TenantId, id: JobId) -> Result<Option<Vec<Attempt>>, Error> {
        let mut tx = self.begin(tenant_id).await?;
        let rows = sqlx::query!(
            r#"
            select a.attempt as "attempt?", a.worker_id as "worker_id?", a.started_at as "started_at?", a.finished_at,
                   a.event, a.error_code, a.error_message
            from job j
            left join (
                select job_id, attempt, worker_id, started_at, finished_at, event, error_code, error_message
                from attempt where job_id = $1
                union all
                select job_id, attempt, worker_id, started_at, null, null, null, null from claim where job_id = $1
            ) a on a.job_id = j.id
            where j.id = $1
            order by a.attempt
            "#,
            id.0,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let mut attempts = Vec::with_capacity(rows.len());
        for row in rows {
            if let (Some(attempt), Some(worker_id), Some(started_at)) =
                (row.attempt, row.worker_id, row.started_at)
            {
                attempts.push(Attempt {
                    attempt: count(attempt)?,
                    worker_id: WorkerId(worker_id),
                    started_at,
                    finished_at: row.finished_at,
                    event: row.event,
                    error_code: row.error_code,
                    error_message: row.error_message,
                });
            }
        }
        Ok(Some(attempts))
    }

    /// Reads a job's history, first event first; `None` when the tenant has no such job.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn events(&self, tenant_id: TenantId, id: JobId) -> Result<Option<Vec<JobEvent>>, Error> {
        let mut tx = self.begin(tenant_id).await?;
        let rows = sqlx::query!(
            r#"
            select 1 as "number!", created_at as "at!", 'submitted' as "event!", null::integer as attempt
            from job where id = $1
            union all
            select number, at, event, attempt from job_event where job_id = $1
            order by 1
            "#,
            id.0,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        if rows.is_empty() {
            return Ok(None);
        }
        rows.into_iter()
            .map(|row| {
                let attempt = row.attempt.map(count).transpose()?;
                Ok(JobEvent {
                    number: count(row.number)?,
                    at: row.at,
                    event: row.event,
                    attempt,
                })
            })
            .collect::<Result<_, Error>>()
            .map(Some)
    }
}
