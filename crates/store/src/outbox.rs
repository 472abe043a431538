//! The outbox as the dispatcher sees it: doorbells that SQS has to be told.

use std::time::Duration;

use domain::{JobId, LaneHolds, QueueName, TenantId};
use uuid::Uuid;

use crate::error::Error;
use crate::pool::Store;
use crate::row::ms;

/// A queued job that has to be announced.
#[derive(Clone, Debug)]
pub struct Doorbell {
    /// The job.
    pub job_id: JobId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// The W3C trace context of the submit.
    pub traceparent: Option<String>,
}

/// Which doorbells to take.
#[derive(Clone, Debug)]
pub struct TakeDoorbells<'a> {
    /// The lane.
    pub queue: &'a QueueName,
    /// The most of them.
    pub limit: i64,
    /// How long each stays hidden from other dispatchers after its first announcement.
    pub base: Duration,
    /// How many of a tenant may be announced and not answered.
    pub window: i64,
    /// Whose stay.
    pub holds: &'a LaneHolds,
    /// The tenant that was served last, if any was.
    pub after: Option<TenantId>,
}

/// Doorbells that were taken.
#[derive(Clone, Debug)]
pub struct TakenDoorbells {
    /// What has to be announced.
    pub doorbells: Vec<Doorbell>,
    /// The tenant behind whom the next look begins.
    pub served: TenantId,
    /// Whether a tenant has as many unanswered announcements as it may, so that more may follow once they are answered.
    pub full: bool,
    /// Whether a tenant got no more than its share, so that more may follow at once.
    pub more: bool,
}

/// The most tenants of one look; the next one goes on behind them.
const MAX_TENANTS: i32 = 1_000;

impl Store {
    /// Takes doorbells of a lane that are not announced, or whose announcement nobody has answered. Each stays hidden
    /// from other dispatchers for `base` after its first announcement, four times as long after each further one, and
    /// at most an hour: so a message that is lost is sent again soon, and a long backlog is not announced over and over.
    ///
    /// It goes from tenant to tenant as receivers of the embedded queue do, and gives each the same share. A tenant gets
    /// no more than the window has room for, beside what is announced, hidden and not answered.
    ///
    /// # Errors
    /// When the statement failed.
    #[expect(clippy::too_many_lines, reason = "it is one statement")]
    pub async fn take_doorbells(&self, wanted: TakeDoorbells<'_>) -> Result<TakenDoorbells, Error> {
        let after = wanted.after.unwrap_or(TenantId(Uuid::nil()));
        if wanted.holds.everyone {
            return Ok(TakenDoorbells {
                doorbells: Vec::new(),
                served: after,
                full: false,
                more: false,
            });
        }
        let (tenants, rooms) = rooms(wanted.holds);
        let mut connection = self.acquire().await?;
        let rows = sqlx::query!(
            r#"
            with recursive hop (tenant_id, lap, number) as (
                select $4::uuid, 1, 0
                union all
                select coalesce(next.tenant_id, '00000000-0000-0000-0000-000000000000'),
                       case when next.tenant_id is null then lap + 1 else lap end, number + 1
                from hop left join lateral (
                    select o.tenant_id from outbox o
                    where o.queue = $1 and o.tenant_id > hop.tenant_id
                    order by o.tenant_id limit 1
                ) next on true
                where number < $5 and (lap = 1 or (lap = 2 and hop.tenant_id < $4))
            ), waiting as materialized (
                select hop.tenant_id, hop.number, least(coalesce(held.room, $8), $8) - hidden.count as room
                from hop cross join lateral (
                    select (select h.room from unnest($6::uuid[], $7::bigint[]) as h (tenant_id, room)
                            where h.tenant_id = hop.tenant_id) as room
                ) held cross join lateral (
                    select from outbox o
                    where o.queue = $1 and o.tenant_id = hop.tenant_id and o.visible_at <= now()
                    order by o.visible_at limit 1
                ) visible cross join lateral (
                    select count(*) as count from (
                        select from outbox o
                        where o.queue = $1 and o.tenant_id = hop.tenant_id and o.announced_at is not null
                          -- In this form no index on visible_at serves it: there many may wait for a slow retry.
                          and (o.visible_at > now()) is true
                        order by o.announced_at limit $8
                    ) announced
                ) hidden
                where number > 0 and (lap = 1 or (lap = 2 and hop.tenant_id <= $4)) and (held.room is null or held.room > 0)
            ), served as materialized (
                select tenant_id, number, room from waiting where room > 0 limit $2
            ), mine as (
                select share.job_id, served.tenant_id from served cross join lateral (
                    select o.job_id from outbox o
                    where o.queue = $1 and o.tenant_id = served.tenant_id and o.visible_at <= now()
                    order by o.visible_at
                    limit least(served.room, ($2 + (select count(*) from served) - 1) / (select count(*) from served))
                    for update skip locked
                ) share
                limit $2
            ), got as materialized (
                select waiting.tenant_id, waiting.room,
                       (select count(*) from mine where mine.tenant_id = waiting.tenant_id) as jobs
                from waiting
            ), taken as (
                update outbox o
                set receive_count = o.receive_count + 1, announced_at = now(),
                    visible_at = now() + least($3::bigint * power(4, least(o.receive_count, 10)), 3600000)
                        * interval '1 millisecond'
                where o.job_id = any (array(select job_id from mine))
                returning o.job_id, o.tenant_id, o.traceparent
            )
            select taken.job_id as "job_id?", taken.tenant_id as "tenant_id?", taken.traceparent,
                   coalesce((select tenant_id from served order by number desc limit 1),
                            (select tenant_id from hop order by number desc limit 1)) as "served!",
                   exists (select from got where jobs >= room) as "full!",
                   exists (select from got where jobs < room and jobs * (select count(*) from served) >= $2) as "more!"
            from (select) as always left join taken on true
            "#,
            wanted.queue.as_str(),
            wanted.limit,
            ms(wanted.base),
            after.0,
            MAX_TENANTS,
            &tenants,
            &rooms,
            wanted.window,
        )
        .fetch_all(&mut *connection)
        .await?;
        let mut taken = TakenDoorbells {
            doorbells: Vec::with_capacity(rows.len()),
            served: after,
            full: false,
            more: false,
        };
        for row in rows {
            (taken.served, taken.full, taken.more) = (TenantId(row.served), row.full, row.more);
            if let (Some(job_id), Some(tenant_id)) = (row.job_id, row.tenant_id) {
                taken.doorbells.push(Doorbell {
                    job_id: JobId(job_id),
                    tenant_id: TenantId(tenant_id),
                    traceparent: row.traceparent,
                });
            }
        }
        Ok(taken)
    }

