//! Which jobs a submit with an `Idempotency-Key` made. The unique key arbitrates: a concurrent duplicate waits until
//! the first transaction ends, and then reads what it wrote.

use std::collections::HashMap;
use std::time::Duration;

use domain::TenantId;
use sqlx::PgTransaction;
use uuid::Uuid;

use crate::error::Error;
use crate::row::ms;

/// How long a key is remembered.
const KEPT: Duration = Duration::from_hours(24);

/// The key of a submit, and the fingerprint of its body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Idempotency {
    /// What the client sent.
    pub key: String,
    /// SHA-256 over method, route and body.
    pub request_hash: [u8; 32],
}

/// What a key is bound to.
pub(crate) struct Bound {
    pub(crate) request_hash: Vec<u8>,
    pub(crate) job_ids: Vec<Uuid>,
    /// Whether this transaction bound it.
    pub(crate) fresh: bool,
}

/// Binds each key that is free, and answers for every key what it is bound to. Keys must be unique in the slice; they
/// are locked in order, so that two transactions with the same keys never wait for each other in a circle.
pub(crate) async fn bind(
    tx: &mut PgTransaction<'static>,
    tenant_id: TenantId,
    wanted: &mut [(&Idempotency, Vec<Uuid>)],
) -> Result<HashMap<String, Bound>, Error> {
    wanted.sort_by(|a, b| a.0.key.cmp(&b.0.key));
    let keys: Vec<String> = wanted.iter().map(|(wish, _)| wish.key.clone()).collect();
    let hashes: Vec<Vec<u8>> = wanted
        .iter()
        .map(|(wish, _)| wish.request_hash.to_vec())
        .collect();
    let job_ids: Vec<String> = wanted.iter().map(|(_, ids)| array_literal(ids)).collect();
    let fresh = sqlx::query_scalar!(
        r#"
        insert into idempotency as i (tenant_id, key, request_hash, job_ids, expires_at)
        select $1, w.key, w.request_hash, w.job_ids::uuid[], now() + $5::bigint * interval '1 millisecond'
        from unnest($2::text[], $3::bytea[], $4::text[]) as w (key, request_hash, job_ids)
        on conflict (tenant_id, key) do update
            set request_hash = excluded.request_hash, job_ids = excluded.job_ids, expires_at = excluded.expires_at
            where i.expires_at <= now()
        returning key
        "#,
        tenant_id.0,
        &keys,
        &hashes,
        &job_ids,
        ms(KEPT),
    )
    .fetch_all(&mut **tx)
    .await?;
    let bound = sqlx::query!(
        "select key, request_hash, job_ids from idempotency where tenant_id = $1 and key = any($2)",
        tenant_id.0,
        &keys,
    )
    .fetch_all(&mut **tx)
    .await?;
    let of_key = |row: &String| fresh.contains(row);
    Ok(bound
        .into_iter()
        .map(|row| {
            let fresh = of_key(&row.key);
            (
                row.key,
                Bound {
                    request_hash: row.request_hash,
                    job_ids: row.job_ids,
                    fresh,
                },
            )
        })
        .collect())
}

/// An array of arrays can't be unnested row by row, so each row's ids travel as one Postgres array literal.
fn array_literal(ids: &[Uuid]) -> String {
    let ids: Vec<String> = ids.iter().map(Uuid::to_string).collect();
    format!("{{{}}}", ids.join(","))
}
