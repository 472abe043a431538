//! Leases: one heartbeat per worker process keeps all its attempts.

use std::time::Duration;

use domain::{JobId, Lease, RetryPolicy, WorkerId};

use crate::error::Error;
use crate::pool::Store;
use crate::row::{count, ms, policy};

/// What a heartbeat brings back.
#[derive(Debug, Eq, PartialEq)]
pub enum Heartbeat {
    /// The lease is renewed; these are the attempts that the worker holds. One that it runs and that is missing here
    /// was taken from it.
    Renewed(Vec<HeldAttempt>),
    /// The lease had run out: every attempt is lost, and the process must register as a new worker.
    Lost,
}

/// One attempt that a worker holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HeldAttempt {
    /// The job.
    pub job_id: JobId,
    /// The attempt.
    pub attempt: u32,
    /// Whether somebody asked for the job's end.
    pub cancel_requested: bool,
}

/// An attempt whose worker is gone, with what decides what follows.
#[derive(Debug)]
pub struct ExpiredLease {
    /// The dead worker's right, now the finder's.
    pub lease: Lease,
    /// Attempts and back-off.
    pub policy: RetryPolicy,
    /// Attempts spent, this one included.
    pub spent: u32,
}

impl Store {
    /// Makes a worker known; from now on it may claim.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn register_worker(&self, id: WorkerId, host: &str, lease: Duration) -> Result<(), Error> {
        let mut connection = self.acquire().await?;
        sqlx::query!(
            r#"
            insert into worker (id, host, lease_expires_at)
            values ($1, $2, now() + $3::bigint * interval '1 millisecond')
            "#,
            id.0,
            host,
            ms(lease),
        )
        .execute(&mut *connection)
        .await?;
        Ok(())
    }

    /// Renews the lease of all the worker's attempts in one write, and tells which they are.
    ///
    /// # Errors
    /// When the statement failed; the lease may or may not be renewed.
    pub async fn heartbeat(&self, id: WorkerId, lease: Duration) -> Result<Heartbeat, Error> {
        let mut connection = self.acquire().await?;
        // An expired lease stays expired: somebody may be handing out its attempts at this moment.
        let rows = sqlx::query!(
            r#"
            with beat as (
                update worker set heartbeat_at = now(), lease_expires_at = now() + $2::bigint * interval '1 millisecond'
                where id = $1 and lease_expires_at > now()
                returning id
            )
            select c.job_id as "job_id?", c.attempt as "attempt?",
                   j.cancel_requested_at is not null as "cancel_requested!"
            from beat
            left join claim c on c.worker_id = beat.id
            left join job j on j.id = c.job_id
            "#,
            id.0,
            ms(lease),
        )
        .fetch_all(&mut *connection)
        .await?;
        if rows.is_empty() {
            return Ok(Heartbeat::Lost);
        }
        let mut held = Vec::with_capacity(rows.len());
        for row in rows {
            if let (Some(job_id), Some(attempt)) = (row.job_id, row.attempt) {
                let attempt = count(attempt)?;
                held.push(HeldAttempt {
                    job_id: JobId(job_id),
                    attempt,
                    cancel_requested: row.cancel_requested,
                });
            }
        }
        Ok(Heartbeat::Renewed(held))
    }

    /// Forgets a worker that has handed everything back.
    ///
    /// # Errors
    /// When the statement failed; the lease runs out by itself.
    pub async fn deregister_worker(&self, id: WorkerId) -> Result<(), Error> {
        let mut connection = self.acquire().await?;
        sqlx::query!("delete from worker where id = $1", id.0)
            .execute(&mut *connection)
            .await?;
        Ok(())
    }

    /// Attempts whose worker is gone or has stopped renewing, at most `limit`.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn expired_leases(&self, limit: i64) -> Result<Vec<ExpiredLease>, Error> {
        let mut connection = self.acquire().await?;
        let rows = sqlx::query!(
            r#"
            select c.job_id, c.attempt, c.worker_id, j.attempts_spent, j.max_attempts, j.backoff_initial_ms,
                   j.backoff_factor, j.backoff_max_ms
            from claim c
            join job j on j.id = c.job_id
            where not exists (select from worker w where w.id = c.worker_id and w.lease_expires_at > now())
            limit $1
            "#,
            limit,
        )
        .fetch_all(&mut *connection)
        .await?;
        let readable = rows.into_iter().filter_map(|row| {
            // An attempt can't be finished without its number. A constraint keeps it from being negative.
            let lease = Lease {
                job_id: JobId(row.job_id),
                attempt: count(row.attempt).ok()?,
                worker_id: WorkerId(row.worker_id),
            };
            let policy = policy(
                row.max_attempts,
                row.backoff_initial_ms,
                row.backoff_factor,
                row.backoff_max_ms,
            );
            Some(ExpiredLease {
                lease,
                // What can't be read allows no other attempt, and keeps no other job from being recovered.
                policy: policy.unwrap_or(RetryPolicy {
                    max_attempts: 0,
                    ..RetryPolicy::default()
                }),
                spent: count(row.attempts_spent).unwrap_or(u32::MAX),
            })
        });
        Ok(readable.collect())
    }
}
