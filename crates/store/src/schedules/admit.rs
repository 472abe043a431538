//! What schedules that fire may do: their overlap policies decide it, then the quotas of their tenants, then unique keys.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use domain::schedule::{Overlap, Plan, Skip};
use domain::{JobId, TenantId, Unique};
use sqlx::PgTransaction;
use uuid::Uuid;

use super::fire::Firing;
use super::unique_of;
use crate::control::end_replaced;
use crate::error::Error;
use crate::row::{count, parse};
use crate::unique::{self, Place, Settled, Wish};

/// A schedule whose row this transaction holds, and what it does.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) tenant_id: TenantId,
    pub(super) name: String,
    /// The jobs to be made, each with its fire time, in their order.
    pub(super) fires: Vec<(DateTime<Utc>, JobId)>,
    pub(super) next_fire_at: Option<DateTime<Utc>>,
    /// The newest fire time that has no job and will have none.
    pub(super) skipped: Option<(DateTime<Utc>, Skip)>,
    /// The quota for which fire times must wait.
    pub(super) over_quota: Option<u32>,
    /// The previous job, if it has not ended and is to be cancelled once another one is made.
    pub(super) to_cancel: Option<JobId>,
    unique: Option<Unique>,
}

/// A schedule's row as far as it decides what the schedule may do.
struct Row {
    place: i64,
    overlap: String,
    last_job_id: Option<Uuid>,
    previous_lives: bool,
    unique_key: Option<Vec<u8>>,
    unique_ms: Option<i64>,
    unique_on_conflict: Option<String>,
}

impl Held {
    fn new(firing: &Firing, row: &Row) -> Result<Self, Error> {
        let overlap: Overlap = parse(&row.overlap)?;
        let mut held = Self {
            tenant_id: firing.tenant_id,
            name: firing.name.clone(),
            fires: firing
                .plan
                .fires
                .iter()
                .copied()
                .zip(firing.job_ids.iter().copied())
                .collect(),
            next_fire_at: firing.plan.next_fire_at,
            skipped: firing.plan.skipped,
            over_quota: None,
            to_cancel: None,
            unique: unique_of(
                row.unique_key.as_deref(),
                row.unique_ms,
                row.unique_on_conflict.as_deref(),
            )?,
        };
        if row.previous_lives {
            match overlap {
                Overlap::Allow => {}
                Overlap::Skip => held.let_go(|_| true, Skip::Overlap),
                Overlap::CancelPrevious => held.to_cancel = row.last_job_id.map(JobId),
            }
        }
        Ok(held)
    }

    /// Makes no job for these fire times.
    fn let_go(&mut self, which: impl Fn(JobId) -> bool, why: Skip) {
        let gone = |(_, id): &(DateTime<Utc>, JobId)| which(*id);
        if let Some((newest, _)) = self.fires.iter().rev().find(|fire| gone(fire)) {
            self.skipped = Some((*newest, why));
        }
        self.fires.retain(|fire| !gone(fire));
    }

    /// Does what there is room for; the rest waits.
    fn keep_within(&mut self, quota: &mut Quota) {
        let plan = Plan {
            fires: self.fires.iter().map(|(at, _)| *at).collect(),
            next_fire_at: self.next_fire_at,
            skipped: self.skipped,
        };
        let (plan, waits) = plan.within(quota.room);
        self.fires.truncate(plan.fires.len());
        self.next_fire_at = plan.next_fire_at;
        self.over_quota = waits.then_some(quota.limit);
        quota.room -= self.fires.len();
    }
}

/// What a tenant may have waiting, and how much more that is.
struct Quota {
    limit: u32,
    room: usize,
}

/// A job that a schedule would make.
struct Wanted {
    id: JobId,
    unique: Unique,
}

impl Wish for Wanted {
    fn id(&self) -> JobId {
        self.id
    }

    fn unique(&self) -> Option<&Unique> {
        Some(&self.unique)
    }
}

/// Who holds which keys once the jobs are made.
#[derive(Default)]
pub(super) struct Keys(Vec<(TenantId, Settled)>);

impl Keys {
    /// Cancels jobs that are replaced, and writes down who holds the keys. The new jobs must be stored by now. Answers
    /// which jobs are cancelled.
    pub(super) async fn record(&self, tx: &mut PgTransaction<'static>) -> Result<Vec<JobId>, Error> {
        let mut cancelled = Vec::new();
        for (tenant_id, settled) in &self.0 {
            if !settled.replaced.is_empty() {
                end_replaced(tx, &settled.replaced).await?;
            }
            settled.record(tx, *tenant_id).await?;
            cancelled.extend(&settled.replaced);
        }
        Ok(cancelled)
    }
}

/// What these schedules do. Their rows must be held by now.
pub(super) async fn admit(
    tx: &mut PgTransaction<'static>,
    firings: &[&Firing],
) -> Result<(Vec<Held>, Keys), Error> {
    let mut held = look(tx, firings).await?;
    let mut quotas = quotas(tx, &held).await?;
    for schedule in &mut held {
        if let Some(quota) = quotas.get_mut(&schedule.tenant_id) {
            schedule.keep_within(quota);
        }
    }
    let keys = settle(tx, &mut held).await?;
    Ok((held, keys))
}

