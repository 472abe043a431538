//! What is known about a job that might explain why it is not running.

use chrono::{DateTime, Utc};
use domain::explain::{Later, Limit, Paused, Resting, Running, Standing, Waiting};
use domain::{JobId, JobState, TenantId, WorkerId};
use serde_json::value::RawValue;
use sqlx::PgTransaction;
use sqlx::types::Json;

use crate::error::Error;
use crate::pool::Store;
use crate::queues::{MOST_COUNTED, RATES_OVER};
use crate::row::{count, parse};

/// As many of the jobs that use up a limit are named.
const MOST_HOLDERS: i64 = 10;
/// The event of a job that its handler has put off.
const SNOOZED: &str = "snoozed";

/// Where a job stands, and when that was.
#[derive(Clone, Debug, PartialEq)]
pub struct Situation {
    /// Where it stands.
    pub standing: Standing,
    /// By Postgres' clock.
    pub as_of: DateTime<Utc>,
}

/// What a job's requests go to, told by its kind and payload; its breaker's key.
pub type TargetOf = fn(kind: &str, payload: &str) -> Option<String>;

struct JobRow {
    kind: String,
    queue: String,
    payload: Json<Box<RawValue>>,
    state: String,
    run_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
    cancel_requested_at: Option<DateTime<Utc>>,
    error_code: Option<String>,
    attempts_spent: i32,
    last_event: Option<String>,
    now: DateTime<Utc>,
}

impl Store {
    /// Finds out all that might keep a job from running; `None` when the tenant has no such job. `announcing` says that
    /// jobs are announced on a queue that is not the outbox itself.
    ///
    /// # Errors
    /// When a statement failed.
    pub async fn situation(
        &self,
        tenant_id: TenantId,
        id: JobId,
        announcing: bool,
        target_of: TargetOf,
    ) -> Result<Option<Situation>, Error> {
        let mut tx = self.begin(tenant_id).await?;
        // One snapshot, so that a job that is moved meanwhile is found where it was.
        sqlx::query!("set transaction isolation level repeatable read read only")
            .execute(&mut *tx)
            .await?;
        let Some(job) = read_job(&mut tx, id).await? else {
            return Ok(None);
        };
        let as_of = job.now;
        let standing = match parse::<JobState>(&job.state)? {
            JobState::Running => running(&mut tx, id, &job).await?,
            JobState::Scheduled => later(&mut tx, tenant_id, &job, target_of).await?,
            JobState::Queued => waiting(&mut tx, id, &job, announcing).await?,
            state @ (JobState::Succeeded | JobState::Failed | JobState::Cancelled | JobState::Expired) => {
                Standing::Ended {
                    state,
                    at: job.finished_at.unwrap_or(as_of),
                }
            }
        };
        tx.commit().await?;
        Ok(Some(Situation { standing, as_of }))
    }
}

async fn read_job(tx: &mut PgTransaction<'static>, id: JobId) -> Result<Option<JobRow>, Error> {
    Ok(sqlx::query_as!(
        JobRow,
        r#"
        select kind, queue, payload as "payload: Json<Box<RawValue>>", state, run_at, finished_at, cancel_requested_at,
               error_code, attempts_spent,
               (select e.event from job_event e where e.job_id = j.id and e.number = j.version) as last_event,
               now() as "now!"
        from job j where id = $1
        "#,
        id.0,
    )
    .fetch_optional(&mut **tx)
    .await?)
}

