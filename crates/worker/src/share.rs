//! How lanes share a worker's slots: those that wait for work leave most of them to those that have it.

use std::time::Duration;

/// The most slots that a receive holds while it waits and its last one found nothing. Also the most that SQS delivers at
/// once.
pub(crate) const MAX_IDLE: usize = 10;
/// Idle lanes together hold one slot of so many.
const QUARTER: usize = 4;
/// How long a receive holds its slot where there are too few for that: then the slots go round, first come, first served.
/// Also how long one holds those of a lane with work once the work has come to its end.
const TURN: Duration = Duration::from_secs(1);

/// The share of a lane.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Share {
    /// How many receives may be under way at once.
    pub(crate) receivers: usize,
    /// The most slots that one of them takes while the lane has no work.
    pub(crate) idle_slots: usize,
    /// The longest that one of them waits with so many.
    pub(crate) wait: Duration,
}

impl Share {
    /// Divides `concurrency` slots among `lanes`, one of which would like to have `receivers`: all lanes together hold a
    /// quarter of the slots while they are idle. With fewer than four slots for each lane that can't be; there each has
    /// one receiver, and none waits for long.
    pub(crate) fn of(concurrency: usize, lanes: usize, receivers: usize) -> Self {
        let idle = concurrency / (QUARTER * lanes.max(1));
        let receivers = receivers.min(idle).max(1);
        Self {
            receivers,
            idle_slots: (idle / receivers).clamp(1, MAX_IDLE),
            wait: if idle == 0 && lanes > 1 {
                TURN
            } else {
                Duration::MAX
            },
        }
    }

    /// The longest that a receive waits with these slots. What is more than the lane may hold while it is idle was taken
    /// because it had work, and goes back soon after the last of that: other lanes, and jobs whose message was
    /// swallowed, have no other slots.
    pub(crate) fn wait_with(&self, slots: usize) -> Duration {
        if slots > self.idle_slots {
            self.wait.min(TURN)
        } else {
            self.wait
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_lanes_hold_a_quarter_of_the_slots_or_take_turns() {
        for concurrency in 1..200 {
            for lanes in 1..=5 {
                for receivers in 1..=4 {
                    let share = Share::of(concurrency, lanes, receivers);
                    let held = lanes * share.receivers * share.idle_slots;
                    let case = format!("{concurrency} slots, {lanes} lanes, {share:?}");
                    assert!(share.receivers >= 1 && share.receivers <= receivers, "{case}");
                    if held * 4 > concurrency {
                        assert_eq!(held, lanes, "{case}");
                        assert!(lanes == 1 || share.wait <= TURN, "{case}");
                    } else {
                        assert_eq!(share.wait, Duration::MAX, "{case}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_busy_lane_has_the_receivers_that_it_asks_for_where_there_are_slots() {
        let share = |receivers, idle_slots| Share {
            receivers,
            idle_slots,
            wait: Duration::MAX,
        };
        assert_eq!(Share::of(100, 1, 1), share(1, 10));
        assert_eq!(Share::of(100, 3, 4), share(4, 2));
        assert_eq!(Share::of(100, 5, 1), share(1, 5));
        assert_eq!(Share::of(20, 3, 4), share(1, 1));
    }
}
