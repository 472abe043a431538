//! Ending attempts: the claim's row, fenced by attempt and worker, is the right to finish.

use std::collections::HashMap;

use domain::{Event, Finish, JobId, JobState, Lease};
use uuid::Uuid;

use crate::error::Error;
use crate::pool::Store;
use crate::row::{count, ms, parse};

/// What is recorded for one attempt.
#[derive(Debug)]
pub struct Ending {
    /// The right to it. Not consumed before the store has answered: a batch whose statement failed is tried again.
    pub lease: Lease,
    /// The decision.
    pub finish: Finish,
}

/// What became of an ending.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Finished {
    /// It is recorded, and the job is in this state now. Not always the state that was decided: a job whose end was
    /// asked for meanwhile is cancelled instead of waiting for another attempt.
    Recorded(JobState),
    /// The attempt is not this worker's any more, so nothing was changed.
    LeaseLost,
}

impl Store {
    /// Records the end of many attempts in one statement; answers in their order. Repeating a batch is harmless:
    /// what was recorded the first time answers [`Finished::LeaseLost`].
    ///
    /// # Errors
    /// When the statement failed, and nothing was recorded.
    #[expect(clippy::too_many_lines, reason = "it is one statement")]
    pub async fn finish(&self, endings: &[Ending]) -> Result<Vec<Finished>, Error> {
        macro_rules! column {
            ($ending:ident => $value:expr) => {
                &endings.iter().map(|$ending| $value).collect::<Vec<_>>()[..]
            };
        }
        let mut connection = self.acquire().await?;
        let rows = sqlx::query!(
            r#"
            with ending as (
                select * from unnest($1::uuid[], $2::integer[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[],
                                     $8::text[], $9::text[], $10::bigint[], $11::boolean[])
                    as e (job_id, attempt, worker_id, state, event, result, error_code, error_message, fingerprint, wait_ms,
                          spends)
            ), token as (
                delete from claim c using ending e
                where c.job_id = e.job_id and c.attempt = e.attempt and c.worker_id = e.worker_id
                returning c.job_id, c.started_at
            ), ended as (
                -- Nothing waits for another attempt of a job whose end was asked for. The row itself says so, not a
                -- snapshot of it: when this update has waited for a cancel, Postgres computes it from the new row.
                update job j
                set state = case when e.state in ('scheduled', 'queued') and j.cancel_requested_at is not null
                                 then 'cancelled' else e.state end,
                    version = j.version + 1,
                    attempts_spent = j.attempts_spent - case when e.spends then 0 else 1 end,
                    run_at = case when e.state in ('scheduled', 'queued') and j.cancel_requested_at is null
                                  then now() + e.wait_ms * interval '1 millisecond' else j.run_at end,
                    finished_at = case when e.state not in ('scheduled', 'queued') or j.cancel_requested_at is not null
                                       then now() end,
                    error_code = e.error_code, error_message = e.error_message, result = e.result::json
                from token t join ending e using (job_id)
                where j.id = t.job_id and j.state = 'running' and j.attempt = e.attempt
                returning j.id, j.tenant_id, j.state, j.kind, j.queue, j.traceparent, j.run_at, j.version, j.attempt,
                          case when j.state = 'cancelled' then 'cancelled' else e.event end as event,
                          e.worker_id, t.started_at, e.error_code, e.error_message, e.fingerprint
            ), attempts as (
                insert into attempt (job_id, attempt, tenant_id, worker_id, started_at, event, error_code, error_message)
                select id, attempt, tenant_id, worker_id, started_at, event, error_code, error_message from ended
            ), history as (
                insert into job_event (job_id, number, tenant_id, event, attempt)
                select id, version, tenant_id, event, attempt from ended
            ), later as (
                insert into due (job_id, tenant_id, run_at) select id, tenant_id, run_at from ended where state = 'scheduled'
            ), rung as (
                insert into outbox (job_id, tenant_id, queue, traceparent)
                select id, tenant_id, queue, traceparent from ended where state = 'queued'
            ), dead as (
                insert into dead_letter (job_id, tenant_id, kind, queue, attempt, error_code, fingerprint)
                select id, tenant_id, kind, queue, attempt, coalesce(error_code, 'handler_error'), coalesce(fingerprint, 'unknown')
                from ended where state = 'failed'
            )
            select id as "id!", attempt as "attempt!", state as "state!" from ended
            "#,
            column!(ending => ending.lease.job_id.0),
            column!(ending => i32::try_from(ending.lease.attempt).unwrap_or(i32::MAX)),
            column!(ending => ending.lease.worker_id.0),
            column!(ending => ending.finish.state.to_string()),
            column!(ending => ending.finish.event.to_string()),
            column!(ending => ending.finish.result.as_ref().map(|result| result.get().to_owned())) as &[Option<String>],
            column!(ending => ending.finish.failure.as_ref().map(|failure| failure.code.as_str().to_owned()))
                as &[Option<String>],
            column!(ending => ending.finish.failure.as_ref().map(|failure| failure.message.clone()))
                as &[Option<String>],
            column!(ending => ending.finish.failure.as_ref().map(domain::Failure::fingerprint)) as &[Option<String>],
            column!(ending => ms(ending.finish.wait)),
            column!(ending => ending.finish.spends_attempt),
        )
        .fetch_all(&mut *connection)
        .await?;
        let mut recorded: HashMap<(Uuid, i32), JobState> = HashMap::with_capacity(rows.len());
        for row in rows {
            recorded.insert((row.id, row.attempt), parse(&row.state)?);
        }
        Ok(endings
            .iter()
            .map(|ending| {
                let key = (
                    ending.lease.job_id.0,
                    i32::try_from(ending.lease.attempt).unwrap_or(i32::MAX),
                );
                recorded
                    .remove(&key)
                    .map_or(Finished::LeaseLost, Finished::Recorded)
            })
            .collect())
    }

    /// Which of these attempts' ends their own worker has recorded, and as what the job stood then: after an answer that
    /// was lost, and a repetition that said [`Finished::LeaseLost`].
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn recorded(&self, leases: &[&Lease]) -> Result<HashMap<(JobId, u32), JobState>, Error> {
        let mut connection = self.acquire().await?;
        // Whoever ends the attempt of a lost worker names that worker too, but always with this error.
        let rows = sqlx::query!(
            r#"
            select a.job_id, a.attempt, a.event
            from unnest($1::uuid[], $2::integer[], $3::uuid[]) as l (job_id, attempt, worker_id)
            join attempt a on a.job_id = l.job_id and a.attempt = l.attempt and a.worker_id = l.worker_id
            where a.error_code is distinct from 'worker_lost'
            "#,
            &leases.iter().map(|lease| lease.job_id.0).collect::<Vec<_>>(),
            &leases
                .iter()
                .map(|lease| i32::try_from(lease.attempt).unwrap_or(i32::MAX))
                .collect::<Vec<_>>(),
            &leases.iter().map(|lease| lease.worker_id.0).collect::<Vec<_>>(),
        )
        .fetch_all(&mut *connection)
        .await?;
        let state = |event: &str| {
            let mut events = Event::ALL.into_iter();
            let event = events.find(|known| known.as_str() == event)?;
            JobState::Running.next(event).ok()
        };
        let mut recorded = HashMap::with_capacity(rows.len());
        for row in rows {
            if let Some(state) = state(&row.event) {
                recorded.insert((JobId(row.job_id), count(row.attempt)?), state);
            }
        }
        Ok(recorded)
    }
}