async fn look(tx: &mut PgTransaction<'static>, firings: &[&Firing]) -> Result<Vec<Held>, Error> {
    let tenants: Vec<Uuid> = firings.iter().map(|firing| firing.tenant_id.0).collect();
    let names: Vec<String> = firings.iter().map(|firing| firing.name.clone()).collect();
    let rows = sqlx::query_as!(
        Row,
        r#"
        select w.place as "place!", s.overlap, s.last_job_id,
               coalesce(j.state in ('scheduled', 'queued', 'running'), false) as "previous_lives!",
               s.unique_key, s.unique_ms, s.unique_on_conflict
        from unnest($1::uuid[], $2::text[]) with ordinality as w (tenant_id, name, place)
        join schedule s on s.tenant_id = w.tenant_id and s.name = w.name
        left join job j on j.id = s.last_job_id
        order by w.place
        "#,
        &tenants,
        &names,
    )
    .fetch_all(&mut **tx)
    .await?;
    let firing = |row: &Row| firings.get(usize::try_from(row.place - 1).ok()?);
    rows.iter()
        .filter_map(|row| Some(Held::new(firing(row)?, row)))
        .collect()
}

/// The quotas of those tenants that have one. What waits is counted as submits count it, in all lanes that have anything.
async fn quotas(tx: &mut PgTransaction<'static>, held: &[Held]) -> Result<HashMap<TenantId, Quota>, Error> {
    let firing = held.iter().filter(|schedule| !schedule.fires.is_empty());
    let tenants: Vec<Uuid> = firing.map(|schedule| schedule.tenant_id.0).collect();
    let rows = sqlx::query!(
        r#"
        with recursive lane (queue) as (
            (select queue from outbox order by queue limit 1)
            union all
            select (select o.queue from outbox o where o.queue > lane.queue order by o.queue limit 1)
            from lane where lane.queue is not null
        )
        select t.id, t.max_queued_jobs as "limit!", least(t.max_queued_jobs, (
                select count(*) from lane
                cross join lateral (
                    select from outbox o where o.queue = lane.queue and o.tenant_id = t.id limit t.max_queued_jobs
                ) queued
            ) + (
                select count(*) from (select from due d where d.tenant_id = t.id limit t.max_queued_jobs) later
            ))::integer as "waiting!"
        from tenant t
        where t.id = any($1) and t.max_queued_jobs is not null
        "#,
        &tenants,
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let (limit, waiting) = (count(row.limit)?, count(row.waiting)?);
            let quota = Quota {
                limit,
                room: limit.saturating_sub(waiting) as usize,
            };
            Ok((TenantId(row.id), quota))
        })
        .collect()
}

/// Lets go what another job's key is in the way of. Each fire time is a submit of its own: with `return` and with `reject`
/// alike it makes no job where there is one.
async fn settle(tx: &mut PgTransaction<'static>, held: &mut [Held]) -> Result<Keys, Error> {
    if held.iter().all(|schedule| schedule.unique.is_none()) {
        return Ok(Keys::default());
    }
    let fired = fired_before(tx, held).await?;
    // In the order of tenants, as submits take their locks.
    let mut wanted: BTreeMap<TenantId, Vec<Wanted>> = BTreeMap::new();
    for schedule in held.iter_mut() {
        let Some(unique) = schedule.unique else { continue };
        schedule.fires.retain(|(_, id)| !fired.contains(id));
        let jobs = schedule.fires.iter().map(|(_, id)| Wanted { id: *id, unique });
        wanted.entry(schedule.tenant_id).or_default().extend(jobs);
    }
    let (mut keys, mut in_the_way) = (Vec::with_capacity(wanted.len()), HashSet::new());
    for (tenant_id, wanted) in &wanted {
        let requests: Vec<&[Wanted]> = wanted.chunks(1).collect();
        let settled = unique::settle(tx, *tenant_id, &requests).await?;
        let answered = wanted.iter().zip(&settled.answers);
        let refused = answered.filter(|(_, places)| !matches!(places.as_deref(), Ok([Place::New])));
        in_the_way.extend(refused.map(|(job, _)| job.id));
        keys.push((*tenant_id, settled));
    }
    for schedule in held {
        schedule.let_go(|id| in_the_way.contains(&id), Skip::Unique);
    }
    Ok(Keys(keys))
}

/// Jobs that will not be made because their fire times have one: they must take no key.
async fn fired_before(tx: &mut PgTransaction<'static>, held: &[Held]) -> Result<HashSet<JobId>, Error> {
    let fires = || {
        let unique = held.iter().filter(|schedule| schedule.unique.is_some());
        unique.flat_map(|schedule| schedule.fires.iter().map(move |fire| (schedule, fire)))
    };
    let tenants: Vec<Uuid> = fires().map(|(schedule, _)| schedule.tenant_id.0).collect();
    let names: Vec<String> = fires().map(|(schedule, _)| schedule.name.clone()).collect();
    let times: Vec<DateTime<Utc>> = fires().map(|(_, (at, _))| *at).collect();
    let ids: Vec<Uuid> = fires().map(|(_, (_, id))| id.0).collect();
    let fired = sqlx::query_scalar!(
        r#"
        select w.job_id as "job_id!"
        from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::uuid[]) as w (tenant_id, name, fire_at, job_id)
        join schedule_fire f on f.tenant_id = w.tenant_id and f.schedule = w.name and f.fire_at = w.fire_at
        "#,
        &tenants,
        &names,
        &times,
        &ids,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(fired.into_iter().map(JobId).collect())
}
