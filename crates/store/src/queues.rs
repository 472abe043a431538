//! Lanes as a tenant sees them: what waits there, how fast it goes, and who has paused them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{QueueName, TenantId};
use serde_json::json;
use sqlx::PgTransaction;

use crate::audit::{self, Actor, Change};
use crate::error::Error;
use crate::pool::Store;

/// The most rows that are counted of one state in one lane: more take too long to count while somebody waits.
pub const MOST_COUNTED: u64 = 10_000;
/// How far back rates look.
pub const RATES_OVER: Duration = Duration::from_secs(60);

/// A lane as a tenant sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueStatus {
    /// The lane.
    pub queue: QueueName,
    /// Who has paused it.
    pub pauses: Vec<Pause>,
    /// The tenant's jobs in the lane that wait for a worker; at most [`MOST_COUNTED`].
    pub queued: u64,
    /// Those that are due later; at most [`MOST_COUNTED`], over all lanes.
    pub scheduled: u64,
    /// Those that run; at most [`MOST_COUNTED`], over all lanes.
    pub running: u64,
    /// Failed jobs that wait for a decision; at most [`MOST_COUNTED`], over all lanes.
    pub dead_letters: u64,
    /// Whether a number could be greater than it was counted.
    pub capped: bool,
    /// How long the oldest of the queued jobs that were counted has been queued.
    pub oldest: Option<Duration>,
    /// What was done in the last [`RATES_OVER`], as far as workers have told.
    pub rates: Rates,
}

/// Why no job of a tenant starts in a lane.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pause {
    /// Whether it is for everyone, or the tenant's own.
    pub everyone: bool,
    /// Since when.
    pub since: DateTime<Utc>,
    /// What somebody said about it.
    pub reason: Option<String>,
}

/// Counts of the last [`RATES_OVER`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Rates {
    /// Attempts that were started.
    pub started: u64,
    /// Attempts that succeeded.
    pub succeeded: u64,
    /// Attempts that failed, whether another one followed or not.
    pub failed: u64,
}

/// For whom a lane is paused or resumed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Audience {
    /// The actor's own tenant.
    Tenant,
    /// All tenants. The actor's tenant must operate the others.
    Everyone,
}

impl Audience {
    fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Everyone => "everyone",
        }
    }
}

