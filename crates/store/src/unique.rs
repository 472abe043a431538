//! One job per key: who holds which key, and what a submit or a retry makes of it.
//!
//! A transaction locks the rows of all its keys first, in their order, and makes those that are missing. So of two
//! transactions with a key in common the second waits, before it has done anything that the first could wait for, and then
//! sees what the first has decided.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::unique::{Holder, Verdict, Window};
use domain::{JobId, NewJob, OnConflict, TenantId, Unique, UniqueKey};
use sqlx::{PgConnection, PgTransaction};
use uuid::Uuid;

use crate::error::Error;
use crate::pool::Store;
use crate::row::ms;

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
    fn of(job: &NewJob, unique: &Unique) -> Self {
        Self {
            job_id: job.id,
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
pub(crate) async fn settle(
    tx: &mut PgTransaction<'static>,
    tenant_id: TenantId,
    requests: &[&[NewJob]],
) -> Result<Settled, Error> {
    // By key, each with the first job that wants it.
    let mut wanted: BTreeMap<UniqueKey, Claimant> = BTreeMap::new();
    let mut replaceable = HashSet::new();
    for job in requests.iter().copied().flatten() {
        if let Some(unique) = &job.unique {
            wanted
                .entry(unique.key)
                .or_insert_with(|| Claimant::of(job, unique));
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

/// Takes the requests in their order.
fn decide(requests: &[&[NewJob]], rows: &HashMap<UniqueKey, Row>, fresh: &HashSet<UniqueKey>) -> Settled {
    let held = rows.iter().filter(|(_, row)| row.held);
    let mut deciding = Deciding {
        holders: held.map(|(key, row)| (*key, row.holder())).collect(),
        ..Deciding::default()
    };
    let answers = requests.iter().map(|jobs| deciding.request(jobs)).collect();
    let changes = rows.iter().filter_map(|(key, row)| {
        let (fresh, claimant) = (fresh.contains(key), deciding.claimants.get(key));
        match claimant {
            Some(claimant) if fresh && claimant.job_id == row.job_id => None,
            None if !fresh => None,
            changed => Some((*key, changed.copied())),
        }
    });
    Settled {
        answers,
        changes: changes.collect(),
        replaced: deciding.replaced,
    }
}

/// What the requests so far have come to.
#[derive(Default)]
struct Deciding {
    holders: HashMap<UniqueKey, Holder>,
    /// Of the holders, those that are new.
    claimants: HashMap<UniqueKey, Claimant>,
    replaced: Vec<JobId>,
}

/// What a key was before a request took it.
struct Before {
    key: UniqueKey,
    holder: Option<Holder>,
    claimant: Option<Claimant>,
}

impl Deciding {
    /// One request: what one that is refused would have changed is taken back.
    fn request(&mut self, jobs: &[NewJob]) -> Result<Vec<Place>, Refusal> {
        let (mut places, mut taken) = (Vec::with_capacity(jobs.len()), Vec::new());
        let replaced_before = self.replaced.len();
        for (index, job) in jobs.iter().enumerate() {
            match self.job(job, &mut taken) {
                Ok(place) => places.push(place),
                Err(holder) => {
                    self.replaced.truncate(replaced_before);
                    taken.into_iter().rev().for_each(|before| self.take_back(before));
                    return Err(Refusal { index, holder });
                }
            }
        }
        Ok(places)
    }

    /// The job that stands in the way, if it is refused.
    fn job(&mut self, job: &NewJob, taken: &mut Vec<Before>) -> Result<Place, JobId> {
        let Some(unique) = &job.unique else {
            return Ok(Place::New);
        };
        match unique.decide(self.holders.get(&unique.key).copied()) {
            Verdict::Return(holder) => return Ok(Place::Existing(holder)),
            Verdict::Refuse(holder) => return Err(holder),
            Verdict::Replace(old) => self.replaced.push(old),
            Verdict::Take => {}
        }
        let holder = Holder {
            job_id: job.id,
            waits: true,
        };
        taken.push(Before {
            key: unique.key,
            holder: self.holders.insert(unique.key, holder),
            claimant: self.claimants.insert(unique.key, Claimant::of(job, unique)),
        });
        Ok(Place::New)
    }

    fn take_back(&mut self, before: Before) {
        put_back(&mut self.holders, before.key, before.holder);
        put_back(&mut self.claimants, before.key, before.claimant);
    }
}

fn put_back<V>(map: &mut HashMap<UniqueKey, V>, key: UniqueKey, value: Option<V>) {
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    };
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

/// Gives ended jobs that are to live again their keys back, where nobody else holds them. Answers those whose key
/// somebody holds, each with that job: they must not live again now. Their tokens must be locked by now.
pub(crate) async fn reclaim(
    connection: &mut PgConnection,
    ids: &[Uuid],
) -> Result<HashMap<JobId, JobId>, Error> {
    let jobs = sqlx::query!(
        r#"
        select id, tenant_id, unique_key as "unique_key!", unique_until from job
        where id = any($1) and unique_key is not null and (unique_until is null or unique_until > now())
        order by tenant_id, unique_key, id
        "#,
        ids,
    )
    .fetch_all(&mut *connection)
    .await?;
    if jobs.is_empty() {
        return Ok(HashMap::new());
    }
    // By key, each with the first job that wants it; a later one with the same key finds that one in its way.
    let mut first: BTreeMap<(Uuid, &[u8]), usize> = BTreeMap::new();
    for (at, job) in jobs.iter().enumerate() {
        first.entry((job.tenant_id, &job.unique_key)).or_insert(at);
    }
    let chosen: Vec<_> = first.values().map(|at| &jobs[*at]).collect();
    let tenants: Vec<Uuid> = chosen.iter().map(|job| job.tenant_id).collect();
    let keys: Vec<Vec<u8>> = chosen.iter().map(|job| job.unique_key.clone()).collect();
    let job_ids: Vec<Uuid> = chosen.iter().map(|job| job.id).collect();
    let untils: Vec<_> = chosen.iter().map(|job| job.unique_until).collect();
    sqlx::query!(
        r#"
        insert into unique_job as u (tenant_id, key_hash, job_id, expires_at)
        select w.tenant_id, w.key_hash, w.job_id, w.expires_at
        from unnest($1::uuid[], $2::bytea[], $3::uuid[], $4::timestamptz[]) as w (tenant_id, key_hash, job_id, expires_at)
        order by w.tenant_id, w.key_hash
        on conflict (tenant_id, key_hash) do update set job_id = u.job_id where false
        "#,
        &tenants,
        &keys,
        &job_ids,
        &untils as &[Option<chrono::DateTime<chrono::Utc>>],
    )
    .execute(&mut *connection)
    .await?;
    // Now that they are locked: who has a key that nobody holds gets it, and every key is answered with its job.
    let held = sqlx::query!(
        r#"
        with wanted as (
            select * from unnest($1::uuid[], $2::bytea[], $3::uuid[], $4::timestamptz[])
                as w (tenant_id, key_hash, job_id, expires_at)
        ), standing as (
            select w.tenant_id, w.key_hash, w.job_id as wanted_by, w.expires_at, u.job_id,
                   u.job_id <> w.job_id and unique_key_held(u.expires_at, j.state) as taken
            from wanted w
            join unique_job u on u.tenant_id = w.tenant_id and u.key_hash = w.key_hash
            left join job j on j.id = u.job_id
        ), given as (
            update unique_job u set job_id = s.wanted_by, expires_at = s.expires_at
            from standing s
            where u.tenant_id = s.tenant_id and u.key_hash = s.key_hash and not s.taken and s.job_id <> s.wanted_by
        )
        select tenant_id as "tenant_id!", key_hash as "key_hash!",
               case when taken then job_id else wanted_by end as "holder!"
        from standing
        "#,
        &tenants,
        &keys,
        &job_ids,
        &untils as &[Option<chrono::DateTime<chrono::Utc>>],
    )
    .fetch_all(&mut *connection)
    .await?;
    let holders: HashMap<(Uuid, &[u8]), Uuid> = held
        .iter()
        .map(|row| ((row.tenant_id, &row.key_hash[..]), row.holder))
        .collect();
    Ok(jobs
        .iter()
        .filter_map(|job| {
            let holder = *holders.get(&(job.tenant_id, &job.unique_key[..]))?;
            (holder != job.id).then_some((JobId(job.id), JobId(holder)))
        })
        .collect())
}

/// Where a purge of unique keys goes on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UniqueCursor {
    tenant_id: Uuid,
    key_hash: Vec<u8>,
}

/// What a purge of unique keys came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PurgedUnique {
    /// How many keys are forgotten.
    pub purged: u64,
    /// The last one that was read; `None` when there was none.
    pub last_read: Option<UniqueCursor>,
}

impl Store {
    /// Forgets, among the next `page` unique keys after `after`, those whose job does not hold them any more. Only those
    /// are locked, and only while nobody uses them.
    ///
    /// # Errors
    /// When a statement failed.
    pub async fn purge_unique(&self, after: Option<&UniqueCursor>, page: i64) -> Result<PurgedUnique, Error> {
        let mut connection = self.acquire().await?;
        let mut tx = sqlx::Connection::begin(&mut *connection).await?;
        let (tenant_id, key_hash) =
            after.map_or((Uuid::nil(), &[][..]), |after| (after.tenant_id, &after.key_hash));
        let rows = sqlx::query!(
            r#"
            with page as materialized (
                select tenant_id, key_hash from unique_job where (tenant_id, key_hash) > ($1, $2)
                order by tenant_id, key_hash limit $3
            ), stale as materialized (
                select u.tenant_id, u.key_hash
                from page p
                join unique_job u on u.tenant_id = p.tenant_id and u.key_hash = p.key_hash
                left join job j on j.id = u.job_id
                where not unique_key_held(u.expires_at, j.state)
                for update of u skip locked
            )
            select p.tenant_id as "tenant_id!", p.key_hash as "key_hash!", s.key_hash is not null as "stale!"
            from page p left join stale s on s.tenant_id = p.tenant_id and s.key_hash = p.key_hash
            order by p.tenant_id, p.key_hash
            "#,
            tenant_id,
            key_hash,
            page,
        )
        .fetch_all(&mut *tx)
        .await?;
        let stale = rows.iter().filter(|row| row.stale);
        let (tenants, keys): (Vec<Uuid>, Vec<Vec<u8>>) =
            stale.map(|row| (row.tenant_id, row.key_hash.clone())).unzip();
        let mut purged = 0;
        if !keys.is_empty() {
            // Looked at again, now that they are locked: a retry may have made one of the jobs live meanwhile.
            let deleted = sqlx::query!(
                r#"
                with unheld as (
                    select u.tenant_id, u.key_hash
                    from unnest($1::uuid[], $2::bytea[]) as s (tenant_id, key_hash)
                    join unique_job u on u.tenant_id = s.tenant_id and u.key_hash = s.key_hash
                    left join job j on j.id = u.job_id
                    where not unique_key_held(u.expires_at, j.state)
                )
                delete from unique_job u using unheld h where u.tenant_id = h.tenant_id and u.key_hash = h.key_hash
                "#,
                &tenants,
                &keys,
            )
            .execute(&mut *tx)
            .await?;
            purged = deleted.rows_affected();
        }
        tx.commit().await?;
        let last_read = rows.into_iter().next_back().map(|row| UniqueCursor {
            tenant_id: row.tenant_id,
            key_hash: row.key_hash,
        });
        Ok(PurgedUnique { purged, last_read })
    }
}
