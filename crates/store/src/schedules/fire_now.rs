//! Firing a schedule on request, besides its fire times.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::schedule::{Fire, Overlap};
use domain::{JobId, NewJob, ScheduleName};
use serde_json::json;
use sqlx::PgTransaction;

use super::change::written;
use super::{Schedule, read};
use crate::audit::{self, Actor};
use crate::control::{Cancel, cancel, state_of};
use crate::error::Error;
use crate::idempotency::{Idempotency, bind};
use crate::pool::Store;
use crate::row::parse;
use crate::submit::{Submission, Submitted, replay, submit_bound};

/// What the job of a schedule that fires on request is called.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// The job's id.
    pub job_id: JobId,
    /// The W3C trace context of the request.
    pub traceparent: String,
    /// The request's `Idempotency-Key`, if it has one.
    pub idempotency: Option<Idempotency>,
}

/// What it came to that somebody had a schedule fire.
#[derive(Debug)]
pub enum FiredNow {
    /// Its job was submitted, with this answer.
    Submitted {
        /// As of any submit.
        answer: Submitted,
        /// The jobs that it has ended, which had not started.
        cancelled: Vec<JobId>,
    },
    /// Its previous job has not ended, and jobs of this schedule must not overlap.
    PreviousLives(JobId),
    /// The tenant has no such schedule.
    NotFound,
}

impl Store {
    /// Makes a job of a schedule now, also of a paused one; its fire times stay as they are. A request that was answered
    /// before is answered the same, whatever became of the schedule.
    ///
    /// # Errors
    /// When a statement failed; nothing was changed. [`Error::Locked`] when somebody else holds the schedule.
    pub async fn fire_now(
        &self,
        actor: &Actor,
        name: &ScheduleName,
        trigger: &Trigger,
    ) -> Result<FiredNow, Error> {
        match self.fire_once(actor, name, trigger).await {
            Err(Error::KeyHeld(_)) => Ok(FiredNow::Submitted {
                answer: Submitted::InProgress,
                cancelled: Vec::new(),
            }),
            fired => fired,
        }
    }

    async fn fire_once(
        &self,
        actor: &Actor,
        name: &ScheduleName,
        trigger: &Trigger,
    ) -> Result<FiredNow, Error> {
        let tenant_id = actor.tenant_id;
        let mut tx = self.begin(tenant_id).await?;
        // The key before the schedule: who waits for the key waits for the first request with it, and knows what that one
        // has made; who waits for the schedule may wait for anybody.
        let bound = match &trigger.idempotency {
            Some(wish) => bind(&mut tx, tenant_id, &mut [(wish, vec![trigger.job_id.0])]).await?,
            None => HashMap::new(),
        };
        if let Some(wish) = &trigger.idempotency
            && bound.values().any(|bound| !bound.fresh)
            && let Some(answer) = replay(&mut tx, tenant_id, wish).await?
        {
            let cancelled = Vec::new();
            return Ok(FiredNow::Submitted { answer, cancelled });
        }
        // One at a time. In a statement of its own, so that the next one sees everything that was done before.
        let now = sqlx::query_scalar!(
            r#"select now() as "now!" from schedule where tenant_id = $1 and name = $2 for update"#,
            tenant_id.0,
            name.as_str(),
        )
        .fetch_optional(&mut *tx)
        .await?;
        let schedule = read(&mut tx, tenant_id, name.as_str()).await?;
        let Some((now, schedule)) = now.zip(schedule) else {
            tx.rollback().await?;
            return Ok(FiredNow::NotFound);
        };
        let previous = living(&mut tx, schedule.last_job_id).await?;
        let to_cancel = match (schedule.overlap, previous) {
            (Overlap::Skip, Some(previous)) => {
                // At once, not when the connection is used again: the key is free for who asks again.
                tx.rollback().await?;
                return Ok(FiredNow::PreviousLives(previous));
            }
            (Overlap::CancelPrevious, previous) => previous,
            (Overlap::Allow | Overlap::Skip, _) => None,
        };
        let submission = Submission {
            tenant_id,
            idempotency: trigger.idempotency.clone(),
            jobs: vec![new_job(schedule, actor, trigger, now)?],
        };
        let (mut answers, mut cancelled) = submit_bound(&mut tx, tenant_id, &[&submission], &bound).await?;
        let answer = answers.remove(0);
        if let Submitted::Accepted(jobs) = &answer
            && jobs.iter().any(|job| !job.existed)
        {
            if let Some(previous) = to_cancel
                && cancel(&mut tx, previous).await? == Cancel::Cancelled
            {
                cancelled.push(previous);
            }
            note(&mut tx, actor, name, (trigger.job_id, now)).await?;
        }
        tx.commit().await?;
        Ok(FiredNow::Submitted { answer, cancelled })
    }
}

/// The job, if it has not ended.
async fn living(tx: &mut PgTransaction<'static>, id: Option<JobId>) -> Result<Option<JobId>, Error> {
    let Some(id) = id else { return Ok(None) };
    let state = state_of(tx, id).await?;
    Ok(state.filter(|state| !state.is_terminal()).map(|_| id))
}

/// The schedule's newest job, and who asked for it.
async fn note(
    tx: &mut PgTransaction<'static>,
    actor: &Actor,
    name: &ScheduleName,
    (job_id, fire_at): (JobId, DateTime<Utc>),
) -> Result<(), Error> {
    sqlx::query!(
        "update schedule set last_fired_at = $3, last_job_id = $4 where tenant_id = $1 and name = $2",
        actor.tenant_id.0,
        name.as_str(),
        fire_at,
        job_id.0,
    )
    .execute(&mut **tx)
    .await?;
    let details = json!({ "job_id": job_id });
    audit::append(tx, actor, written("schedule.fire", name, details)).await
}

/// The job that the schedule makes.
fn new_job(
    schedule: Schedule,
    actor: &Actor,
    trigger: &Trigger,
    now: DateTime<Utc>,
) -> Result<NewJob, Error> {
    let within = |within| chrono::TimeDelta::from_std(within).ok();
    Ok(NewJob {
        id: trigger.job_id,
        kind: parse(&schedule.kind)?,
        queue: parse(&schedule.queue)?,
        payload: schedule.payload.unwrap_or_default(),
        policy: schedule.policy,
        timeout: schedule.timeout,
        run_at: None,
        start_by: schedule
            .start_within
            .and_then(within)
            .and_then(|within| now.checked_add_signed(within)),
        tags: schedule
            .tags
            .iter()
            .map(|tag| parse(tag))
            .collect::<Result<_, _>>()?,
        metadata: schedule.metadata,
        sensitive: schedule.sensitive,
        unique: schedule.unique,
        traceparent: Some(trigger.traceparent.clone()),
        request_id: Some(actor.request_id.clone()),
        fire: Some(Fire {
            schedule: schedule.name,
            fire_at: now,
        }),
    })
}
