//! Taking visible rows, fairly among tenants.
//!
//! A look goes from tenant to tenant along the index of lane, tenant and time: one step each, however many rows
//! a tenant has. It begins behind the tenant that was served last, goes once round, and gives each tenant that
//! has visible rows the same share. So a tenant with a backlog costs the others nothing, and one that is alone
//! gets all that [`LaneHolds::most`] lets it have.
//!
//! The plan is made once per connection and kept, because making it costs more than the whole look. It must
//! therefore be good for an outbox of any size, whatever its statistics said when it was made: each part has a
//! limit and one index that gives its rows in order, and the pool's connections neither read tables as a whole
//! nor sort what an index has in order (`enable_seqscan` and `enable_bitmapscan` are off, as `store` makes
//! them).

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{JobId, LaneHolds, QueueName, TenantId};
use sqlx::PgPool;
use uuid::Uuid;

use super::receipt;
use crate::Error;
use crate::message::{Delivery, Message, Receive};

/// The most tenants of one look. Where more have rows and none of these has a visible one, the next look follows
/// at once.
const MAX_TENANTS: i32 = 1_000;

/// Whose turn it is.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    /// The tenant that was served last.
    pub(super) after: TenantId,
    /// Whose rows stay.
    pub(super) holds: &'a LaneHolds,
}

/// What a look at the lane found.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) deliveries: Vec<Delivery>,
    /// The tenant behind whom the next look begins.
    pub(super) served: TenantId,
    /// When nothing was taken: how long until the next hidden row becomes visible.
    pub(super) next_visible_in: Option<Duration>,
}

impl Default for Taken {
    fn default() -> Self {
        Self {
            deliveries: Vec::new(),
            served: TenantId(Uuid::nil()),
            next_visible_in: None,
        }
    }
}

/// Takes up to `max` visible rows. Rows that another receiver is taking at this moment are skipped, so nobody
/// waits for anybody. The answer has a row also when nothing was taken: without a job, but with the wait.
///
/// The first lap of `hop` is from the tenant served last to the end of the lane, the second from its beginning to
/// that tenant; between them it stands on the id of no tenant. What is `waiting` has a visible row and may have it
/// taken.
#[expect(clippy::too_many_lines, reason = "it is one statement")]
pub(super) async fn take(
    pool: &PgPool,
    lane: &QueueName,
    receive: &Receive,
    turn: &Turn<'_>,
) -> Result<Taken, Error> {
    let max = i64::try_from(receive.max).unwrap_or(i64::MAX);
    let (tenants, rooms): (Vec<Uuid>, Vec<i64>) = turn
        .holds
        .rooms
        .iter()
        .map(|(tenant_id, room)| (tenant_id.0, i64::from(*room)))
        .unzip();
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
            select hop.tenant_id, hop.number, least(held.room, $8) as room
            from hop cross join lateral (
                select (select h.room from unnest($6::uuid[], $7::bigint[]) as h (tenant_id, room)
                        where h.tenant_id = hop.tenant_id) as room
            ) held cross join lateral (
                select from outbox o
                where o.queue = $1 and o.tenant_id = hop.tenant_id and o.visible_at <= now()
                order by o.visible_at limit 1
            ) visible
            where number > 0 and (lap = 1 or (lap = 2 and hop.tenant_id <= $4)) and (held.room is null or held.room > 0)
            limit $2
        ), mine as (
            select share.job_id from waiting cross join lateral (
                select o.job_id from outbox o
                where o.queue = $1 and o.tenant_id = waiting.tenant_id and o.visible_at <= now()
                order by o.visible_at
                limit least(waiting.room, ($2 + (select count(*) from waiting) - 1) / (select count(*) from waiting))
                for update skip locked
            ) share
            limit $2
        ), taken as (
            update outbox o
            set visible_at = now() + make_interval(secs => $3), receive_count = o.receive_count + 1
            where o.job_id = any (array(select job_id from mine))
            returning o.job_id, o.tenant_id, o.traceparent, o.enqueued_at, o.receive_count
        )
        select taken.job_id as "job_id?", taken.tenant_id as "tenant_id?", taken.traceparent,
               taken.enqueued_at as "enqueued_at?", taken.receive_count as "receive_count?",
               coalesce((select tenant_id from waiting order by number desc limit 1),
                        (select tenant_id from hop order by number desc limit 1)) as "served!",
               case when taken.job_id is null then (
                   select case when max(hop.number) >= $5 then 0
                               else extract(epoch from min(hidden.visible_at) - now())::float8 end
                   from hop left join lateral (
                       select o.visible_at from outbox o
                       where o.queue = $1 and o.tenant_id = hop.tenant_id and o.visible_at > now()
                       order by o.visible_at limit 1
                   ) hidden on true
               ) end as next_visible_in_secs
        from (select) as always left join taken on true
        "#,
        lane.as_str(),
        max,
        receive.visibility.as_secs_f64(),
        turn.after.0,
        MAX_TENANTS,
        &tenants,
        &rooms,
        turn.holds.most.map_or(max, |most| max.min(i64::from(most))),
    )
    .fetch_all(pool)
    .await?;

    let mut found = Taken::default();
    for row in rows {
        found.served = TenantId(row.served);
        found.next_visible_in = row
            .next_visible_in_secs
            .and_then(|secs| Duration::try_from_secs_f64(secs).ok());
        if let (Some(job_id), Some(tenant_id), Some(enqueued_at), Some(receive_count)) =
            (row.job_id, row.tenant_id, row.enqueued_at, row.receive_count)
        {
            let message = Message {
                job_id: JobId(job_id),
                tenant_id: TenantId(tenant_id),
                traceparent: row.traceparent,
                dead_letter: None,
            };
            found
                .deliveries
                .push(delivery(message, enqueued_at, receive_count));
        }
    }
    Ok(found)
}

fn delivery(message: Message, enqueued_at: DateTime<Utc>, receive_count: i32) -> Delivery {
    Delivery {
        receipt: receipt::write(message.job_id.0, enqueued_at, receive_count),
        receive_count: receive_count.unsigned_abs(),
        message: Ok(message),
    }
}
