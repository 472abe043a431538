//! Breakers: which targets rest, as all workers see it. A target has a row only while it does, and the row is written only
//! when its breaker opens, lets a probe through, or closes.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{Breaker, TenantId};

use crate::error::Error;
use crate::pool::Store;
use crate::row::{count, duration_ms, ms};

/// Whose target it is, and which.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct BreakerKey {
    /// The owner of the jobs. What one tenant's target answers keeps no other tenant's jobs waiting.
    pub tenant_id: TenantId,
    /// `endpoint:` and a name, or the origin of a URL.
    pub target: String,
}

/// A breaker that opens.
#[derive(Clone, Debug)]
pub struct OpenBreaker<'a> {
    /// How often in a row it has opened, this time included; at least 1.
    pub trips: u32,
    /// The failures that led to this; at least 1.
    pub failures: u32,
    /// For how long.
    pub lasts: Duration,
    /// What went wrong last, for people.
    pub last_error: &'a str,
}

/// A breaker that is not closed, as its tenant reads it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RestingTarget {
    /// `endpoint:` and a name, or the origin of a URL.
    pub target: String,
    /// Since when nothing has got through.
    pub opened_at: DateTime<Utc>,
    /// When the next request is let through.
    pub open_until: DateTime<Utc>,
    /// The failures in a row that led here.
    pub failures: u32,
    /// What went wrong last.
    pub last_error: String,
}

impl Store {
    /// A target's breaker as the asking attempt finds it. Once its time has run out, one who asks is told
    /// [`Breaker::Probing`]; the next one not before `probe` has passed without an outcome. For [`crate::Role::Worker`].
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn breaker(&self, key: &BreakerKey, probe: Duration) -> Result<Breaker, Error> {
        let mut connection = self.acquire().await?;
        let row = sqlx::query!(
            r#"
            with probing as (
                update breaker set probe_until = now() + $3::bigint * interval '1 millisecond'
                where tenant_id = $1 and target = $2 and open_until <= now()
                  and (probe_until is null or probe_until <= now())
                returning target
            )
            select b.trips,
                   (extract(epoch from b.open_until - now()) * 1000)::bigint as "wait_ms!",
                   exists (select from probing) as "probing!"
            from breaker b
            where b.tenant_id = $1 and b.target = $2
            "#,
            key.tenant_id.0,
            key.target,
            ms(probe),
        )
        .fetch_optional(&mut *connection)
        .await?;
        let Some(row) = row else {
            return Ok(Breaker::Closed);
        };
        let trips = count(row.trips)?;
        Ok(if row.probing {
            Breaker::Probing { trips }
        } else if row.wait_ms > 0 {
            Breaker::Open {
                wait: duration_ms(row.wait_ms),
                trips,
            }
        } else {
            Breaker::HalfOpen { trips }
        })
    }

    /// Opens a breaker, unless it is open after as many trips already; answers whether it did. For
    /// [`crate::Role::Worker`].
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn open_breaker(&self, key: &BreakerKey, open: &OpenBreaker<'_>) -> Result<bool, Error> {
        let mut connection = self.acquire().await?;
        let changed = sqlx::query!(
            r#"
            insert into breaker (tenant_id, target, open_until, trips, failures, last_error)
            values ($1, $2, now() + $3::bigint * interval '1 millisecond', $4, $5, $6)
            on conflict (tenant_id, target) do update
            set open_until = excluded.open_until, probe_until = null, trips = excluded.trips,
                failures = least(breaker.failures::bigint + excluded.failures, 2147483647)::integer,
                last_error = excluded.last_error
            where breaker.trips < excluded.trips
            "#,
            key.tenant_id.0,
            key.target,
            ms(open.lasts),
            i32::try_from(open.trips).unwrap_or(i32::MAX),
            i32::try_from(open.failures).unwrap_or(i32::MAX),
            open.last_error,
        )
        .execute(&mut *connection)
        .await?;
        Ok(changed.rows_affected() > 0)
    }

    /// Closes a breaker; answers whether it was open. For [`crate::Role::Worker`].
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn close_breaker(&self, key: &BreakerKey) -> Result<bool, Error> {
        let mut connection = self.acquire().await?;
        let changed = sqlx::query!(
            "delete from breaker where tenant_id = $1 and target = $2",
            key.tenant_id.0,
            key.target,
        )
        .execute(&mut *connection)
        .await?;
        Ok(changed.rows_affected() > 0)
    }

    /// A target's breaker as its tenant reads it; `None` when it is closed.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn resting_target(&self, key: &BreakerKey) -> Result<Option<RestingTarget>, Error> {
        let mut tx = self.begin(key.tenant_id).await?;
        let row = sqlx::query!(
            "select target, opened_at, open_until, failures, last_error from breaker
             where tenant_id = $1 and target = $2",
            key.tenant_id.0,
            key.target,
        )
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        row.map(|row| {
            Ok(RestingTarget {
                target: row.target,
                opened_at: row.opened_at,
                open_until: row.open_until,
                failures: count(row.failures)?,
                last_error: row.last_error,
            })
        })
        .transpose()
    }

    /// Forgets breakers whose targets nobody has called for an hour, at most `limit`; answers how many.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn purge_breakers(&self, limit: i64) -> Result<u64, Error> {
        let mut connection = self.acquire().await?;
        let purged = sqlx::query!(
            "delete from breaker where (tenant_id, target) in (
                 select tenant_id, target from breaker
                 where greatest(open_until, probe_until) < now() - interval '1 hour'
                 limit $1 for update skip locked
             )",
            limit,
        )
        .execute(&mut *connection)
        .await?;
        Ok(purged.rows_affected())
    }
}