    /// Takes doorbells of a lane that were announced longer than `age` ago and that nobody has answered; the longest
    /// announced first, at most `limit`. They count as announced anew, so that workers who look at the same time find
    /// different ones; when their queue announces them again stays as it is. What is held stays.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn take_unheard_doorbells(
        &self,
        queue: &QueueName,
        age: Duration,
        limit: i64,
        holds: &LaneHolds,
    ) -> Result<Vec<Doorbell>, Error> {
        if holds.everyone {
            return Ok(Vec::new());
        }
        let held: Vec<Uuid> = holds.held().map(|tenant_id| tenant_id.0).collect();
        let mut connection = self.acquire().await?;
        let rows = sqlx::query!(
            r#"
            with unheard as (
                select job_id from outbox
                where queue = $1 and announced_at <= now() - $2::bigint * interval '1 millisecond'
                  and tenant_id <> all($4)
                order by announced_at limit $3
                for update skip locked
            )
            update outbox o set announced_at = now()
            from unheard u
            where o.job_id = u.job_id
            returning o.job_id, o.tenant_id, o.traceparent
            "#,
            queue.as_str(),
            ms(age),
            limit,
            &held,
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| Doorbell {
                job_id: JobId(row.job_id),
                tenant_id: TenantId(row.tenant_id),
                traceparent: row.traceparent,
            })
            .collect())
    }

    /// Makes doorbells visible again after `wait`, because they could not be sent.
    ///
    /// # Errors
    /// When the statement failed; they become visible by themselves later.
    pub async fn return_doorbells(&self, ids: &[JobId], wait: Duration) -> Result<(), Error> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let mut connection = self.acquire().await?;
        sqlx::query!(
            r#"
            update outbox
            set visible_at = now() + $2::bigint * interval '1 millisecond', announced_at = null,
                receive_count = greatest(receive_count - 1, 0)
            where job_id = any($1)
            "#,
            &ids,
            ms(wait),
        )
        .execute(&mut *connection)
        .await?;
        Ok(())
    }
}

/// As two columns.
fn rooms(holds: &LaneHolds) -> (Vec<Uuid>, Vec<i64>) {
    let rooms = holds.rooms.iter();
    rooms
        .map(|(tenant_id, room)| (tenant_id.0, i64::from(*room)))
        .unzip()
}
