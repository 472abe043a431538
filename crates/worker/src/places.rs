//! How many of this worker's slots each tenant takes: none may take the last ones, however much of it is queued and
//! however long its jobs run.
//!
//! Lanes look on their own, each with the room that it was told before the others took any. So a tenant with jobs in
//! several lanes may get beyond its share by what they take in one moment, and then gets nothing until it is below it.
//!
//! The embedded queue keeps to it by what it gives. On SQS, a tenant's messages are not chosen among by who receives them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::{LaneHolds, TenantId};

use crate::holds::Holds;

/// The tenants with running attempts.
#[derive(Debug)]
pub(crate) struct Places {
    /// The most slots of one tenant; absent when it may have all.
    share: Option<u32>,
    taken: Mutex<HashMap<TenantId, u32>>,
}

impl Places {
    /// One tenant may take so many percent of the slots, rounded up.
    pub(crate) fn new(concurrency: usize, percent: u32) -> Self {
        let concurrency = u32::try_from(concurrency).unwrap_or(u32::MAX);
        let share = (u64::from(concurrency) * u64::from(percent)).div_ceil(100);
        let share = u32::try_from(share).unwrap_or(u32::MAX);
        Self {
            share: (share < concurrency).then_some(share.max(1)),
            taken: Mutex::default(),
        }
    }

    /// What may start here. Whoever takes up to half of the share is not named: it can't take more than the rest of it at
    /// a time, and that need not be told anew with each attempt.
    pub(crate) fn within(&self, mut holds: LaneHolds) -> LaneHolds {
        let Some(share) = self.share else {
            return holds;
        };
        let most = share.div_ceil(2);
        holds.most = Some(most);
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        for (tenant_id, taken) in taken.iter().filter(|(_, taken)| **taken + most > share) {
            let room = share.saturating_sub(*taken);
            let known = holds.rooms.entry(*tenant_id).or_insert(room);
            *known = room.min(*known);
        }
        holds
    }

    /// Counts one more or less of a tenant; whether that changes what may start.
    fn count(&self, tenant_id: TenantId, change: impl Fn(u32) -> u32) -> bool {
        let Some(share) = self.share else {
            return false;
        };
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let before = taken.remove(&tenant_id).unwrap_or_default();
        let after = change(before);
        if after > 0 {
            taken.insert(tenant_id, after);
        }
        before.max(after) + share.div_ceil(2) > share
    }
}

/// One slot that a tenant takes, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    holds: Arc<Holds>,
    tenant_id: TenantId,
}

impl Place {
    pub(crate) fn take(holds: &Arc<Holds>, tenant_id: TenantId) -> Self {
        if holds.places.count(tenant_id, |taken| taken + 1) {
            holds.tell_again();
        }
        Self {
            holds: Arc::clone(holds),
            tenant_id,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self
            .holds
            .places
            .count(self.tenant_id, |taken| taken.saturating_sub(1))
        {
            self.holds.tell_again();
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn however_it_is_told_a_tenant_never_gets_beyond_its_share() {
        let tenant_id = TenantId(Uuid::from_u128(1));
        for (concurrency, percent, share) in [(10, 90, 9), (20, 90, 18), (100, 90, 90), (3, 50, 2), (2, 1, 1)]
        {
            let places = Places::new(concurrency, percent);
            assert_eq!(places.share, Some(share));
            let (mut running, mut looks) = (0, 0);
            loop {
                let holds = places.within(LaneHolds::default());
                let room = holds.rooms.get(&tenant_id).copied().unwrap_or(u32::MAX);
                let started = room.min(holds.most.unwrap());
                if started == 0 {
                    break;
                }
                for _ in 0..started {
                    places.count(tenant_id, |taken| taken + 1);
                }
                (running, looks) = (running + started, looks + 1);
            }
            assert_eq!(running, share);
            assert!(looks <= 3, "{looks}");
            let told = places.count(tenant_id, |taken| taken - 1);
            assert!(told, "there is room again");
        }
    }

    #[test]
    fn few_slots_and_a_whole_share_are_not_divided() {
        for (concurrency, percent) in [(1, 90), (9, 90), (100, 100)] {
            let places = Places::new(concurrency, percent);
            assert_eq!(places.within(LaneHolds::default()), LaneHolds::default());
        }
    }

    #[test]
    fn a_smaller_room_stands() {
        let tenant_id = TenantId(Uuid::from_u128(1));
        let places = Places::new(10, 90);
        places.count(tenant_id, |_| 8);
        let limited = |room| LaneHolds {
            rooms: [(tenant_id, room)].into(),
            ..LaneHolds::default()
        };
        assert_eq!(places.within(limited(0)).rooms[&tenant_id], 0);
        assert_eq!(places.within(limited(5)).rooms[&tenant_id], 1);
    }
}
