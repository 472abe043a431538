//! Accepting jobs: many requests, one transaction.

use std::collections::{BTreeMap, HashMap};
use std::error::Error as _;

use chrono::{DateTime, Utc};
use domain::{JobId, JobState, NewJob, TenantId};
use futures::future::join_all;
use sqlx::PgTransaction;
use uuid::Uuid;

use crate::error::{Error, connection_lost};
use crate::idempotency::{Bound, Idempotency, bind};
use crate::pool::Store;
use crate::row::{ms, parse};

/// How many requests of a group that failed are tried alone at a time.
const ALONE_AT_A_TIME: usize = 4;

/// The jobs of one request: all of them are accepted, or none.
#[derive(Debug)]
pub struct Submission {
    /// The owner.
    pub tenant_id: TenantId,
    /// The request's `Idempotency-Key`, if it has one.
    pub idempotency: Option<Idempotency>,
    /// At least one job.
    pub jobs: Vec<NewJob>,
}

/// A job as it was accepted: what a replay answers too.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SubmittedJob {
    /// The job.
    pub id: JobId,
    /// Names the handler.
    pub kind: String,
    /// The lane.
    pub queue: String,
    /// `queued`, or `scheduled` when it is due later.
    pub state: JobState,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// When it is due.
    pub run_at: DateTime<Utc>,
}

/// What became of one request.
#[derive(Debug)]
pub enum Submitted {
    /// The jobs are stored, in the order of the request.
    Accepted(Vec<SubmittedJob>),
    /// An earlier request with this key and body had made these jobs.
    Replayed(Vec<SubmittedJob>),
    /// The key was used for another body.
    KeyReused,
    /// The first request with this key has not ended yet.
    InProgress,
}

impl Store {
    /// Stores the jobs of many requests in one transaction; answers in their order. A request that can't be stored
    /// does not take the others with it.
    ///
    /// # Errors
    /// One per request; when the database is not available, all of them fail alike.
    pub async fn submit(&self, submissions: &[Submission]) -> Vec<Result<Submitted, Error>> {
        match self.in_time(self.submit_together(submissions)).await {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(error) if submissions.len() == 1 => vec![alone(&submissions[0], error)],
            // Nothing was stored, and trying each one alone would only keep all of them waiting.
            Err(error @ Error::Unavailable(_)) => {
                let cause = error.source().map(ToString::to_string).unwrap_or_default();
                tracing::warn!(
                    cause,
                    requests = submissions.len(),
                    "a group of submits could not be stored"
                );
                submissions
                    .iter()
                    .map(|_| Err(Error::Unavailable(sqlx::Error::PoolTimedOut)))
                    .collect()
            }
            // Nothing was stored either, but it may be the fault of one: each one alone tells.
            Err(_) => {
                let mut answers = Vec::with_capacity(submissions.len());
                for some in submissions.chunks(ALONE_AT_A_TIME) {
                    let alone: Vec<_> = some
                        .iter()
                        .map(|submission| self.submit_alone(submission))
                        .collect();
                    answers.extend(join_all(alone).await);
                }
                answers
            }
        }
    }

    async fn submit_alone(&self, submission: &Submission) -> Result<Submitted, Error> {
        match self
            .in_time(self.submit_together(std::slice::from_ref(submission)))
            .await
        {
            Ok(mut answers) => Ok(answers.remove(0)),
            Err(error) => alone(submission, error),
        }
    }

    async fn submit_together(&self, submissions: &[Submission]) -> Result<Vec<Submitted>, Error> {
        if submissions.is_empty() {
            return Ok(Vec::new());
        }
        let (tx, answers) = match self.insert_together(submissions).await {
            // Nothing is stored before the commit, so a connection that was lost on the way costs a second try.
            Err(Error::Unavailable(error)) if connection_lost(&error) => {
                self.insert_together(submissions).await?
            }
            inserted => inserted?,
        };
        failpoint::hit("after_insert_before_commit");
        tx.commit().await?;
        Ok(answers)
    }

