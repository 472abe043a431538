//! What a tenant does to its schedules.

use domain::schedule::Timing;
use domain::{Precondition, ScheduleName, TenantId};
use serde_json::{Value, json};
use sqlx::PgTransaction;

use super::{Schedule, ScheduleChange, read};
use crate::audit::{self, Actor, Change};
use crate::error::Error;
use crate::insert::{json_unless, unique_ms};
use crate::limits::{Limited, has_room};
use crate::pool::Store;
use crate::row::{count, ms};

/// What became of a schedule that was put.
#[derive(Debug)]
pub enum PutSchedule {
    /// There was none of this name.
    Created(Box<Schedule>),
    /// There was one.
    Replaced(Box<Schedule>),
    /// There is none, or one of another version than was expected.
    PreconditionFailed,
    /// The tenant has [`crate::MAX_SCHEDULES`] others.
    TooMany,
}

/// What became of a schedule that was to be deleted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DeletedSchedule {
    /// It is gone; its jobs are not.
    Deleted,
    /// It has another version than was expected.
    PreconditionFailed,
    /// The tenant has no such schedule.
    NotFound,
}

impl Store {
    /// Makes a schedule, or replaces the one of its name, which stays paused if it is. The next fire time stays as it is
    /// where expression and zone do, so that none is lost by a change of something else.
    ///
    /// # Errors
    /// When a statement failed; nothing was changed.
    pub async fn put_schedule(
        &self,
        actor: &Actor,
        change: &ScheduleChange,
        precondition: &Precondition,
    ) -> Result<PutSchedule, Error> {
        let tenant_id = actor.tenant_id;
        let mut tx = self.begin(tenant_id).await?;
        let has_room = has_room(&mut tx, tenant_id, Limited::Schedules).await?;
        let known = version(&mut tx, tenant_id, change.name.as_str()).await?;
        if !precondition.holds(known) {
            return Ok(PutSchedule::PreconditionFailed);
        }
        if known.is_none() && !has_room {
            return Ok(PutSchedule::TooMany);
        }
        upsert(&mut tx, tenant_id, change).await?;
        let schedule = Box::new(stored(&mut tx, tenant_id, change.name.as_str()).await?);
        let details = json!({
            "created": known.is_none(),
            "cron": schedule.cron,
            "time_zone": schedule.time_zone,
            "version": schedule.version,
        });
        audit::append(&mut tx, actor, written("schedule.put", &change.name, details)).await?;
        tx.commit().await?;
        Ok(match known {
            None => PutSchedule::Created(schedule),
            Some(_) => PutSchedule::Replaced(schedule),
        })
    }

    /// Deletes a schedule. The jobs that it made go on.
    ///
    /// # Errors
    /// When a statement failed; nothing was changed.
    pub async fn delete_schedule(
        &self,
        actor: &Actor,
        name: &ScheduleName,
        precondition: &Precondition,
    ) -> Result<DeletedSchedule, Error> {
        let tenant_id = actor.tenant_id;
        let mut tx = self.begin(tenant_id).await?;
        let known = version(&mut tx, tenant_id, name.as_str()).await?;
        if !precondition.holds(known) {
            return Ok(DeletedSchedule::PreconditionFailed);
        }
        if known.is_none() {
            return Ok(DeletedSchedule::NotFound);
        }
        sqlx::query!(
            "delete from schedule where tenant_id = $1 and name = $2",
            tenant_id.0,
            name.as_str()
        )
        .execute(&mut *tx)
        .await?;
        audit::append(&mut tx, actor, written("schedule.delete", name, json!({}))).await?;
        tx.commit().await?;
        Ok(DeletedSchedule::Deleted)
    }

    /// Pauses a schedule: it does not fire until it is resumed. `None` when the tenant has no such schedule.
    ///
    /// # Errors
    /// When a statement failed; nothing was changed.
    pub async fn pause_schedule(
        &self,
        actor: &Actor,
        name: &ScheduleName,
    ) -> Result<Option<Schedule>, Error> {
        let tenant_id = actor.tenant_id;
        let mut tx = self.begin(tenant_id).await?;
        let paused = sqlx::query!(
            r#"
            update schedule set paused_at = now(), next_fire_at = null, updated_at = now(), version = version + 1
            where tenant_id = $1 and name = $2 and paused_at is null
            "#,
            tenant_id.0,
            name.as_str(),
        )
        .execute(&mut *tx)
        .await?;
        let schedule = read(&mut tx, tenant_id, name.as_str()).await?;
        if paused.rows_affected() > 0 {
            audit::append(&mut tx, actor, written("schedule.pause", name, json!({}))).await?;
        }
        tx.commit().await?;
        Ok(schedule)
    }

