//! The statements on the outbox but for the one that takes rows: one per operation.
//!
//! The outbox is nearly empty until, suddenly, it is not. Neither its statistics nor a plan that was made a
//! minute ago then say what it holds, and a call that reads all of it costs a hundred times what it may.
//! Therefore two series of one row each are part of the statements by which rows are extended and deleted. As the
//! length of the series is a parameter, a plan for any parameters looks dear (two of unknown length make a million
//! rows), and Postgres plans each call anew, by the outbox' size of that moment. That costs a third of a millisecond.

use std::time::Duration;

use domain::QueueName;
use sqlx::PgPool;
use uuid::Uuid;

use super::{DeadLetters, receipt};
use crate::message::{Envelope, Receipt};
use crate::{EntryFailure, Error};

pub(super) async fn upsert(
    pool: &PgPool,
    lane: &QueueName,
    envelopes: &[(usize, &Envelope)],
) -> Result<(), Error> {
    let messages = || envelopes.iter().map(|(_, envelope)| &envelope.message);
    let job_ids: Vec<Uuid> = messages().map(|message| message.job_id.0).collect();
    let tenant_ids: Vec<Uuid> = messages().map(|message| message.tenant_id.0).collect();
    let traceparents: Vec<Option<&str>> = messages().map(|message| message.traceparent.as_deref()).collect();
    let delays_secs: Vec<f64> = envelopes
        .iter()
        .map(|(_, envelope)| envelope.delay.as_secs_f64())
        .collect();
    // A job that the batch names twice gets its last entry; in key order, so that two batches can't deadlock.
    sqlx::query!(
        r#"
        insert into outbox (job_id, tenant_id, queue, traceparent, visible_at)
        select distinct on (job_id)
               job_id, tenant_id, $1, traceparent, now() + make_interval(secs => delay_secs)
        from unnest($2::uuid[], $3::uuid[], $4::text[], $5::float8[])
            with ordinality as envelope (job_id, tenant_id, traceparent, delay_secs, index)
        order by job_id, index desc
        on conflict (job_id) do update
        set queue = excluded.queue, traceparent = excluded.traceparent, enqueued_at = excluded.enqueued_at,
            visible_at = excluded.visible_at, receive_count = excluded.receive_count
        "#,
        lane.as_str(),
        &job_ids,
        &tenant_ids,
        &traceparents as &[Option<&str>],
        &delays_secs,
    )
    .execute(pool)
    .await?;
    Ok(())
}

pub(super) async fn extend(
    pool: &PgPool,
    lane: &QueueName,
    receipts: &[Receipt],
    visibility: Duration,
) -> Result<Vec<EntryFailure>, Error> {
    let columns = receipt::read(receipts);
    let extended = sqlx::query_scalar!(
        r#"
        update outbox o set visible_at = now() + make_interval(secs => $6)
        from unnest($2::int8[], $3::uuid[], $4::timestamptz[], $5::int4[])
            as receipt (index, job_id, enqueued_at, receive_count),
            generate_series(1, $7) as one, generate_series(1, $7) as same
        where o.queue = $1 and o.job_id = receipt.job_id and o.enqueued_at = receipt.enqueued_at
          and o.receive_count = receipt.receive_count
        returning receipt.index as "index!"
        "#,
        lane.as_str(),
        &columns.indexes,
        &columns.job_ids,
        &columns.enqueued_at,
        &columns.receive_counts,
        visibility.as_secs_f64(),
        1,
    )
    .fetch_all(pool)
    .await?;
    Ok(all_but(receipts.len(), &extended))
}

pub(super) async fn delete(
    pool: &PgPool,
    lane: &QueueName,
    receipts: &[Receipt],
) -> Result<Vec<EntryFailure>, Error> {
    let columns = receipt::read(receipts);
    let deleted = sqlx::query_scalar!(
        r#"
        delete from outbox o
        using unnest($2::int8[], $3::uuid[], $4::timestamptz[], $5::int4[])
            as receipt (index, job_id, enqueued_at, receive_count),
            generate_series(1, $6) as one, generate_series(1, $6) as same
        where o.queue = $1 and o.job_id = receipt.job_id and o.enqueued_at = receipt.enqueued_at
          and o.receive_count = receipt.receive_count
        returning receipt.index as "index!"
        "#,
        lane.as_str(),
        &columns.indexes,
        &columns.job_ids,
        &columns.enqueued_at,
        &columns.receive_counts,
        1,
    )
    .fetch_all(pool)
    .await?;
    Ok(all_but(receipts.len(), &deleted))
}

/// Whatever was not found is stale: it was received again, or its row is gone.
fn all_but(len: usize, found: &[i64]) -> Vec<EntryFailure> {
    let found: std::collections::HashSet<i64> = found.iter().copied().collect();
    let stale = (0..len).zip(0..).filter(|(_, key)| !found.contains(key));
    stale
        .map(|(index, _)| EntryFailure {
            index,
            error: Error::StaleReceipt,
        })
        .collect()
}

pub(super) async fn move_dead(pool: &PgPool, lane: &QueueName, dead: &DeadLetters) -> Result<(), Error> {
    sqlx::query!(
        r#"
        update outbox set queue = $3, visible_at = now()
        where job_id in (
            select job_id from outbox
            where queue = $1 and visible_at <= now() and receive_count >= $2
            order by visible_at limit 100
            for update skip locked
        )
        "#,
        lane.as_str(),
        i32::try_from(dead.max_receives).unwrap_or(i32::MAX),
        dead.lane.as_str(),
    )
    .execute(pool)
    .await?;
    Ok(())
}

pub(super) async fn count(pool: &PgPool, lane: &QueueName) -> Result<u64, Error> {
    let rows = sqlx::query_scalar!(
        r#"select count(*) as "rows!" from outbox where queue = $1"#,
        lane.as_str()
    )
    .fetch_one(pool)
    .await?;
    Ok(rows.unsigned_abs())
}

pub(super) async fn check(pool: &PgPool, lane: &QueueName) -> Result<(), Error> {
    sqlx::query_scalar!(
        "select exists (select from outbox where queue = $1)",
        lane.as_str()
    )
    .fetch_one(pool)
    .await?;
    Ok(())
}
