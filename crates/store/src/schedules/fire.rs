//! Firing schedules: the next fire time is the token. Whoever moves it on makes the jobs, in the same transaction.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::schedule::{Overlap, Plan};
use domain::{JobId, TenantId};
use sqlx::PgTransaction;
use uuid::Uuid;

use crate::control::{Cancel, cancel};
use crate::error::Error;
use crate::pool::Store;
use crate::row::{count, parse};

/// How long a schedule that could not be fired is left alone.
const RETRY_AFTER_SECS: f64 = 60.0;
/// The longest error that is kept with a schedule, in characters.
const MAX_ERROR_CHARS: i32 = 1_000;

/// A schedule whose next fire time has come. Its texts are as the row has them; one that this version can't read must not
/// keep the others from being read.
#[derive(Clone, Debug)]
pub struct DueSchedule {
    /// The owner.
    pub tenant_id: TenantId,
    /// Its name.
    pub name: String,
    /// The cron expression.
    pub cron: String,
    /// The zone.
    pub time_zone: String,
    /// What it does while its previous job has not ended.
    pub overlap: String,
    /// What it does about missed fire times.
    pub missed: String,
    /// A fire time is missed once it is older than this.
    pub missed_after: Duration,
    /// The fire time that has come.
    pub due_at: DateTime<Utc>,
    /// Postgres' time when this was read.
    pub now: DateTime<Utc>,
}

/// What a schedule shall do.
#[derive(Clone, Debug)]
pub struct Firing {
    /// The owner.
    pub tenant_id: TenantId,
    /// The schedule.
    pub name: String,
    /// The fire time that has come; should it not be the next one any more, somebody else has fired.
    pub due_at: DateTime<Utc>,
    /// The fire times to make jobs for, and what comes after.
    pub plan: Plan,
    /// The ids of these jobs.
    pub job_ids: Vec<JobId>,
}

/// A job that a schedule has made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FiredJob {
    /// The job.
    pub id: JobId,
    /// The lane to ring.
    pub queue: String,
}

/// What a schedule has done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fired {
    /// The owner.
    pub tenant_id: TenantId,
    /// The schedule.
    pub name: String,
    /// The jobs that it has made.
    pub jobs: Vec<FiredJob>,
    /// Whether it has made none because its previous job has not ended.
    pub skipped: bool,
    /// The job that it has ended, which had not started.
    pub cancelled: Option<JobId>,
}

/// A schedule that could not be fired.
#[derive(Clone, Debug)]
pub struct UnfiredSchedule {
    /// The owner.
    pub tenant_id: TenantId,
    /// The schedule.
    pub name: String,
    /// The fire time that has come.
    pub due_at: DateTime<Utc>,
    /// Why it could not, for whoever keeps the schedule.
    pub error: String,
}

