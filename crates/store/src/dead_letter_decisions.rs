//! Deciding about dead letters, many at a time: retry or discard.

use std::time::Duration;

use domain::JobId;
use serde_json::json;
use sqlx::PgTransaction;
use uuid::Uuid;

use crate::audit::{self, Actor, Change};
use crate::dead_letters::{DeadLetterFilter, RedrivenDeadLetters};
use crate::error::Error;
use crate::pool::Store;
use crate::unique;

impl Store {
    /// Queues up to `limit` dead letters again, those that were submitted first first, each with all its attempts; one
    /// is due now, and each further one `spacing` later. What somebody else decides about meanwhile is left to them, and
    /// so is a dead letter whose unique key another job holds.
    ///
    /// # Errors
    /// When the statement failed; nothing was changed.
    pub async fn redrive_dead_letters(
        &self,
        actor: &Actor,
        filter: &DeadLetterFilter,
        limit: i64,
        spacing: Duration,
    ) -> Result<RedrivenDeadLetters, Error> {
        let mut tx = self.begin(actor.tenant_id).await?;
        let mut chosen = choose_to_redrive(&mut tx, filter, limit).await?;
        let taken = unique::reclaim(&mut tx, &chosen).await?;
        chosen.retain(|id| !taken.contains_key(&JobId(*id)));
        let row = sqlx::query!(
            r#"
            with token as (
                delete from dead_letter where job_id = any($1) returning job_id
            ), planned as (
                select job_id, now() + (row_number() over (order by job_id) - 1) * $2::double precision
                                       * interval '1 millisecond' as run_at
                from token
            ), redriven as (
                update job j
                set state = 'queued', version = version + 1, attempts_spent = 0, run_at = p.run_at, finished_at = null,
                    cancel_requested_at = null, error_code = null, error_message = null
                from planned p
                where j.id = p.job_id and j.state = 'failed'
                returning j.id, j.tenant_id, j.queue, j.traceparent, j.version, j.run_at
            ), rung as (
                insert into outbox (job_id, tenant_id, queue, traceparent, enqueued_at, visible_at)
                select id, tenant_id, queue, traceparent, run_at, run_at from redriven
            ), history as (
                insert into job_event (job_id, number, tenant_id, event) select id, version, tenant_id, 'redriven' from redriven
            )
            select count(*) as "jobs!", coalesce(array_agg(distinct queue), '{}') as "queues!" from redriven
            "#,
            &chosen,
            spacing.as_secs_f64() * 1_000.0,
        )
        .fetch_one(&mut *tx)
        .await?;
        audit_decision(&mut tx, actor, "dead_letter.retry", filter, row.jobs).await?;
        tx.commit().await?;
        Ok(RedrivenDeadLetters {
            jobs: u64::try_from(row.jobs).map_err(Error::corrupt)?,
            queues: row.queues,
        })
    }

    /// Decides that up to `limit` dead letters need no retry, those that were submitted first first. Their jobs stay
    /// failed, and go after their retention; answers how many.
    ///
    /// # Errors
    /// When the statement failed; nothing was changed.
    pub async fn discard_dead_letters(
        &self,
        actor: &Actor,
        filter: &DeadLetterFilter,
        limit: i64,
    ) -> Result<u64, Error> {
        let job_ids = filter.uuids();
        let mut tx = self.begin(actor.tenant_id).await?;
        let jobs = sqlx::query_scalar!(
            r#"
            with chosen as (
                select job_id from dead_letter
                where job_id in (select job_id from matching_dead_letters($1, $2, $3, $4, $5, $6, $7, $8))
                order by job_id limit $9
                for update skip locked
            ), token as (
                delete from dead_letter d using chosen c where d.job_id = c.job_id returning d.job_id
            ), discarded as (
                update job j set version = version + 1
                from token t
                where j.id = t.job_id and j.state = 'failed'
                returning j.id, j.tenant_id, j.version
            ), history as (
                insert into job_event (job_id, number, tenant_id, event) select id, version, tenant_id, 'discarded' from discarded
            )
            select count(*) as "jobs!" from discarded
            "#,
            job_ids.as_deref(),
            filter.kind,
            filter.queue,
            filter.tag,
            filter.error_code,
            filter.fingerprint,
            filter.failed_after,
            filter.failed_before,
            limit,
        )
        .fetch_one(&mut *tx)
        .await?;
        audit_decision(&mut tx, actor, "dead_letter.discard", filter, jobs).await?;
        tx.commit().await?;
        u64::try_from(jobs).map_err(Error::corrupt)
    }
}

/// Locks the dead letters that a retry means, but for those that may not live again.
async fn choose_to_redrive(
    tx: &mut PgTransaction<'static>,
    filter: &DeadLetterFilter,
    limit: i64,
) -> Result<Vec<Uuid>, Error> {
    let job_ids = filter.uuids();
    let chosen = sqlx::query_scalar!(
        r#"
        select job_id from dead_letter
        where job_id in (select job_id from matching_dead_letters($1, $2, $3, $4, $5, $6, $7, $8))
          and not unique_key_taken(job_id)
        order by job_id limit $9
        for update skip locked
        "#,
        job_ids.as_deref(),
        filter.kind,
        filter.queue,
        filter.tag,
        filter.error_code,
        filter.fingerprint,
        filter.failed_after,
        filter.failed_before,
        limit,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(chosen)
}

/// Which jobs they were is in the history of each.
async fn audit_decision(
    tx: &mut PgTransaction<'static>,
    actor: &Actor,
    action: &'static str,
    filter: &DeadLetterFilter,
    jobs: i64,
) -> Result<(), Error> {
    if jobs == 0 {
        return Ok(());
    }
    let details = json!({
        "jobs": jobs, "kind": filter.kind, "queue": filter.queue, "tag": filter.tag, "error_code": filter.error_code,
        "fingerprint": filter.fingerprint, "failed_after": filter.failed_after, "failed_before": filter.failed_before,
        "named_jobs": filter.job_ids.as_ref().map(Vec::len),
    });
    let change = Change {
        action,
        target: "dead-letters",
        details,
    };
    audit::append(tx, actor, change).await
}
