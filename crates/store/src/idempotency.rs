//! Which jobs a submit with an `Idempotency-Key` made. The unique key arbitrates: a concurrent duplicate waits until
//! the first transaction ends, and then reads what it wrote.

use std::collections::HashMap;
use std::time::Duration;

use domain::TenantId;
use sqlx::PgTransaction;
use uuid::Uuid;

use crate::answers::Told;
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
    /// Those of them that existed before that submit.
    existing_ids: Vec<Uuid>,
    /// What it made that is no job, see [`crate::once`].
    pub(crate) made: Option<String>,
    /// Whether this transaction bound it.
    pub(crate) fresh: bool,
}

impl Bound {
    pub(crate) fn told(&self) -> Vec<Told> {
        let told = |id: &Uuid| (*id, self.existing_ids.contains(id));
        self.job_ids.iter().map(told).collect()
    }
}

/// What a key is to be bound to in the end.
pub(crate) struct Rebinding<'a> {
    pub(crate) key: &'a str,
    /// The jobs of the answer; nothing when the request was refused, which does not use up its key.
    pub(crate) told: Option<Vec<Told>>,
}

/// Binds each key that is free, and answers for every key what it is bound to. Keys must be unique in the slice; they
/// are locked in order, so that two transactions with the same keys never wait for each other in a circle.
///
/// # Errors
/// [`Error::KeyHeld`] when the first request with one of them does not end in time.
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
            set request_hash = excluded.request_hash, job_ids = excluded.job_ids, expires_at = excluded.expires_at,
                existing_ids = null, made = null
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
    .await
    .map_err(key_held)?;
    let bound = sqlx::query!(
        "select key, request_hash, job_ids, existing_ids, made from idempotency where tenant_id = $1 and key = any($2)",
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
                    existing_ids: row.existing_ids.unwrap_or_default(),
                    made: row.made,
                    fresh,
                },
            )
        })
        .collect())
}

/// What an error means where a request waits for the first one with its key.
fn key_held(error: sqlx::Error) -> Error {
    let error = Error::from(error);
    if let Error::Locked(cause) = error {
        return Error::KeyHeld(cause);
    }
    error
}

/// Binds keys that this transaction has bound to what their requests are answered in the end.
pub(crate) async fn rebind(
    tx: &mut PgTransaction<'static>,
    tenant_id: TenantId,
    rebindings: &[Rebinding<'_>],
) -> Result<(), Error> {
    if rebindings.is_empty() {
        return Ok(());
    }
    let literal = |only_existing: bool| -> Vec<Option<String>> {
        let ids = |told: &Vec<Told>| {
            let chosen = told.iter().filter(|(_, existed)| *existed || !only_existing);
            array_literal(&chosen.map(|(id, _)| *id).collect::<Vec<_>>())
        };
        rebindings.iter().map(|to| to.told.as_ref().map(ids)).collect()
    };
    sqlx::query!(
        r#"
        update idempotency i
        set job_ids = coalesce(w.job_ids::uuid[], i.job_ids), existing_ids = w.existing_ids::uuid[],
            expires_at = case when w.job_ids is null then '-infinity' else i.expires_at end
        from unnest($2::text[], $3::text[], $4::text[]) as w (key, job_ids, existing_ids)
        where i.tenant_id = $1 and i.key = w.key
        "#,
        tenant_id.0,
        &rebindings.iter().map(|to| to.key.to_owned()).collect::<Vec<_>>(),
        &literal(false) as &[Option<String>],
        &literal(true) as &[Option<String>],
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What a key is bound to, if it is.
pub(crate) async fn find(
    tx: &mut PgTransaction<'static>,
    tenant_id: TenantId,
    wish: &Idempotency,
) -> Result<Option<Bound>, Error> {
    let row = sqlx::query!(
        r#"
        select request_hash, job_ids, existing_ids, made from idempotency
        where tenant_id = $1 and key = $2 and expires_at > now()
        "#,
        tenant_id.0,
        wish.key,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|row| Bound {
        request_hash: row.request_hash,
        job_ids: row.job_ids,
        existing_ids: row.existing_ids.unwrap_or_default(),
        made: row.made,
        fresh: false,
    }))
}

/// An array of arrays can't be unnested row by row, so each row's ids travel as one Postgres array literal.
fn array_literal(ids: &[Uuid]) -> String {
    let ids: Vec<String> = ids.iter().map(Uuid::to_string).collect();
    format!("{{{}}}", ids.join(","))
}
