//! One job per key: who holds which key, and what a submit or a retry makes of it.
//!
//! A transaction locks the rows of all its keys first, in their order, and makes those that are missing. So of two
//! transactions with a key in common the second waits, before it has done anything that the first could wait for, and then
//! sees what the first has decided.

mod again;
mod deciding;
mod purge;

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::unique::{Holder, Window};
use domain::{JobId, NewJob, OnConflict, TenantId, Unique, UniqueKey};
use sqlx::{PgConnection, PgTransaction};
use uuid::Uuid;

use crate::error::Error;
use crate::row::ms;

pub(crate) use again::reclaim;
use deciding::decide;
pub use purge::{PurgedUnique, UniqueCursor};

/// A job that is to be stored, as far as its key matters.
pub(crate) trait Wish {
    /// The job's id.
    fn id(&self) -> JobId;
    /// That no other job does the same work.
    fn unique(&self) -> Option<&Unique>;
}

impl Wish for NewJob {
    fn id(&self) -> JobId {
        self.id
    }

    fn unique(&self) -> Option<&Unique> {
        self.unique.as_ref()
    }
}

/// How one job of a request is answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// By itself.
    New,
    /// By a job that holds its key.
    Existing(JobId),
}

/// Why none of a request's jobs is stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Refusal {
    /// Which of the request's jobs it is about.
    pub(crate) index: usize,
    /// The job that holds its key.
    pub(crate) holder: JobId,
}

/// What becomes of a group of requests, as far as their keys decide it.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// One per request.
    pub(crate) answers: Vec<Result<Vec<Place>, Refusal>>,
    /// Jobs to be cancelled, because others take their place. Nobody can start them before this transaction ends.
    pub(crate) replaced: Vec<JobId>,
    /// The rows that must change, each to the job that holds the key now.
    changes: Vec<(UniqueKey, Option<Claimant>)>,
}

/// A job that takes a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Claimant {
    job_id: JobId,
    window: Window,
}

impl Claimant {
    fn of(job_id: JobId, unique: &Unique) -> Self {
        Self {
            job_id,
            window: unique.window,
        }
    }

    fn period_ms(&self) -> Option<i64> {
        match self.window {
            Window::Live => None,
            Window::Period(period) => Some(ms(period)),
        }
    }
}

/// A key as it stands before this transaction decides.
struct Row {
    /// Whose row it is; for one that this transaction has made, the first job that wants the key.
    job_id: JobId,
    /// Whether that job holds the key: one that this transaction has made belongs to nobody yet.
    held: bool,
    waits: bool,
}

impl Row {
    fn holder(&self) -> Holder {
        Holder {
            job_id: self.job_id,
            waits: self.waits,
        }
    }
}

/// Decides what becomes of the requests, in their order, and locks what that depends on.
pub(crate) async fn settle<W: Wish>(
    tx: &mut PgTransaction<'static>,
    tenant_id: TenantId,
    requests: &[&[W]],
) -> Result<Settled, Error> {
    // By key, each with the first job that wants it.
    let mut wanted: BTreeMap<UniqueKey, Claimant> = BTreeMap::new();
    let mut replaceable = HashSet::new();
    for job in requests.iter().copied().flatten() {
        if let Some(unique) = job.unique() {
            wanted
                .entry(unique.key)
                .or_insert_with(|| Claimant::of(job.id(), unique));
            if unique.on_conflict == OnConflict::Replace {
                replaceable.insert(unique.key);
            }
        }
    }
    if wanted.is_empty() {
        let answers = requests
            .iter()
            .map(|jobs| Ok(vec![Place::New; jobs.len()]))
            .collect();
        return Ok(Settled {
            answers,
            ..Settled::default()
        });
    }
    let fresh = lock(tx, tenant_id, &wanted).await?;
    let mut rows: HashMap<UniqueKey, Row> = HashMap::with_capacity(wanted.len());
    for (key, claimant) in &wanted {
        if fresh.contains(key) {
            let row = Row {
                job_id: claimant.job_id,
                held: false,
                waits: false,
            };
            rows.insert(*key, row);
        }
    }
    if fresh.len() < wanted.len() {
        let known: Vec<UniqueKey> = wanted
            .keys()
            .filter(|key| !fresh.contains(*key))
            .copied()
            .collect();
        for (key, job_id, held) in read(tx, tenant_id, &known).await? {
            rows.insert(
                key,
                Row {
                    job_id,
                    held,
                    waits: false,
                },
            );
        }
        keep_from_starting(tx, &mut rows, &replaceable).await?;
    }
    Ok(decide(requests, &rows, &fresh))
}