impl Store {
    /// Pauses a lane: from the commit on, no claim starts a job there. Pausing again changes the reason, if there is a
    /// new one, and nothing else.
    ///
    /// # Errors
    /// When a statement failed, also because the actor's tenant does not operate the others; nothing was changed.
    pub async fn pause_queue(
        &self,
        actor: &Actor,
        queue: &QueueName,
        audience: Audience,
        reason: Option<&str>,
    ) -> Result<(), Error> {
        let mut tx = self.begin(actor.tenant_id).await?;
        let changed = match audience {
            Audience::Tenant => sqlx::query!(
                "insert into queue_pause (tenant_id, queue, reason) values ($1, $2, $3)
                 on conflict (queue, tenant_id) do update set reason = excluded.reason
                 where excluded.reason is not null and queue_pause.reason is distinct from excluded.reason",
                actor.tenant_id.0,
                queue.as_str(),
                reason,
            )
            .execute(&mut *tx),
            Audience::Everyone => sqlx::query!(
                "insert into lane_pause (queue, reason) values ($1, $2)
                 on conflict (queue) do update set reason = excluded.reason
                 where excluded.reason is not null and lane_pause.reason is distinct from excluded.reason",
                queue.as_str(),
                reason,
            )
            .execute(&mut *tx),
        };
        if changed.await?.rows_affected() > 0 {
            let change = Change {
                action: "queue.pause",
                target: queue.as_str(),
                details: json!({ "for": audience.as_str(), "reason": reason }),
            };
            audit::append(&mut tx, actor, change).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Lets jobs of a lane start again, unless somebody else has paused it too.
    ///
    /// # Errors
    /// When a statement failed; nothing was changed.
    pub async fn resume_queue(
        &self,
        actor: &Actor,
        queue: &QueueName,
        audience: Audience,
    ) -> Result<(), Error> {
        let mut tx = self.begin(actor.tenant_id).await?;
        let changed = match audience {
            Audience::Tenant => {
                sqlx::query!("delete from queue_pause where queue = $1", queue.as_str()).execute(&mut *tx)
            }
            Audience::Everyone => {
                sqlx::query!("delete from lane_pause where queue = $1", queue.as_str()).execute(&mut *tx)
            }
        };
        if changed.await?.rows_affected() > 0 {
            let change = Change {
                action: "queue.resume",
                target: queue.as_str(),
                details: json!({ "for": audience.as_str() }),
            };
            audit::append(&mut tx, actor, change).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// How lanes do, for one tenant; in the order of `queues`.
    ///
    /// # Errors
    /// When a statement failed.
    pub async fn queue_status(
        &self,
        tenant_id: TenantId,
        queues: &[QueueName],
    ) -> Result<Vec<QueueStatus>, Error> {
        let names: Vec<String> = queues.iter().map(ToString::to_string).collect();
        let mut tx = self.begin(tenant_id).await?;
        let mut statuses = depths(&mut tx, queues, &names).await?;
        let pauses = sqlx::query!(
            r#"
            select queue as "queue!", paused_at as "paused_at!", reason, false as "everyone!" from queue_pause
            where queue = any($1)
            union all
            select queue, paused_at, reason, true from lane_pause where queue = any($1)
            order by 2
            "#,
            &names,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        for pause in pauses {
            let of = statuses
                .iter_mut()
                .filter(|status| status.queue.as_str() == pause.queue);
            for status in of {
                status.pauses.push(Pause {
                    everyone: pause.everyone,
                    since: pause.paused_at,
                    reason: pause.reason.clone(),
                });
            }
        }
        Ok(statuses)
    }
}

/// Each count reads so many rows of a small table and no history. Where the table has no lane, the job tells it.
async fn depths(
    tx: &mut PgTransaction<'static>,
    queues: &[QueueName],
    names: &[String],
) -> Result<Vec<QueueStatus>, Error> {
    let most = MOST_COUNTED.cast_signed();
    let rows = sqlx::query!(
        r#"
        with later as materialized (
            select j.queue from (select job_id from due where tenant_id = current_tenant() limit $2::bigint + 1) d
            join job j on j.id = d.job_id
        ), running as materialized (
            select j.queue from (select job_id from claim where tenant_id = current_tenant() limit $2 + 1) c
            join job j on j.id = c.job_id
        ), dead as materialized (
            select queue from dead_letter where tenant_id = current_tenant() limit $2 + 1
        ), over_all as (
            select (select count(*) from later) > $2 or (select count(*) from running) > $2
                   or (select count(*) from dead) > $2 as capped
        )
        select q.place as "place!", w.queued as "queued!", w.oldest_secs as "oldest_secs?",
               (select least(count(*), $2) from later where later.queue = q.name) as "scheduled!",
               (select least(count(*), $2) from running where running.queue = q.name) as "running!",
               (select least(count(*), $2) from dead where dead.queue = q.name) as "dead_letters!",
               o.capped or w.capped as "capped!",
               a.started as "started!", a.succeeded as "succeeded!", a.failed as "failed!"
        from unnest($1::text[]) with ordinality as q (name, place)
        cross join over_all o
        cross join lateral (
            select least(count(*), $2) as queued, count(*) > $2 as capped,
                   extract(epoch from now() - min(enqueued_at))::float8 as oldest_secs
            from (select enqueued_at from outbox where queue = q.name and tenant_id = current_tenant()
                  order by visible_at limit $2 + 1) waiting
        ) w
        cross join lateral (
            select coalesce(sum(started), 0)::bigint as started, coalesce(sum(succeeded), 0)::bigint as succeeded,
                   coalesce(sum(failed), 0)::bigint as failed
            from queue_activity
            where queue = q.name and tenant_id = current_tenant() and at > now() - $3::float8 * interval '1 second'
        ) a
        order by q.place
        "#,
        names,
        most,
        RATES_OVER.as_secs_f64(),
    )
    .fetch_all(&mut **tx)
    .await?;
    let number = |count: i64| u64::try_from(count).unwrap_or_default();
    Ok(queues
        .iter()
        .zip(rows)
        .map(|(queue, row)| QueueStatus {
            queue: queue.clone(),
            pauses: Vec::new(),
            queued: number(row.queued),
            scheduled: number(row.scheduled),
            running: number(row.running),
            dead_letters: number(row.dead_letters),
            capped: row.capped,
            oldest: row
                .oldest_secs
                .and_then(|secs| Duration::try_from_secs_f64(secs.max(0.0)).ok()),
            rates: Rates {
                started: number(row.started),
                succeeded: number(row.succeeded),
                failed: number(row.failed),
            },
        })
        .collect())
}
