//! What of a lane may not start now, though it is queued.

use std::collections::BTreeMap;

use crate::id::TenantId;

/// Whose jobs of one lane are left where they are. Known to a worker with some delay, so it only saves it useless looks:
/// whether a job starts is decided by its claim.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LaneHolds {
    /// Whether the lane is paused for everyone.
    pub everyone: bool,
    /// How many jobs of a tenant may start: none where it has paused the lane or runs all that it may. A tenant that is
    /// not named may start any number.
    pub rooms: BTreeMap<TenantId, u32>,
    /// The most jobs of any tenant, named or not, that may start at a time; any number, if absent.
    pub most: Option<u32>,
}

impl LaneHolds {
    /// Tenants of whom nothing may start.
    pub fn held(&self) -> impl Iterator<Item = TenantId> {
        let full = self.rooms.iter().filter(|(_, room)| **room == 0);
        full.map(|(tenant_id, _)| *tenant_id)
    }

    /// Whether something may start now that might not `before`.
    #[must_use]
    pub fn frees(&self, before: &Self) -> bool {
        let has_room = |tenant_id| self.rooms.get(&tenant_id).is_none_or(|room| *room > 0);
        (before.everyone && !self.everyone) || before.held().any(has_room)
    }

    /// Whether anybody's jobs are left where they are.
    #[must_use]
    pub fn any(&self) -> bool {
        self.everyone || self.held().next().is_some()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_tenant_with_room_is_not_held() {
        let [with_room, without] = [1, 2].map(|id| TenantId(Uuid::from_u128(id)));
        let mut holds = LaneHolds {
            everyone: false,
            rooms: BTreeMap::from([(with_room, 3)]),
            most: None,
        };
        assert!(!holds.any() && holds.held().next().is_none());
        holds.rooms.insert(without, 0);
        assert!(holds.any() && holds.held().eq([without]));
        let paused = LaneHolds {
            everyone: true,
            ..LaneHolds::default()
        };
        assert!(paused.any() && paused.held().next().is_none());
    }

    #[test]
    fn only_room_where_there_was_none_frees_something() {
        let one = TenantId(Uuid::from_u128(1));
        let room = |room| LaneHolds {
            rooms: BTreeMap::from([(one, room)]),
            ..LaneHolds::default()
        };
        let everyone = LaneHolds {
            everyone: true,
            ..LaneHolds::default()
        };
        let none = LaneHolds::default();
        assert!(room(1).frees(&room(0)) && none.frees(&room(0)) && none.frees(&everyone));
        for (now, before) in [(&room(0), &room(1)), (&room(2), &room(1)), (&everyone, &none)] {
            assert!(!now.frees(before), "{now:?} after {before:?}");
        }
    }
}