    /// Inserts what was submitted; it is stored when the transaction commits.
    async fn insert_together(
        &self,
        submissions: &[Submission],
    ) -> Result<(PgTransaction<'static>, Vec<Submitted>), Error> {
        // In the order of tenants, so that two groups take their locks in one order.
        let mut tenants: BTreeMap<TenantId, Vec<usize>> = BTreeMap::new();
        for (index, submission) in submissions.iter().enumerate() {
            tenants.entry(submission.tenant_id).or_default().push(index);
        }
        let first = tenants
            .keys()
            .next()
            .ok_or_else(|| Error::corrupt("nothing was submitted"))?;
        let mut tx = self.begin(*first).await?;
        let mut answers: Vec<Option<Submitted>> = submissions.iter().map(|_| None).collect();
        for (number, (tenant_id, indexes)) in tenants.iter().enumerate() {
            if number > 0 {
                name_tenant(&mut tx, *tenant_id).await?;
            }
            let group: Vec<&Submission> = indexes.iter().map(|index| &submissions[*index]).collect();
            let group_answers = submit_tenant(&mut tx, *tenant_id, &group).await?;
            for (index, answer) in indexes.iter().zip(group_answers) {
                answers[*index] = Some(answer);
            }
        }
        Ok((tx, answers.into_iter().flatten().collect()))
    }
}

/// What an error means for a request that was tried alone: one that waits in vain for a lock waits for its key.
fn alone(submission: &Submission, error: Error) -> Result<Submitted, Error> {
    if matches!(error, Error::Locked(_)) && submission.idempotency.is_some() {
        return Ok(Submitted::InProgress);
    }
    Err(error)
}