impl Store {
    /// Reads schedules whose next fire time has come, at most `limit`, the most overdue first.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn due_schedules(&self, limit: i64) -> Result<Vec<DueSchedule>, Error> {
        let mut connection = self.acquire().await?;
        let rows = sqlx::query!(
            r#"
            select tenant_id, name, cron, time_zone, overlap, missed, missed_after_secs, next_fire_at as "due_at!",
                   now() as "now!"
            from schedule
            where next_fire_at <= now() and (retry_at is null or retry_at <= now())
            order by next_fire_at
            limit $1
            "#,
            limit,
        )
        .fetch_all(&mut *connection)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(DueSchedule {
                    tenant_id: TenantId(row.tenant_id),
                    name: row.name,
                    cron: row.cron,
                    time_zone: row.time_zone,
                    overlap: row.overlap,
                    missed: row.missed,
                    missed_after: Duration::from_secs(count(row.missed_after_secs)?.into()),
                    due_at: row.due_at,
                    now: row.now,
                })
            })
            .collect()
    }

    /// How long until the next schedule fires, by Postgres' clock; `None` when none will.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn next_fire_in(&self) -> Result<Option<Duration>, Error> {
        let mut connection = self.acquire().await?;
        let wait_secs = sqlx::query_scalar!(
            r#"
            select extract(epoch from next_fire_at - clock_timestamp())::float8 as "wait_secs!"
            from schedule
            where next_fire_at is not null and retry_at is null
            order by next_fire_at
            limit 1
            "#,
        )
        .fetch_optional(&mut *connection)
        .await?;
        Ok(wait_secs.map(|secs| Duration::try_from_secs_f64(secs).unwrap_or_default()))
    }

    /// Makes the jobs of schedules, in one transaction with moving their next fire times on. Answers only for those that
    /// nobody else has fired, paused or deleted since they were read.
    ///
    /// # Errors
    /// When a statement failed: nothing was done. Unless the error is transient it is about one of the schedules, and
    /// the others can be fired without it.
    pub async fn fire(&self, firings: &[Firing]) -> Result<Vec<Fired>, Error> {
        self.in_time(async {
            let mut tx = self.begin_for_all().await?;
            match fire_in(&mut tx, firings).await {
                Ok(fired) => {
                    tx.commit().await?;
                    Ok(fired)
                }
                Err(error) => {
                    // At once, not when the connection is used again: who then fires each alone must not find them held.
                    tx.rollback().await?;
                    Err(error)
                }
            }
        })
        .await
    }

    /// Keeps with schedules why they could not be fired, and leaves them alone for a minute.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn record_unfired(&self, unfired: &[UnfiredSchedule]) -> Result<(), Error> {
        let mut connection = self.acquire().await?;
        let tenants: Vec<Uuid> = unfired.iter().map(|schedule| schedule.tenant_id.0).collect();
        let names: Vec<String> = unfired.iter().map(|schedule| schedule.name.clone()).collect();
        let due: Vec<DateTime<Utc>> = unfired.iter().map(|schedule| schedule.due_at).collect();
        let errors: Vec<String> = unfired.iter().map(|schedule| schedule.error.clone()).collect();
        sqlx::query!(
            r#"
            update schedule s
            set last_error = left(u.error, $5), last_error_at = now(), retry_at = now() + make_interval(secs => $6)
            from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[]) as u (tenant_id, name, due_at, error)
            where s.tenant_id = u.tenant_id and s.name = u.name and s.next_fire_at = u.due_at
            "#,
            &tenants,
            &names,
            &due,
            &errors,
            MAX_ERROR_CHARS,
            RETRY_AFTER_SECS,
        )
        .execute(&mut *connection)
        .await?;
        Ok(())
    }

    /// Forgets fire times whose jobs were made so many days ago, at most `limit`; answers how many.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn purge_schedule_fires(&self, keep_days: i32, limit: i64) -> Result<u64, Error> {
        let mut connection = self.acquire().await?;
        let purged = sqlx::query!(
            r#"
            delete from schedule_fire
            where (tenant_id, schedule, fire_at) in (
                select tenant_id, schedule, fire_at from schedule_fire
                where fired_at < now() - make_interval(days => $1)
                order by fired_at
                limit $2
            )
            "#,
            keep_days,
            limit,
        )
        .execute(&mut *connection)
        .await?;
        Ok(purged.rows_affected())
    }
}

async fn fire_in(tx: &mut PgTransaction<'static>, firings: &[Firing]) -> Result<Vec<Fired>, Error> {
    let held = hold(tx, firings).await?;
    if held.is_empty() {
        return Ok(Vec::new());
    }
    let mut fired = make_jobs(tx, &held).await?;
    for (schedule, previous) in &mut fired {
        if let Some(previous) = previous
            && cancel(tx, *previous).await? == Cancel::Cancelled
        {
            schedule.cancelled = Some(*previous);
        }
    }
    Ok(fired.into_iter().map(|(schedule, _)| schedule).collect())
}

/// Those of the schedules that are still to be fired; nobody else changes them until the transaction ends. In a statement
/// of its own, so that the next one sees everything that was done before the rows were held.
async fn hold<'a>(tx: &mut PgTransaction<'static>, firings: &'a [Firing]) -> Result<Vec<&'a Firing>, Error> {
    let tenants: Vec<Uuid> = firings.iter().map(|firing| firing.tenant_id.0).collect();
    let names: Vec<String> = firings.iter().map(|firing| firing.name.clone()).collect();
    let due: Vec<DateTime<Utc>> = firings.iter().map(|firing| firing.due_at).collect();
    let held = sqlx::query_scalar!(
        r#"
        select w.place as "place!"
        from unnest($1::uuid[], $2::text[], $3::timestamptz[]) with ordinality as w (tenant_id, name, due_at, place)
        join schedule s on s.tenant_id = w.tenant_id and s.name = w.name and s.next_fire_at = w.due_at
        for update of s skip locked
        "#,
        &tenants,
        &names,
        &due,
    )
    .fetch_all(&mut **tx)
    .await?;
    let place = |place: i64| firings.get(usize::try_from(place - 1).ok()?);
    Ok(held.into_iter().filter_map(place).collect())
}

