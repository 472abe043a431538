//! Jobs that ended and are to live again: they get their keys back, or stay where they are.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use domain::JobId;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::Error;

/// An ended job that is to live again and has a key that it may still need.
struct Returning {
    id: Uuid,
    tenant_id: Uuid,
    unique_key: Vec<u8>,
    unique_until: Option<DateTime<Utc>>,
}

/// Gives ended jobs that are to live again their keys back, where nobody else holds them. Answers those whose key
/// somebody holds, each with that job: they must not live again now. Their tokens must be locked by now.
pub(crate) async fn reclaim(
    connection: &mut PgConnection,
    ids: &[Uuid],
) -> Result<HashMap<JobId, JobId>, Error> {
    let jobs = sqlx::query_as!(
        Returning,
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
    let mut first: BTreeMap<(Uuid, &[u8]), &Returning> = BTreeMap::new();
    for job in &jobs {
        first.entry((job.tenant_id, &job.unique_key)).or_insert(job);
    }
    let claimants: Vec<&Returning> = first.into_values().collect();
    lock_again(connection, &claimants).await?;
    let holders = give_back(connection, &claimants).await?;
    Ok(jobs
        .iter()
        .filter_map(|job| {
            let holder = *holders.get(&(job.tenant_id, job.unique_key.clone()))?;
            (holder != job.id).then_some((JobId(job.id), JobId(holder)))
        })
        .collect())
}

macro_rules! column {
    ($claimants:ident, $claimant:ident => $value:expr) => {
        &$claimants.iter().map(|$claimant| $value).collect::<Vec<_>>()[..]
    };
}

/// Makes the rows that were purged, and locks all.
async fn lock_again(connection: &mut PgConnection, claimants: &[&Returning]) -> Result<(), Error> {
    sqlx::query!(
        r#"
        insert into unique_job as u (tenant_id, key_hash, job_id, expires_at)
        select w.tenant_id, w.key_hash, w.job_id, w.expires_at
        from unnest($1::uuid[], $2::bytea[], $3::uuid[], $4::timestamptz[]) as w (tenant_id, key_hash, job_id, expires_at)
        order by w.tenant_id, w.key_hash
        on conflict (tenant_id, key_hash) do update set job_id = u.job_id where false
        "#,
        column!(claimants, claimant => claimant.tenant_id),
        column!(claimants, claimant => claimant.unique_key.clone()),
        column!(claimants, claimant => claimant.id),
        column!(claimants, claimant => claimant.unique_until) as &[Option<DateTime<Utc>>],
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes down the claimants of keys that nobody else holds; answers every key's holder.
async fn give_back(
    connection: &mut PgConnection,
    claimants: &[&Returning],
) -> Result<HashMap<(Uuid, Vec<u8>), Uuid>, Error> {
    let rows = sqlx::query!(
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
        column!(claimants, claimant => claimant.tenant_id),
        column!(claimants, claimant => claimant.unique_key.clone()),
        column!(claimants, claimant => claimant.id),
        column!(claimants, claimant => claimant.unique_until) as &[Option<DateTime<Utc>>],
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| ((row.tenant_id, row.key_hash), row.holder))
        .collect())
}