async fn name_tenant(tx: &mut PgTransaction<'static>, tenant_id: TenantId) -> Result<(), Error> {
    sqlx::query!(
        "select set_config('app.tenant_id', $1, true)",
        tenant_id.to_string()
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(())
}

async fn submit_tenant(
    tx: &mut PgTransaction<'static>,
    tenant_id: TenantId,
    group: &[&Submission],
) -> Result<Vec<Submitted>, Error> {
    let bound = bind_keys(tx, tenant_id, group).await?;
    let ids = |submission: &Submission| submission.jobs.iter().map(|job| job.id.0).collect::<Vec<Uuid>>();
    // Of several requests with one key, the one whose jobs the key is bound to is stored.
    let is_stored = |submission: &&&Submission| match &submission.idempotency {
        None => true,
        Some(wish) => bound
            .get(&wish.key)
            .is_some_and(|bound| bound.fresh && bound.job_ids == ids(submission)),
    };
    let new: Vec<&NewJob> = group
        .iter()
        .filter(is_stored)
        .flat_map(|submission| &submission.jobs)
        .collect();
    let mut known = insert_jobs(tx, tenant_id, &new).await?;

    let replayed: Vec<Uuid> = bound
        .values()
        .filter(|bound| !bound.fresh)
        .flat_map(|b| b.job_ids.clone())
        .collect();
    if !replayed.is_empty() {
        known.extend(as_submitted(tx, &replayed).await?);
    }
    let find =
        |ids: &[Uuid]| -> Vec<SubmittedJob> { ids.iter().filter_map(|id| known.get(id).cloned()).collect() };
    Ok(group
        .iter()
        .map(|submission| {
            let Some(wish) = &submission.idempotency else {
                return Submitted::Accepted(find(&ids(submission)));
            };
            match bound.get(&wish.key) {
                Some(bound) if bound.request_hash != wish.request_hash => Submitted::KeyReused,
                Some(bound) if bound.fresh && bound.job_ids == ids(submission) => {
                    Submitted::Accepted(find(&bound.job_ids))
                }
                Some(bound) => Submitted::Replayed(find(&bound.job_ids)),
                None => Submitted::InProgress,
            }
        })
        .collect())
}

async fn bind_keys(
    tx: &mut PgTransaction<'static>,
    tenant_id: TenantId,
    group: &[&Submission],
) -> Result<HashMap<String, Bound>, Error> {
    let mut wanted: BTreeMap<&str, (&Idempotency, Vec<Uuid>)> = BTreeMap::new();
    for submission in group {
        if let Some(wish) = &submission.idempotency {
            let ids = || submission.jobs.iter().map(|job| job.id.0).collect();
            wanted.entry(&wish.key).or_insert_with(|| (wish, ids()));
        }
    }
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let mut wanted: Vec<_> = wanted.into_values().collect();
    bind(tx, tenant_id, &mut wanted).await
}

/// Stores jobs with their tokens: due now goes to the outbox, due later to `due`.
async fn insert_jobs(
    tx: &mut PgTransaction<'static>,
    tenant_id: TenantId,
    jobs: &[&NewJob],
) -> Result<HashMap<Uuid, SubmittedJob>, Error> {
    if jobs.is_empty() {
        return Ok(HashMap::new());
    }
    macro_rules! column {
        ($job:ident => $value:expr) => {
            &jobs.iter().map(|$job| $value).collect::<Vec<_>>()[..]
        };
    }
    let rows = sqlx::query!(
        r#"
        with accepted as (
            insert into job (id, tenant_id, kind, queue, payload, max_attempts, backoff_initial_ms, backoff_factor,
                             backoff_max_ms, timeout_ms, scheduled_for, start_by, traceparent, request_id, tags,
                             run_at, state)
            select n.id, $1, n.kind, n.queue, n.payload::json, n.max_attempts, n.backoff_initial_ms, n.backoff_factor,
                   n.backoff_max_ms, n.timeout_ms, n.scheduled_for, n.start_by, n.traceparent, n.request_id,
                   string_to_array(n.tags, chr(31)), greatest(n.scheduled_for, now()),
                   case when n.scheduled_for > now() then 'scheduled' else 'queued' end
            from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::bigint[],
                        $8::double precision[], $9::bigint[], $10::bigint[], $11::timestamptz[], $12::timestamptz[],
                        $13::text[], $14::text[], $15::text[])
                as n (id, kind, queue, payload, max_attempts, backoff_initial_ms, backoff_factor, backoff_max_ms,
                      timeout_ms, scheduled_for, start_by, traceparent, request_id, tags)
            returning id, queue, state, created_at, run_at, start_by, traceparent
        ), rung as (
            insert into outbox (job_id, tenant_id, queue, traceparent, start_by)
            select id, $1, queue, traceparent, start_by from accepted where state = 'queued'
        ), later as (
            insert into due (job_id, tenant_id, run_at, start_by)
            select id, $1, run_at, start_by from accepted where state = 'scheduled'
        )
        select id, state, created_at, run_at from accepted
        "#,
        tenant_id.0,
        column!(job => job.id.0),
        column!(job => job.kind.to_string()),
        column!(job => job.queue.to_string()),
        column!(job => job.payload.get().to_owned()),
        column!(job => i32::try_from(job.policy.max_attempts).unwrap_or(i32::MAX)),
        column!(job => ms(job.policy.backoff.initial)),
        column!(job => job.policy.backoff.factor),
        column!(job => ms(job.policy.backoff.max)),
        column!(job => ms(job.timeout)),
        column!(job => job.run_at) as &[Option<DateTime<Utc>>],
        column!(job => job.start_by) as &[Option<DateTime<Utc>>],
        column!(job => job.traceparent.clone()) as &[Option<String>],
        column!(job => job.request_id.as_ref().map(ToString::to_string)) as &[Option<String>],
        // A tag holds no control character, so one of those parts them.
        column!(job => job.tags.iter().map(domain::Tag::as_str).collect::<Vec<_>>().join("\u{1f}")),
    )
    .fetch_all(&mut **tx)
    .await?;
    let by_id: HashMap<Uuid, &&NewJob> = jobs.iter().map(|job| (job.id.0, job)).collect();
    rows.into_iter()
        .filter_map(|row| by_id.get(&row.id).map(|job| (row, job)))
        .map(|(row, job)| {
            let submitted = SubmittedJob {
                id: JobId(row.id),
                kind: job.kind.to_string(),
                queue: job.queue.to_string(),
                state: parse(&row.state)?,
                created_at: row.created_at,
                run_at: row.run_at,
            };
            Ok((row.id, submitted))
        })
        .collect()
}

/// Stored jobs as they were when they were accepted: from their immutable columns.
async fn as_submitted(
    tx: &mut PgTransaction<'static>,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, SubmittedJob>, Error> {
    let rows = sqlx::query!(
        r#"
        select id, kind, queue, created_at, greatest(scheduled_for, created_at) as "run_at!",
               coalesce(scheduled_for > created_at, false) as "was_scheduled!"
        from job where id = any($1)
        "#,
        ids,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let state = if row.was_scheduled {
                JobState::Scheduled
            } else {
                JobState::Queued
            };
            let submitted = SubmittedJob {
                id: JobId(row.id),
                kind: row.kind,
                queue: row.queue,
                state,
                created_at: row.created_at,
                run_at: row.run_at,
            };
            (row.id, submitted)
        })
        .collect())
}
