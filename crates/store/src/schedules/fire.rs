//! Firing schedules: the next fire time is the token. Whoever moves it on makes the jobs, in the same transaction.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::schedule::{Plan, Skip};
use domain::{JobId, TenantId};
use sqlx::PgTransaction;
use uuid::Uuid;

use super::admit::{Held, admit};
use crate::control::{Cancel, cancel};
use crate::error::Error;
use crate::pool::Store;
use crate::row::count;

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
    /// Why it has made no job for one of its fire times, and will make none.
    pub skipped: Option<Skip>,
    /// The tenant's quota, should fire times wait because it is used up. They are looked at again in a minute.
    pub over_quota: Option<u32>,
}

/// What schedules that fire together have done.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Fires {
    /// What each has done, the most overdue first.
    pub fired: Vec<Fired>,
    /// The jobs that they have ended, which had not started.
    pub cancelled: Vec<JobId>,
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

    /// Makes the jobs of schedules, in one transaction with moving their next fire times on, as far as the quotas of their
    /// tenants have room. Answers only for those that nobody else has fired, paused or deleted since they were read.
    ///
    /// # Errors
    /// When a statement failed: nothing was done. Unless the error is transient it is about one of the schedules, and
    /// the others can be fired without it.
    pub async fn fire(&self, firings: &[Firing]) -> Result<Fires, Error> {
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

async fn fire_in(tx: &mut PgTransaction<'static>, firings: &[Firing]) -> Result<Fires, Error> {
    let firings = hold(tx, firings).await?;
    if firings.is_empty() {
        return Ok(Fires::default());
    }
    let (held, keys) = admit(tx, &firings).await?;
    let mut made = make_jobs(tx, &held).await?;
    let mut cancelled = keys.record(tx).await?;
    let mut fired = Vec::with_capacity(held.len());
    for schedule in held {
        let jobs = made
            .remove(&(schedule.tenant_id.0, schedule.name.clone()))
            .unwrap_or_default();
        if let Some(previous) = schedule.to_cancel
            && !jobs.is_empty()
            && cancel(tx, previous).await? == Cancel::Cancelled
        {
            cancelled.push(previous);
        }
        fired.push(Fired {
            tenant_id: schedule.tenant_id,
            name: schedule.name,
            jobs,
            skipped: schedule.skipped.map(|(_, why)| why),
            over_quota: schedule.over_quota,
        });
    }
    Ok(Fires { fired, cancelled })
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
    // The most overdue first, as they were read: they take what room there is.
    let mut places = held;
    places.sort_unstable();
    let firing = |place: i64| firings.get(usize::try_from(place - 1).ok()?);
    Ok(places.into_iter().filter_map(firing).collect())
}

/// Makes the jobs and moves the schedules on; answers what each has made.
async fn make_jobs(
    tx: &mut PgTransaction<'static>,
    held: &[Held],
) -> Result<HashMap<(Uuid, String), Vec<FiredJob>>, Error> {
    macro_rules! column {
        ($schedule:ident => $value:expr) => {
            &held.iter().map(|$schedule| $value).collect::<Vec<_>>()[..]
        };
    }
    let fires = || {
        held.iter()
            .flat_map(|schedule| schedule.fires.iter().map(move |(at, id)| (schedule, *at, id.0)))
    };
    let fire_tenants: Vec<Uuid> = fires().map(|(schedule, ..)| schedule.tenant_id.0).collect();
    let fire_names: Vec<String> = fires().map(|(schedule, ..)| schedule.name.clone()).collect();
    let fire_at: Vec<DateTime<Utc>> = fires().map(|(_, at, _)| at).collect();
    let job_ids: Vec<Uuid> = fires().map(|(.., id)| id).collect();
    let made = sqlx::query!(
        r#"
        with held as (
            select s.*, w.next_at, w.error, w.skipped_at, w.skip_reason
            from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::timestamptz[], $6::text[])
                as w (of_tenant, of_name, next_at, error, skipped_at, skip_reason)
            join schedule s on s.tenant_id = w.of_tenant and s.name = w.of_name
        ), guard as (
            insert into schedule_fire (tenant_id, schedule, fire_at, job_id)
            select * from unnest($7::uuid[], $8::text[], $9::timestamptz[], $10::uuid[])
            on conflict do nothing
            returning tenant_id, schedule, fire_at, job_id
        ), made as (
            insert into job (id, tenant_id, kind, queue, payload, tags, metadata, sensitive, unique_key, unique_until,
                             start_by, max_attempts, backoff_initial_ms, backoff_factor, backoff_max_ms, timeout_ms,
                             schedule, fire_at, state)
            select g.job_id, h.tenant_id, h.kind, h.queue, h.payload, h.tags, h.metadata, h.sensitive, h.unique_key,
                   now() + h.unique_ms * interval '1 millisecond', now() + h.start_within_ms * interval '1 millisecond',
                   h.max_attempts, h.backoff_initial_ms, h.backoff_factor, h.backoff_max_ms, h.timeout_ms, g.schedule,
                   g.fire_at, 'queued'
            from guard g join held h on h.tenant_id = g.tenant_id and h.name = g.schedule
            returning id, tenant_id, queue, start_by, schedule, fire_at
        ), rung as (
            insert into outbox (job_id, tenant_id, queue, start_by) select id, tenant_id, queue, start_by from made
        ), newest as (
            select distinct on (tenant_id, schedule) tenant_id, schedule, fire_at, id
            from made order by tenant_id, schedule, fire_at desc
        ), moved as (
            update schedule s
            set next_fire_at = h.next_at, last_fired_at = coalesce(n.fire_at, s.last_fired_at),
                last_job_id = coalesce(n.id, s.last_job_id), last_error = h.error,
                last_error_at = case when h.error is not null then now() end,
                retry_at = case when h.error is not null then now() + make_interval(secs => $11) end,
                last_skipped_at = coalesce(h.skipped_at, s.last_skipped_at),
                last_skip_reason = coalesce(h.skip_reason, s.last_skip_reason)
            from held h left join newest n on n.tenant_id = h.tenant_id and n.schedule = h.name
            where s.tenant_id = h.tenant_id and s.name = h.name
        )
        select tenant_id, schedule as "schedule!", id, queue from made order by fire_at
        "#,
        column!(schedule => schedule.tenant_id.0),
        column!(schedule => schedule.name.clone()),
        column!(schedule => schedule.next_fire_at) as &[Option<DateTime<Utc>>],
        column!(schedule => schedule.over_quota.map(no_room)) as &[Option<String>],
        column!(schedule => schedule.skipped.map(|(at, _)| at)) as &[Option<DateTime<Utc>>],
        column!(schedule => schedule.skipped.map(|(_, why)| why.to_string())) as &[Option<String>],
        &fire_tenants,
        &fire_names,
        &fire_at,
        &job_ids,
        RETRY_AFTER_SECS,
    )
    .fetch_all(&mut **tx)
    .await?;
    let mut by_schedule: HashMap<(Uuid, String), Vec<FiredJob>> = HashMap::new();
    for row in made {
        let jobs = by_schedule.entry((row.tenant_id, row.schedule)).or_default();
        jobs.push(FiredJob {
            id: JobId(row.id),
            queue: row.queue,
        });
    }
    Ok(by_schedule)
}

/// What whoever keeps the schedule reads while the quota is used up.
fn no_room(limit: u32) -> String {
    format!("quota_exceeded: the tenant may have {limit} jobs waiting, and this one's would be more")
}