    /// Has a paused schedule fire again, from now on: what it did not do meanwhile was not missed. `None` when the tenant
    /// has no such schedule.
    ///
    /// # Errors
    /// When a statement failed; nothing was changed.
    pub async fn resume_schedule(
        &self,
        actor: &Actor,
        name: &ScheduleName,
    ) -> Result<Option<Schedule>, Error> {
        let tenant_id = actor.tenant_id;
        let mut tx = self.begin(tenant_id).await?;
        let paused = sqlx::query!(
            r#"
            select cron, time_zone, now() as "now!" from schedule
            where tenant_id = $1 and name = $2 and paused_at is not null
            for update
            "#,
            tenant_id.0,
            name.as_str(),
        )
        .fetch_optional(&mut *tx)
        .await?;
        let is_paused = paused.is_some();
        if let Some(paused) = paused {
            // What this version can't read is due at once: the attempt to fire it tells what is wrong.
            let timing = paused.cron.parse().ok().zip(paused.time_zone.parse().ok());
            let next_fire_at = timing.map_or(Some(paused.now), |(cron, zone)| {
                Timing { cron, zone }.next_after(paused.now)
            });
            sqlx::query!(
                r#"
                update schedule set paused_at = null, next_fire_at = $3, updated_at = now(), version = version + 1,
                                    last_error = null, last_error_at = null, retry_at = null
                where tenant_id = $1 and name = $2
                "#,
                tenant_id.0,
                name.as_str(),
                next_fire_at,
            )
            .execute(&mut *tx)
            .await?;
        }
        let schedule = read(&mut tx, tenant_id, name.as_str()).await?;
        if is_paused {
            audit::append(&mut tx, actor, written("schedule.resume", name, json!({}))).await?;
        }
        tx.commit().await?;
        Ok(schedule)
    }
}

/// What the audit log says about a change of a schedule.
pub(super) fn written<'a>(action: &'static str, name: &'a ScheduleName, details: Value) -> Change<'a> {
    Change {
        action,
        target: name.as_str(),
        details,
    }
}

/// The version of a schedule, which nobody else changes until the transaction ends.
async fn version(
    tx: &mut PgTransaction<'static>,
    tenant_id: TenantId,
    name: &str,
) -> Result<Option<u32>, Error> {
    let version = sqlx::query_scalar!(
        "select version from schedule where tenant_id = $1 and name = $2 for update",
        tenant_id.0,
        name,
    )
    .fetch_optional(&mut **tx)
    .await?;
    version.map(count).transpose()
}

async fn upsert(
    tx: &mut PgTransaction<'static>,
    tenant_id: TenantId,
    change: &ScheduleChange,
) -> Result<(), Error> {
    let job = &change.job;
    let now = sqlx::query_scalar!(r#"select now() as "now!""#)
        .fetch_one(&mut **tx)
        .await?;
    let tags: Vec<String> = job.tags.iter().map(ToString::to_string).collect();
    sqlx::query!(
        r#"
        insert into schedule (tenant_id, name, cron, time_zone, overlap, missed, missed_after_secs, kind, queue, payload,
                              tags, max_attempts, backoff_initial_ms, backoff_factor, backoff_max_ms, timeout_ms,
                              next_fire_at, metadata, sensitive, unique_key, unique_ms, unique_on_conflict,
                              start_within_ms)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text::json, $11, $12, $13, $14, $15, $16, $17, $18::text::json,
                $19::text::json, $20, $21, $22, $23)
        on conflict (tenant_id, name) do update
        set cron = excluded.cron, time_zone = excluded.time_zone, overlap = excluded.overlap, missed = excluded.missed,
            missed_after_secs = excluded.missed_after_secs, kind = excluded.kind, queue = excluded.queue,
            payload = excluded.payload, tags = excluded.tags, max_attempts = excluded.max_attempts,
            backoff_initial_ms = excluded.backoff_initial_ms, backoff_factor = excluded.backoff_factor,
            backoff_max_ms = excluded.backoff_max_ms, timeout_ms = excluded.timeout_ms, metadata = excluded.metadata,
            sensitive = excluded.sensitive, unique_key = excluded.unique_key, unique_ms = excluded.unique_ms,
            unique_on_conflict = excluded.unique_on_conflict, start_within_ms = excluded.start_within_ms, updated_at = now(),
            version = schedule.version + 1, last_error = null, last_error_at = null, retry_at = null,
            next_fire_at = case
                when schedule.paused_at is not null then null
                when schedule.cron = excluded.cron and schedule.time_zone = excluded.time_zone
                    then coalesce(schedule.next_fire_at, excluded.next_fire_at)
                else excluded.next_fire_at
            end
        "#,
        tenant_id.0,
        change.name.as_str(),
        change.timing.cron.to_string(),
        change.timing.zone.to_string(),
        change.overlap.as_str(),
        change.missed.as_str(),
        i32::try_from(change.missed_after.as_secs()).unwrap_or(i32::MAX),
        job.kind.as_str(),
        job.queue.as_str(),
        job.payload.get(),
        &tags,
        i32::try_from(job.policy.max_attempts).unwrap_or(i32::MAX),
        ms(job.policy.backoff.initial),
        job.policy.backoff.factor,
        ms(job.policy.backoff.max),
        ms(job.timeout),
        change.timing.next_after(now),
        json_unless(&job.metadata, job.metadata.is_empty()),
        json_unless(&job.sensitive, job.sensitive.is_empty()),
        job.unique.as_ref().map(|unique| &unique.key.as_bytes()[..]),
        job.unique.as_ref().and_then(unique_ms),
        job.unique.as_ref().map(|unique| unique.on_conflict.as_str()),
        job.start_within.map(ms),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn stored(tx: &mut PgTransaction<'static>, tenant_id: TenantId, name: &str) -> Result<Schedule, Error> {
    let schedule = read(tx, tenant_id, name).await?;
    schedule.ok_or_else(|| Error::corrupt("a schedule that was just stored is gone"))
}