/// The schedules with what they have done, and the jobs that must be cancelled for it.
async fn make_jobs(
    tx: &mut PgTransaction<'static>,
    firings: &[&Firing],
) -> Result<Vec<(Fired, Option<JobId>)>, Error> {
    let tenants: Vec<Uuid> = firings.iter().map(|firing| firing.tenant_id.0).collect();
    let names: Vec<String> = firings.iter().map(|firing| firing.name.clone()).collect();
    let next: Vec<Option<DateTime<Utc>>> = firings.iter().map(|firing| firing.plan.next_fire_at).collect();
    let fires = || {
        firings
            .iter()
            .flat_map(|firing| firing.plan.fires.iter().map(move |at| (firing, *at)))
    };
    let fire_tenants: Vec<Uuid> = fires().map(|(firing, _)| firing.tenant_id.0).collect();
    let fire_names: Vec<String> = fires().map(|(firing, _)| firing.name.clone()).collect();
    let fire_at: Vec<DateTime<Utc>> = fires().map(|(_, at)| at).collect();
    let job_ids: Vec<Uuid> = firings
        .iter()
        .flat_map(|firing| firing.job_ids.iter().take(firing.plan.fires.len()).map(|id| id.0))
        .collect();
    let rows = sqlx::query_as!(
        MadeRow,
        r#"
        with held as (
            select s.tenant_id, s.name, s.kind, s.queue, s.payload, s.tags, s.max_attempts, s.backoff_initial_ms,
                   s.backoff_factor, s.backoff_max_ms, s.timeout_ms, s.overlap, s.last_job_id, w.next_fire_at,
                   coalesce((select j.state in ('scheduled', 'queued', 'running') from job j where j.id = s.last_job_id),
                            false) as previous_lives
            from unnest($1::uuid[], $2::text[], $3::timestamptz[]) as w (tenant_id, name, next_fire_at)
            join schedule s on s.tenant_id = w.tenant_id and s.name = w.name
        ), guard as (
            insert into schedule_fire (tenant_id, schedule, fire_at, job_id)
            select f.tenant_id, f.name, f.fire_at, f.job_id
            from unnest($4::uuid[], $5::text[], $6::timestamptz[], $7::uuid[]) as f (tenant_id, name, fire_at, job_id)
            join held h on h.tenant_id = f.tenant_id and h.name = f.name
            where not (h.overlap = 'skip' and h.previous_lives)
            on conflict do nothing
            returning tenant_id, schedule, fire_at, job_id
        ), made as (
            insert into job (id, tenant_id, kind, queue, payload, tags, max_attempts, backoff_initial_ms, backoff_factor,
                             backoff_max_ms, timeout_ms, schedule, fire_at, state)
            select g.job_id, h.tenant_id, h.kind, h.queue, h.payload, h.tags, h.max_attempts, h.backoff_initial_ms,
                   h.backoff_factor, h.backoff_max_ms, h.timeout_ms, g.schedule, g.fire_at, 'queued'
            from guard g join held h on h.tenant_id = g.tenant_id and h.name = g.schedule
            returning id, tenant_id, queue, schedule, fire_at
        ), rung as (
            insert into outbox (job_id, tenant_id, queue) select id, tenant_id, queue from made
        ), newest as (
            select distinct on (tenant_id, schedule) tenant_id, schedule, fire_at, id
            from made order by tenant_id, schedule, fire_at desc
        ), moved as (
            update schedule s
            set next_fire_at = h.next_fire_at, last_fired_at = coalesce(n.fire_at, s.last_fired_at),
                last_job_id = coalesce(n.id, s.last_job_id), last_error = null, last_error_at = null, retry_at = null
            from held h left join newest n on n.tenant_id = h.tenant_id and n.schedule = h.name
            where s.tenant_id = h.tenant_id and s.name = h.name
        )
        select h.tenant_id, h.name, h.overlap, h.previous_lives as "previous_lives!", h.last_job_id, m.id as "job_id?",
               m.queue as "queue?"
        from held h left join made m on m.tenant_id = h.tenant_id and m.schedule = h.name
        order by m.fire_at
        "#,
        &tenants,
        &names,
        &next as &[Option<DateTime<Utc>>],
        &fire_tenants,
        &fire_names,
        &fire_at,
        &job_ids,
    )
    .fetch_all(&mut **tx)
    .await?;
    told(rows)
}

/// One job that a schedule has made, or the schedule alone when it has made none.
struct MadeRow {
    tenant_id: Uuid,
    name: String,
    overlap: String,
    previous_lives: bool,
    last_job_id: Option<Uuid>,
    job_id: Option<Uuid>,
    queue: Option<String>,
}

fn told(rows: Vec<MadeRow>) -> Result<Vec<(Fired, Option<JobId>)>, Error> {
    let mut fired: BTreeMap<(Uuid, String), (Fired, Option<JobId>)> = BTreeMap::new();
    for row in rows {
        let overlap: Overlap = parse(&row.overlap)?;
        let entry = fired.entry((row.tenant_id, row.name.clone())).or_insert_with(|| {
            let schedule = Fired {
                tenant_id: TenantId(row.tenant_id),
                name: row.name,
                jobs: Vec::new(),
                skipped: overlap == Overlap::Skip && row.previous_lives,
                cancelled: None,
            };
            (schedule, None)
        });
        if let Some((id, queue)) = row.job_id.zip(row.queue) {
            entry.0.jobs.push(FiredJob { id: JobId(id), queue });
            if overlap == Overlap::CancelPrevious && row.previous_lives {
                entry.1 = row.last_job_id.map(JobId);
            }
        }
    }
    Ok(fired.into_values().collect())
}