/// Makes the rows that are missing, and locks all; answers which it has made.
async fn lock(
    connection: &mut PgConnection,
    tenant_id: TenantId,
    wanted: &BTreeMap<UniqueKey, Claimant>,
) -> Result<HashSet<UniqueKey>, Error> {
    let keys: Vec<Vec<u8>> = wanted.keys().map(|key| key.as_bytes().to_vec()).collect();
    let job_ids: Vec<Uuid> = wanted.values().map(|claimant| claimant.job_id.0).collect();
    let periods: Vec<Option<i64>> = wanted.values().map(Claimant::period_ms).collect();
    // What is there already is locked by the update, also where it changes nothing.
    let fresh = sqlx::query_scalar!(
        r#"
        insert into unique_job as u (tenant_id, key_hash, job_id, expires_at)
        select $1, w.key_hash, w.job_id, now() + w.period_ms * interval '1 millisecond'
        from unnest($2::bytea[], $3::uuid[], $4::bigint[]) as w (key_hash, job_id, period_ms)
        order by w.key_hash
        on conflict (tenant_id, key_hash) do update set job_id = u.job_id where false
        returning key_hash
        "#,
        tenant_id.0,
        &keys,
        &job_ids,
        &periods as &[Option<i64>],
    )
    .fetch_all(connection)
    .await?;
    fresh.iter().map(|key| key_of(key)).collect()
}

/// Who is written down for these keys, and whether they hold them. A statement of its own: only one that begins after
/// the rows were locked sees the jobs that they name.
async fn read(
    connection: &mut PgConnection,
    tenant_id: TenantId,
    keys: &[UniqueKey],
) -> Result<Vec<(UniqueKey, JobId, bool)>, Error> {
    let keys: Vec<Vec<u8>> = keys.iter().map(|key| key.as_bytes().to_vec()).collect();
    let rows = sqlx::query!(
        r#"
        select u.key_hash, u.job_id, unique_key_held(u.expires_at, j.state) as "held!"
        from unique_job u left join job j on j.id = u.job_id
        where u.tenant_id = $1 and u.key_hash = any($2)
        "#,
        tenant_id.0,
        &keys,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| Ok((key_of(&row.key_hash)?, JobId(row.job_id), row.held)))
        .collect()
}

fn key_of(digest: &[u8]) -> Result<UniqueKey, Error> {
    let digest: [u8; 32] = digest.try_into().map_err(Error::corrupt)?;
    Ok(digest.into())
}

/// Locks the tokens of those holders that may be replaced and wait for their start. A token that somebody else has locked
/// is just being moved, most likely to its start; waiting for it could become waiting in a circle.
async fn keep_from_starting(
    tx: &mut PgTransaction<'static>,
    rows: &mut HashMap<UniqueKey, Row>,
    replaceable: &HashSet<UniqueKey>,
) -> Result<(), Error> {
    let asked: Vec<Uuid> = rows
        .iter()
        .filter(|(key, row)| row.held && replaceable.contains(*key))
        .map(|(_, row)| row.job_id.0)
        .collect();
    if asked.is_empty() {
        return Ok(());
    }
    let locked = sqlx::query_scalar!(
        r#"
        with waiting as materialized (
            select job_id from outbox where job_id = any($1) for update skip locked
        ), later as materialized (
            select job_id from due where job_id = any($1) for update skip locked
        )
        select job_id as "job_id!" from waiting union all select job_id from later
        "#,
        &asked,
    )
    .fetch_all(&mut **tx)
    .await?;
    let locked: HashSet<Uuid> = locked.into_iter().collect();
    for row in rows.values_mut() {
        row.waits = locked.contains(&row.job_id.0);
    }
    Ok(())
}

impl Settled {
    /// Writes down who holds the keys. The new jobs must be stored by now.
    pub(crate) async fn record(
        &self,
        tx: &mut PgTransaction<'static>,
        tenant_id: TenantId,
    ) -> Result<(), Error> {
        let bytes = |key: &UniqueKey| key.as_bytes().to_vec();
        let taken: Vec<(&UniqueKey, &Claimant)> = self
            .changes
            .iter()
            .filter_map(|(key, claimant)| Some((key, claimant.as_ref()?)))
            .collect();
        if !taken.is_empty() {
            let keys: Vec<Vec<u8>> = taken.iter().map(|(key, _)| bytes(key)).collect();
            let job_ids: Vec<Uuid> = taken.iter().map(|(_, claimant)| claimant.job_id.0).collect();
            let periods: Vec<Option<i64>> = taken.iter().map(|(_, claimant)| claimant.period_ms()).collect();
            sqlx::query!(
                r#"
                update unique_job u set job_id = t.job_id, expires_at = now() + t.period_ms * interval '1 millisecond'
                from unnest($2::bytea[], $3::uuid[], $4::bigint[]) as t (key_hash, job_id, period_ms)
                where u.tenant_id = $1 and u.key_hash = t.key_hash
                "#,
                tenant_id.0,
                &keys,
                &job_ids,
                &periods as &[Option<i64>],
            )
            .execute(&mut **tx)
            .await?;
        }
        let free: Vec<Vec<u8>> = self
            .changes
            .iter()
            .filter(|(_, claimant)| claimant.is_none())
            .map(|(key, _)| bytes(key))
            .collect();
        if !free.is_empty() {
            sqlx::query!(
                "delete from unique_job where tenant_id = $1 and key_hash = any($2)",
                tenant_id.0,
                &free,
            )
            .execute(&mut **tx)
            .await?;
        }
        Ok(())
    }
}
