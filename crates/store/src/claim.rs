//! Starting attempts: the doorbell's row is the right to start.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::{JobId, JobState, Lease, StartedJob, TenantId, WorkerId};
use serde_json::value::RawValue;
use sqlx::types::Json;
use uuid::Uuid;

use crate::error::Error;
use crate::pool::Store;
use crate::row::{count, duration_ms, fire, parse, policy};

/// What a claim came to. Each answer has one rule for the message that led to it.
#[derive(Debug)]
pub enum Claim {
    /// A new attempt began and this worker holds its lease: run it, delete the message when the outcome is recorded.
    Started(Box<StartedJob>),
    /// The same, but the job can't be run: record its failure, delete the message after that.
    StartedUnreadable(UnreadableJob),
    /// The job is in a terminal state: delete the message.
    Finished(JobState),
    /// Another attempt holds a lease until then: delete the message. Should that worker be gone by then, recovery announces
    /// the job anew.
    Held {
        /// When that lease ends, unless it is renewed.
        until: DateTime<Utc>,
    },
    /// The job is due later; it will be announced again when it is: delete the message.
    NotDue {
        /// When it is due.
        run_at: DateTime<Utc>,
    },
    /// The job is queued, but could not be started now (it is just being moved, or expires, or this worker's own
    /// lease has run out): leave the message for later.
    NotStarted,
    /// The job is in a state that this version does not know, and so was not started: delete the message.
    Unreadable {
        /// What can't be read.
        what: String,
    },
    /// There is no such job: delete the message and count it.
    Unknown,
}

/// A started job whose row holds what this version can't read.
#[derive(Debug)]
pub struct UnreadableJob {
    /// The right to finish this attempt.
    pub lease: Lease,
    /// What can't be read.
    pub what: String,
}

impl Store {
    /// Tries to start an attempt of each job, in one statement; answers in the order of the ids.
    ///
    /// # Errors
    /// When the statement failed: no attempt was started, or, if the connection broke during the answer, its lease
    /// runs out and the job starts again.
    pub async fn claim(&self, worker_id: WorkerId, ids: &[JobId]) -> Result<Vec<Claim>, Error> {
        let uuids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let mut connection = self.acquire().await?;
        let rows = sqlx::query_as!(
            ClaimRow,
            r#"
            with wanted as (
                select distinct id from unnest($2::uuid[]) as w (id)
            ), token as (
                delete from outbox o
                where o.job_id = any($2) and (o.start_by is null or o.start_by > now())
                  and exists (select from worker w where w.id = $1 and w.lease_expires_at > now())
                returning o.job_id
            ), started as (
                update job j
                set state = 'running', attempt = attempt + 1, attempts_spent = attempts_spent + 1, version = version + 1
                from token
                where j.id = token.job_id and j.state = 'queued'
                returning j.id, j.tenant_id, j.kind, j.queue, j.payload, j.attempt, j.attempts_spent, j.version,
                          j.max_attempts, j.backoff_initial_ms, j.backoff_factor, j.backoff_max_ms, j.timeout_ms,
                          j.created_at, j.run_at, j.traceparent, j.request_id, j.schedule, j.fire_at,
                          -- Not now(), which may lie before what this statement sees: it is planned in between.
                          clock_timestamp() as started_at
            ), claimed as (
                insert into claim (job_id, tenant_id, worker_id, attempt, started_at)
                select id, tenant_id, $1, attempt, started_at from started
            ), history as (
                insert into job_event (job_id, number, tenant_id, event, attempt, at)
                select id, version, tenant_id, 'started', attempt, started_at from started
            )
            select w.id as "id!", s.tenant_id as "tenant_id?", s.kind as "kind?", s.queue as "queue?",
                   s.payload as "payload?: Json<Box<RawValue>>", s.attempt as "attempt?", s.attempts_spent as "spent?",
                   s.max_attempts as "max_attempts?", s.backoff_initial_ms as "backoff_initial_ms?",
                   s.backoff_factor as "backoff_factor?", s.backoff_max_ms as "backoff_max_ms?",
                   s.timeout_ms as "timeout_ms?", s.created_at as "created_at?",
                   (extract(epoch from s.started_at - s.run_at) * 1000)::bigint as "waited_ms?",
                   s.traceparent as "traceparent?", s.request_id as "request_id?",
                   s.schedule as "schedule?", s.fire_at as "fire_at?",
                   j.state as "state?", j.run_at as "run_at?",
                   coalesce(h.lease_expires_at, now()) as "held_until!"
            from wanted w
            left join started s on s.id = w.id
            left join job j on j.id = w.id and s.id is null
            left join claim c on c.job_id = w.id and s.id is null
            left join worker h on h.id = c.worker_id
            "#,
            worker_id.0,
            &uuids,
        )
        .fetch_all(&mut *connection)
        .await?;
        let mut claims: HashMap<Uuid, Claim> = HashMap::with_capacity(rows.len());
        for row in rows {
            claims.insert(row.id, row.into_claim(worker_id));
        }
        // A second delivery of the same job within one batch is like any other duplicate.
        Ok(uuids
            .iter()
            .map(|id| claims.remove(id).unwrap_or(Claim::NotStarted))
            .collect())
    }
}