async fn running(tx: &mut PgTransaction<'static>, id: JobId, job: &JobRow) -> Result<Standing, Error> {
    let row = sqlx::query!(
        r#"
        select c.attempt, c.worker_id, c.started_at, w.lease_expires_at as "lease_expires_at?"
        from claim c left join worker w on w.id = c.worker_id
        where c.job_id = $1
        "#,
        id.0,
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(Standing::Running(Running {
        attempt: count(row.attempt)?,
        worker_id: WorkerId(row.worker_id),
        started_at: row.started_at,
        lease_expires_at: row.lease_expires_at,
        cancel_requested: job.cancel_requested_at.is_some(),
    }))
}

async fn later(
    tx: &mut PgTransaction<'static>,
    tenant_id: TenantId,
    job: &JobRow,
    target_of: TargetOf,
) -> Result<Standing, Error> {
    let resting = match target_of(&job.kind, job.payload.0.get()) {
        Some(target) => sqlx::query!(
            "select target, open_until, last_error from breaker where tenant_id = $1 and target = $2",
            tenant_id.0,
            target,
        )
        .fetch_optional(&mut **tx)
        .await?
        .map(|row| Resting {
            target: row.target,
            until: row.open_until,
            last_error: row.last_error,
        }),
        None => None,
    };
    Ok(Standing::Later(Later {
        run_at: job.run_at,
        resting,
        attempts_spent: count(job.attempts_spent)?,
        error_code: job.error_code.clone(),
        snoozed: job.last_event.as_deref() == Some(SNOOZED),
    }))
}

async fn waiting(
    tx: &mut PgTransaction<'static>,
    id: JobId,
    job: &JobRow,
    announcing: bool,
) -> Result<Standing, Error> {
    let row = sqlx::query!(
        r#"
        select o.announced_at,
               (select count(*) from (
                    select from outbox b
                    where b.queue = o.queue and b.tenant_id = o.tenant_id
                      and (b.visible_at, b.job_id) < (o.visible_at, o.job_id)
                    limit $3) before) as "ahead!",
               (select count(*) from worker w where w.lease_expires_at > now()) as "workers!",
               (select count(*) from worker w where w.lease_expires_at > now() and $2 = any (w.kinds))
                   as "workers_of_kind!",
               (select coalesce(sum(a.started), 0)::bigint from queue_activity a
                where a.queue = o.queue and a.tenant_id = o.tenant_id
                  and a.at > now() - $4::float8 * interval '1 second') as "started!"
        from outbox o where o.job_id = $1
        "#,
        id.0,
        job.kind,
        MOST_COUNTED.cast_signed(),
        RATES_OVER.as_secs_f64(),
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(Standing::Waiting(Box::new(Waiting {
        queue: job.queue.parse().map_err(Error::corrupt)?,
        kind: job.kind.parse().map_err(Error::corrupt)?,
        pause: pause(tx, &job.queue).await?,
        limit: limit(tx).await?,
        workers: row.workers.unsigned_abs(),
        workers_of_kind: row.workers_of_kind.unsigned_abs(),
        run_at: job.run_at,
        announced: announcing.then_some(row.announced_at.is_some()),
        ahead: row.ahead.unsigned_abs(),
        started_per_sec: row.started as f64 / RATES_OVER.as_secs_f64(),
    })))
}

/// An operator's pause comes first, because it outlasts the tenant's own.
async fn pause(tx: &mut PgTransaction<'static>, queue: &str) -> Result<Option<Paused>, Error> {
    let row = sqlx::query!(
        r#"
        select everyone as "everyone!", paused_at as "paused_at!", reason from (
            select true as everyone, paused_at, reason from lane_pause where queue = $1
            union all
            select false, paused_at, reason from queue_pause where queue = $1 and tenant_id = current_tenant()
        ) p
        order by everyone desc limit 1
        "#,
        queue,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|row| Paused {
        everyone: row.everyone,
        since: row.paused_at,
        reason: row.reason,
    }))
}

async fn limit(tx: &mut PgTransaction<'static>) -> Result<Option<Limit>, Error> {
    let row = sqlx::query!(
        r#"
        select t.max_running_jobs as "max_running_jobs!",
               (select count(*) from claim c where c.tenant_id = t.id) as "running!",
               array(select c.job_id from claim c where c.tenant_id = t.id order by c.started_at limit $1)
                   as "holders!"
        from tenant t where t.id = current_tenant() and t.max_running_jobs is not null
        "#,
        MOST_HOLDERS,
    )
    .fetch_optional(&mut **tx)
    .await?;
    row.map(|row| {
        Ok(Limit {
            max_running_jobs: u64::try_from(row.max_running_jobs).map_err(Error::corrupt)?,
            running: row.running.unsigned_abs(),
            holders: row.holders.into_iter().map(JobId).collect(),
        })
    })
    .transpose()
}
