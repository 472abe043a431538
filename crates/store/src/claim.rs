//! Starting attempts: the doorbell's row is the right to start.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use domain::{JobId, JobState, JsonPointer, Lease, StartedJob, TenantId, WorkerId};
use serde_json::value::RawValue;
use sqlx::PgConnection;
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
    /// The job is queued, but its lane is paused, for its tenant or for everyone. Its doorbell is as if it had never been
    /// received or announced: delete the message, if there is one beside it.
    Paused,
    /// The job is queued, but its tenant runs as many jobs as it may. As for [`Self::Paused`].
    OverLimit,
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
    /// Tries to start an attempt of each job, in one statement; answers in the order of the ids. Jobs of a tenant with a
    /// limit take a second one, which one worker at a time does for a tenant, so that the limit is kept exactly.
    ///
    /// # Errors
    /// When the statement failed: no attempt was started, or, if the connection broke during the answer, its lease
    /// runs out and the job starts again.
    pub async fn claim(&self, worker_id: WorkerId, ids: &[JobId]) -> Result<Vec<Claim>, Error> {
        let uuids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let mut connection = self.acquire().await?;
        let rows = claim_rows(&mut connection, worker_id, &uuids, &[]).await?;
        let counted: Vec<(Uuid, Uuid)> = rows.iter().filter_map(ClaimRow::counted).collect();
        let mut claims: HashMap<Uuid, Claim> = HashMap::with_capacity(rows.len());
        for row in rows {
            claims.insert(row.id, row.into_claim(worker_id));
        }
        // What is done next takes one of its own: with this one kept, others who do the same would wait for each other.
        drop(connection);
        if !counted.is_empty() {
            match self.claim_counted(worker_id, &counted).await {
                Ok(rows) => claims.extend(rows.into_iter().map(|row| (row.id, row.into_claim(worker_id)))),
                // The others have started: their answer must not be lost, and these are tried again soon.
                Err(error) if counted.len() < claims.len() => {
                    let chain = &error as &(dyn std::error::Error + 'static);
                    tracing::warn!(
                        error = chain,
                        jobs = counted.len(),
                        "jobs of limited tenants are not claimed yet"
                    );
                }
                Err(error) => return Err(error),
            }
        }
        let held: Vec<Uuid> = claims
            .iter()
            .filter(|(_, claim)| matches!(claim, Claim::Paused | Claim::OverLimit))
            .map(|(id, _)| *id)
            .collect();
        if !held.is_empty()
            && let Err(error) = self.put_back(&held).await
        {
            // They are found when what was received, or announced, comes again.
            let chain = &error as &(dyn std::error::Error + 'static);
            tracing::warn!(error = chain, jobs = held.len(), "held jobs are not put back yet");
        }
        // A second delivery of the same job within one batch is like any other duplicate.
        Ok(uuids
            .iter()
            .map(|id| claims.remove(id).unwrap_or(Claim::NotStarted))
            .collect())
    }

    /// The same for jobs of tenants with a limit; each is given with its tenant. Whoever starts jobs of such a tenant holds
    /// its lock until the claims are committed, and counts them after it has got it.
    async fn claim_counted(
        &self,
        worker_id: WorkerId,
        counted: &[(Uuid, Uuid)],
    ) -> Result<Vec<ClaimRow>, Error> {
        let ids: Vec<Uuid> = counted.iter().map(|(id, _)| *id).collect();
        // In order, so that two workers can't wait for each other.
        let tenants: BTreeSet<Uuid> = counted.iter().map(|(_, tenant_id)| *tenant_id).collect();
        let tenants: Vec<Uuid> = tenants.into_iter().collect();
        let mut tx = self.begin_plainly().await?;
        sqlx::query!(
            r#"
            select count(pg_advisory_xact_lock(hashtextextended(t.id::text, 7462)))
            from (select id from unnest($1::uuid[]) with ordinality as t (id, place) order by place) t
            "#,
            &tenants,
        )
        .fetch_one(&mut *tx)
        .await?;
        let rows = claim_rows(&mut tx, worker_id, &ids, &tenants).await?;
        tx.commit().await?;
        Ok(rows)
    }

    /// Makes held jobs' doorbells as if nobody had received or announced them: so they cost nothing until they may start,
    /// and are taken at once when they may.
    async fn put_back(&self, ids: &[Uuid]) -> Result<(), Error> {
        let mut connection = self.acquire().await?;
        sqlx::query!(
            r#"
            update outbox set visible_at = now(), announced_at = null, receive_count = greatest(receive_count - 1, 0)
            where job_id = any($1)
            "#,
            ids,
        )
        .execute(&mut *connection)
        .await?;
        Ok(())
    }
}

/// Starts what may start: not in a lane that is paused, and of tenants with a limit only those of `counted`, whose locks
/// the caller holds, and of these only as many as there is room for.
async fn claim_rows(
    connection: &mut PgConnection,
    worker_id: WorkerId,
    ids: &[Uuid],
    counted: &[Uuid],
) -> Result<Vec<ClaimRow>, Error> {
    Ok(sqlx::query_as!(
        ClaimRow,
        r#"
        with wanted as (
            select distinct id from unnest($2::uuid[]) as w (id)
        ), room as (
            select t.id as tenant_id,
                   t.max_running_jobs - (select count(*) from claim c where c.tenant_id = t.id) as jobs
            from tenant t where t.id = any($3) and t.max_running_jobs is not null
        ), admitted as (
            select queued.job_id
            from (
                select o.job_id, o.tenant_id, row_number() over (partition by o.tenant_id order by o.job_id) as place
                from outbox o where o.job_id = any($2) and o.tenant_id = any($3)
            ) queued left join room r on r.tenant_id = queued.tenant_id
            where r.tenant_id is null or queued.place <= r.jobs
        ), token as (
            delete from outbox o
            where o.job_id = any($2) and (o.start_by is null or o.start_by > now())
              and exists (select from worker w where w.id = $1 and w.lease_expires_at > now())
              and not exists (select from lane_pause p where p.queue = o.queue)
              and not exists (select from queue_pause p where p.queue = o.queue and p.tenant_id = o.tenant_id)
              and case when o.tenant_id = any($3) then o.job_id in (select job_id from admitted)
                       else not exists (select from tenant t where t.id = o.tenant_id and t.max_running_jobs is not null)
                  end
            returning o.job_id
        ), started as (
            update job j
            set state = 'running', attempt = attempt + 1, attempts_spent = attempts_spent + 1, version = version + 1
            from token
            where j.id = token.job_id and j.state = 'queued'
            returning j.id, j.tenant_id, j.kind, j.queue, j.payload, j.attempt, j.attempts_spent, j.version,
                      j.max_attempts, j.backoff_initial_ms, j.backoff_factor, j.backoff_max_ms, j.timeout_ms,
                      j.created_at, j.run_at, j.traceparent, j.request_id, j.schedule, j.fire_at, j.metadata,
                      j.sensitive,
                      -- Not now(), which may lie before what this statement sees: it is planned in between.
                      clock_timestamp() as started_at
        ), claimed as (
            insert into claim (job_id, tenant_id, worker_id, attempt, started_at)
            select id, tenant_id, $1, attempt, started_at from started
        ), history as (
            insert into job_event (job_id, number, tenant_id, event, attempt, at)
            select id, version, tenant_id, 'started', attempt, started_at from started
        )
        select w.id as "id!", coalesce(s.tenant_id, j.tenant_id) as "tenant_id?", s.kind as "kind?", s.queue as "queue?",
               s.payload as "payload?: Json<Box<RawValue>>", s.attempt as "attempt?", s.attempts_spent as "spent?",
               s.max_attempts as "max_attempts?", s.backoff_initial_ms as "backoff_initial_ms?",
               s.backoff_factor as "backoff_factor?", s.backoff_max_ms as "backoff_max_ms?",
               s.timeout_ms as "timeout_ms?", s.created_at as "created_at?",
               (extract(epoch from s.started_at - s.run_at) * 1000)::bigint as "waited_ms?",
               s.traceparent as "traceparent?", s.request_id as "request_id?",
               s.metadata as "metadata?: Json<BTreeMap<String, String>>",
               s.sensitive as "sensitive?: Json<Vec<JsonPointer>>",
               s.schedule as "schedule?", s.fire_at as "fire_at?",
               j.state as "state?", j.run_at as "run_at?",
               coalesce(h.lease_expires_at, now()) as "held_until!",
               j.state = 'queued' and (
                   exists (select from lane_pause p where p.queue = j.queue)
                   or exists (select from queue_pause p where p.queue = j.queue and p.tenant_id = j.tenant_id)
               ) as "paused?",
               j.state = 'queued' and exists (
                   select from tenant t where t.id = j.tenant_id and t.max_running_jobs is not null
               ) as "limited?",
               coalesce(j.tenant_id = any($3), false) as "was_counted!"
        from wanted w
        left join started s on s.id = w.id
        left join job j on j.id = w.id and s.id is null
        left join claim c on c.job_id = w.id and s.id is null
        left join worker h on h.id = c.worker_id
        "#,
        worker_id.0,
        ids,
        counted,
    )
    .fetch_all(connection)
    .await?)
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
    metadata: Option<Json<BTreeMap<String, String>>>,
    sensitive: Option<Json<Vec<JsonPointer>>>,
    schedule: Option<String>,
    fire_at: Option<DateTime<Utc>>,
    state: Option<String>,
    run_at: Option<DateTime<Utc>>,
    held_until: DateTime<Utc>,
    paused: Option<bool>,
    limited: Option<bool>,
    was_counted: bool,
}

impl ClaimRow {
    /// The job and its tenant, if it may start once its tenant's running jobs are counted.
    fn counted(&self) -> Option<(Uuid, Uuid)> {
        let (paused, limited) = (self.paused == Some(true), self.limited == Some(true));
        (limited && !paused && !self.was_counted)
            .then_some(())
            .and(self.tenant_id)
            .map(|tenant_id| (self.id, tenant_id))
    }

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
            JobState::Queued if self.paused == Some(true) => Claim::Paused,
            JobState::Queued if self.limited == Some(true) && self.was_counted => Claim::OverLimit,
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
            metadata: self.metadata.unwrap_or_default().0,
            sensitive: self.sensitive.unwrap_or_default().0,
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