/// What the claim tells about one id: a started job, or why it is none.
struct ClaimRow {
    id: Uuid,
    tenant_id: Option<Uuid>,
    kind: Option<String>,
    queue: Option<String>,
    payload: Option<Json<Box<RawValue>>>,
    attempt: Option<i32>,
    spent: Option<i32>,
    max_attempts: Option<i32>,
    backoff_initial_ms: Option<i64>,
    backoff_factor: Option<f64>,
    backoff_max_ms: Option<i64>,
    timeout_ms: Option<i64>,
    created_at: Option<DateTime<Utc>>,
    waited_ms: Option<i64>,
    traceparent: Option<String>,
    request_id: Option<String>,
    schedule: Option<String>,
    fire_at: Option<DateTime<Utc>>,
    state: Option<String>,
    run_at: Option<DateTime<Utc>>,
    held_until: DateTime<Utc>,
}

impl ClaimRow {
    /// What can't be read spoils no other row: the statement is committed, and its other jobs have started.
    fn into_claim(self, worker_id: WorkerId) -> Claim {
        let (id, attempt) = (JobId(self.id), self.attempt);
        let claim = match attempt {
            Some(_) => self.into_started(worker_id),
            None => self.into_not_started(),
        };
        claim.unwrap_or_else(|error| {
            let what = error.to_string();
            let Some(attempt) = attempt.and_then(|attempt| count(attempt).ok()) else {
                return Claim::Unreadable { what };
            };
            let lease = Lease {
                job_id: id,
                attempt,
                worker_id,
            };
            Claim::StartedUnreadable(UnreadableJob { lease, what })
        })
    }

    fn into_not_started(self) -> Result<Claim, Error> {
        let Some(state) = self.state else {
            return Ok(Claim::Unknown);
        };
        Ok(match parse(&state)? {
            JobState::Running => Claim::Held {
                until: self.held_until,
            },
            JobState::Scheduled => Claim::NotDue {
                run_at: present(self.run_at)?,
            },
            JobState::Queued => Claim::NotStarted,
            ended @ (JobState::Succeeded | JobState::Failed | JobState::Cancelled | JobState::Expired) => {
                Claim::Finished(ended)
            }
        })
    }

    fn into_started(self, worker_id: WorkerId) -> Result<Claim, Error> {
        Ok(Claim::Started(Box::new(StartedJob {
            lease: Lease {
                job_id: JobId(self.id),
                attempt: count(present(self.attempt)?)?,
                worker_id,
            },
            tenant_id: TenantId(present(self.tenant_id)?),
            kind: parse(&present(self.kind)?)?,
            queue: parse(&present(self.queue)?)?,
            payload: present(self.payload)?.0,
            policy: policy(
                present(self.max_attempts)?,
                present(self.backoff_initial_ms)?,
                present(self.backoff_factor)?,
                present(self.backoff_max_ms)?,
            )?,
            spent: count(present(self.spent)?)?,
            timeout: duration_ms(present(self.timeout_ms)?),
            created_at: present(self.created_at)?,
            waited: duration_ms(present(self.waited_ms)?),
            traceparent: self.traceparent,
            request_id: self.request_id,
            fire: fire(self.schedule, self.fire_at),
        })))
    }
}

/// A column that is never null.
fn present<T>(column: Option<T>) -> Result<T, Error> {
    column.ok_or_else(|| Error::corrupt("a column is null"))
}
