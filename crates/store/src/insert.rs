//! The rows of accepted jobs: written, and read for the answer.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::unique::Window;
use domain::{JobId, JobState, NewJob, TenantId, Unique};
use serde::Serialize;
use sqlx::PgTransaction;
use uuid::Uuid;

use crate::error::Error;
use crate::row::{ms, parse};
use crate::submit::SubmittedJob;

/// Stores jobs with their tokens: due now goes to the outbox, due later to `due`.
pub(crate) async fn insert_jobs(
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
                             metadata, sensitive, unique_key, unique_until, schedule, fire_at, run_at, state)
            select n.id, $1, n.kind, n.queue, n.payload::json, n.max_attempts, n.backoff_initial_ms, n.backoff_factor,
                   n.backoff_max_ms, n.timeout_ms, n.scheduled_for, n.start_by, n.traceparent, n.request_id,
                   string_to_array(n.tags, chr(31)), n.metadata::json, n.sensitive::json, n.unique_key,
                   now() + n.unique_ms * interval '1 millisecond', n.schedule, n.fire_at,
                   greatest(n.scheduled_for, now()),
                   case when n.scheduled_for > now() then 'scheduled' else 'queued' end
            from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::bigint[],
                        $8::double precision[], $9::bigint[], $10::bigint[], $11::timestamptz[], $12::timestamptz[],
                        $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::bytea[], $19::bigint[],
                        $20::text[], $21::timestamptz[])
                as n (id, kind, queue, payload, max_attempts, backoff_initial_ms, backoff_factor, backoff_max_ms,
                      timeout_ms, scheduled_for, start_by, traceparent, request_id, tags, metadata, sensitive, unique_key,
                      unique_ms, schedule, fire_at)
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
        column!(job => json_unless(&job.metadata, job.metadata.is_empty())) as &[Option<String>],
        column!(job => json_unless(&job.sensitive, job.sensitive.is_empty())) as &[Option<String>],
        column!(job => job.unique.as_ref().map(|unique| unique.key.as_bytes().to_vec())) as &[Option<Vec<u8>>],
        column!(job => job.unique.as_ref().and_then(unique_ms)) as &[Option<i64>],
        column!(job => job.fire.as_ref().map(|fire| fire.schedule.clone())) as &[Option<String>],
        column!(job => job.fire.as_ref().map(|fire| fire.fire_at)) as &[Option<DateTime<Utc>>],
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
                existed: false,
            };
            Ok((row.id, submitted))
        })
        .collect()
}

/// Stored jobs as they were when they were accepted: from their immutable columns.
pub(crate) async fn as_submitted(
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
                existed: false,
            };
            (row.id, submitted)
        })
        .collect())
}

/// Jobs that are answered in place of new ones, as they stand.
pub(crate) async fn as_they_stand(
    tx: &mut PgTransaction<'static>,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, SubmittedJob>, Error> {
    let rows = sqlx::query!(
        "select id, kind, queue, state, created_at, run_at from job where id = any($1)",
        ids,
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let standing = SubmittedJob {
                id: JobId(row.id),
                kind: row.kind,
                queue: row.queue,
                state: parse(&row.state)?,
                created_at: row.created_at,
                run_at: row.run_at,
                existed: true,
            };
            Ok((row.id, standing))
        })
        .collect()
}

/// What most jobs lack is NULL, which costs no byte.
pub(crate) fn json_unless<T: Serialize>(value: &T, is_empty: bool) -> Option<String> {
    (!is_empty).then(|| serde_json::to_string(value).expect("texts are always JSON"))
}

pub(crate) fn unique_ms(unique: &Unique) -> Option<i64> {
    match unique.window {
        Window::Live => None,
        Window::Period(period) => Some(ms(period)),
    }
}
