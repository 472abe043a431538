//! What may not start now: as workers ask for it, a few times a second at most.

use std::collections::BTreeMap;

use domain::{LaneHolds, QueueName, TenantId};

use crate::error::Error;
use crate::pool::Store;

/// What holds queued jobs back, at one moment.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Holds {
    /// Lanes that are paused for everyone.
    pub lanes: Vec<String>,
    /// Lanes that a tenant has paused for itself.
    pub paused: Vec<(TenantId, String)>,
    /// Tenants with a limit, and how many more jobs each may run.
    pub rooms: BTreeMap<TenantId, u32>,
    /// Worker processes whose lease stands.
    pub workers: u32,
}

impl Holds {
    /// What is held in one lane.
    #[must_use]
    pub fn of_lane(&self, lane: &QueueName) -> LaneHolds {
        let mut rooms = self.rooms.clone();
        let paused = self.paused.iter().filter(|(_, queue)| queue == lane.as_str());
        rooms.extend(paused.map(|(tenant_id, _)| (*tenant_id, 0)));
        LaneHolds {
            everyone: self.lanes.iter().any(|queue| queue == lane.as_str()),
            rooms,
            most: None,
        }
    }
}

impl Store {
    /// Reads what holds jobs back. For [`crate::Role::Worker`].
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn holds(&self) -> Result<Holds, Error> {
        let mut connection = self.acquire().await?;
        let rows = sqlx::query!(
            r#"
            select null::uuid as tenant_id, queue, 0::bigint as "number!" from lane_pause
            union all
            select tenant_id, queue, 0 from queue_pause
            union all
            select t.id, null, greatest(t.max_running_jobs - (select count(*) from claim c where c.tenant_id = t.id), 0)
            from tenant t where t.max_running_jobs is not null
            union all
            select null, null, count(*) from worker where lease_expires_at > now()
            "#
        )
        .fetch_all(&mut *connection)
        .await?;
        let mut holds = Holds::default();
        for row in rows {
            let number = u32::try_from(row.number).unwrap_or(u32::MAX);
            match (row.tenant_id.map(TenantId), row.queue) {
                (None, Some(queue)) => holds.lanes.push(queue),
                (Some(tenant_id), Some(queue)) => holds.paused.push((tenant_id, queue)),
                (Some(tenant_id), None) => {
                    holds.rooms.insert(tenant_id, number);
                }
                (None, None) => holds.workers = number,
            }
        }
        Ok(holds)
    }
}
