//! How much of one tenant is announced at a time, on a queue that is not the outbox itself.
//!
//! A queue without fairness of its own delivers in about the order in which it was told: whatever one tenant has in it
//! stands before what another one sends next. So only as much is announced as workers will take within a moment, and
//! the backlog waits in the outbox, where the dispatcher takes from one tenant after the other. Each claim makes room
//! for the next announcement.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

/// What workers take within this time may be announced: about as long as an announcement is under way.
const AHEAD: Duration = Duration::from_millis(100);
/// The least time over which claims are counted.
const MEASURED: Duration = Duration::from_millis(50);
/// How soon a pace that was reached counts half, if it is not reached again.
const HALF_LIFE: Duration = Duration::from_secs(1);
/// The most by which the window grows while slots stay free.
const MOST_BOOST: f64 = 32.0;
/// How long answers are gathered before more is announced: one look for many.
const GATHER: Duration = Duration::from_millis(20);

/// The claims of one lane in this process, and what follows from them.
#[derive(Debug, Default)]
pub(crate) struct Window {
    claimed: AtomicU64,
    answered: Notify,
    full: AtomicBool,
    pace: Mutex<Pace>,
}

#[derive(Debug)]
struct Pace {
    since: Option<Instant>,
    claimed: u64,
    /// Claims: the most that was measured lately.
    per_second: f64,
    /// By how much the window is larger, because slots were free while it was full: announcements are under way for longer
    /// than expected.
    boost: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            since: None,
            claimed: 0,
            per_second: 0.0,
            boost: 1.0,
        }
    }
}

/// What workers could take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capacity {
    /// How many jobs this worker runs at once.
    pub(crate) slots: usize,
    /// How many it runs now.
    pub(crate) running: usize,
    /// The workers; the others are taken to be like this one.
    pub(crate) workers: u32,
    /// The least size of the window.
    pub(crate) least: usize,
}

impl Window {
    /// So many jobs were started.
    pub(crate) fn claimed(&self, jobs: usize) {
        if jobs > 0 {
            self.claimed.fetch_add(jobs as u64, Ordering::Relaxed);
            self.answered.notify_one();
        }
    }

    /// Waits until announcements were answered, and a moment for more of them.
    pub(crate) async fn answered(&self) {
        self.answered.notified().await;
        sleep(GATHER).await;
    }

    /// A look found no room for more of some tenant.
    pub(crate) fn was_full(&self) {
        self.full.store(true, Ordering::Relaxed);
    }

    /// How many jobs of one tenant may be announced and not answered.
    pub(crate) fn size(&self, now: Instant, capacity: Capacity) -> usize {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let free = capacity.slots.saturating_sub(capacity.running);
        let seen = Seen {
            claimed: self.claimed.load(Ordering::Relaxed),
            // Many slots are free, and there is something for them that was not announced.
            starving: self.full.load(Ordering::Relaxed) && free * 4 > capacity.slots,
        };
        if pace.measure(now, seen) {
            self.full.store(false, Ordering::Relaxed);
        }
        let soon = free as f64 + pace.per_second * AHEAD.as_secs_f64();
        let taken_soon = soon * pace.boost * f64::from(capacity.workers);
        (taken_soon as usize).max(capacity.least)
    }
}

/// What is measured.
#[derive(Clone, Copy, Debug)]
struct Seen {
    claimed: u64,
    starving: bool,
}

impl Pace {
    /// Whether enough time has passed to measure.
    fn measure(&mut self, now: Instant, seen: Seen) -> bool {
        let Some(since) = self.since else {
            (self.since, self.claimed) = (Some(now), seen.claimed);
            return false;
        };
        let elapsed = now.saturating_duration_since(since);
        if elapsed < MEASURED {
            return false;
        }
        let measured = seen.claimed.saturating_sub(self.claimed) as f64 / elapsed.as_secs_f64();
        let faded = self.per_second * 0.5_f64.powf(elapsed.as_secs_f64() / HALF_LIFE.as_secs_f64());
        *self = Self {
            since: Some(now),
            claimed: seen.claimed,
            per_second: measured.max(faded),
            boost: if seen.starving {
                (self.boost * 2.0).min(MOST_BOOST)
            } else {
                (self.boost / 2.0).max(1.0)
            },
        };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: Capacity = Capacity {
        slots: 100,
        running: 100,
        workers: 3,
        least: 20,
    };
    const IDLE: Capacity = Capacity { running: 0, ..BUSY };

    #[test]
    fn what_is_announced_is_what_workers_take_soon() {
        let (window, began) = (Window::default(), Instant::now());
        let after = |ms| began + Duration::from_millis(ms);
        assert_eq!(window.size(began, BUSY), 20, "nobody knows the pace yet");
        assert_eq!(window.size(began, IDLE), 300);
        window.claimed(500);
        // A thousand per second and worker.
        assert_eq!(window.size(after(500), BUSY), 300);
        assert_eq!(window.size(after(510), BUSY), 300, "too soon to measure again");
        let faded = window.size(after(1_500), BUSY);
        assert!((149..=150).contains(&faded), "{faded}");
        assert_eq!(window.size(after(60_000), BUSY), 20);
    }

    #[test]
    fn free_slots_beside_a_full_window_widen_it_until_they_are_used() {
        let (window, began) = (Window::default(), Instant::now());
        let mut now = began;
        let mut later = || {
            now += MEASURED;
            now
        };
        assert_eq!(window.size(began, IDLE), 300);
        assert_eq!(window.size(later(), IDLE), 300, "it was not full");
        let mut widened = Vec::new();
        for _ in 0..6 {
            window.was_full();
            widened.push(window.size(later(), IDLE));
        }
        assert_eq!(widened, [600, 1_200, 2_400, 4_800, 9_600, 9_600]);
        window.was_full();
        assert_eq!(window.size(later(), BUSY), 20, "nothing is free any more");
        for _ in 0..5 {
            window.size(later(), BUSY);
        }
        assert_eq!(window.size(later(), IDLE), 300);
    }
}
