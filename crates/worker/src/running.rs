//! The attempts in this process's hands, and how they are told to stop.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{JobId, Lease};
use metrics::Gauge;
use tokio_util::sync::CancellationToken;

/// An attempt, by its job and number.
pub(crate) type Key = (JobId, u32);

/// Why an attempt is stopped. A later reason replaces an earlier one only if it is the greater.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Stop {
    /// Somebody asked for the job's end.
    Cancelled = 1,
    /// The worker ends.
    Shutdown = 2,
    /// The attempt is not ours any more.
    LeaseLost = 3,
}

/// Stops one attempt.
#[derive(Debug, Default)]
pub(crate) struct Control {
    reason: AtomicU8,
    told: CancellationToken,
    lost: CancellationToken,
}

impl Control {
    pub(crate) fn stop(&self, why: Stop) {
        self.reason.fetch_max(why as u8, Ordering::AcqRel);
        if why == Stop::LeaseLost {
            self.lost.cancel();
        }
        self.told.cancel();
    }

    /// Tells the handler, for a reason that only its attempt knows.
    pub(crate) fn tell_handler(&self) {
        self.told.cancel();
    }

    /// Cancelled when the handler should stop.
    pub(crate) fn told(&self) -> &CancellationToken {
        &self.told
    }

    /// Cancelled when the attempt is not ours any more.
    pub(crate) fn lost(&self) -> &CancellationToken {
        &self.lost
    }

    pub(crate) fn reason(&self) -> Option<Stop> {
        match self.reason.load(Ordering::Acquire) {
            1 => Some(Stop::Cancelled),
            2 => Some(Stop::Shutdown),
            3 => Some(Stop::LeaseLost),
            _ => None,
        }
    }
}

/// The attempts from their claim to the record of their end.
#[derive(Debug)]
pub(crate) struct Running {
    attempts: Mutex<HashMap<Key, Arc<Control>>>,
    gauge: Gauge,
}

impl Running {
    pub(crate) fn new(gauge: Gauge) -> Self {
        Self {
            attempts: Mutex::default(),
            gauge,
        }
    }

    /// Adds an attempt, until the entry is dropped.
    pub(crate) fn enter(self: &Arc<Self>, lease: &Lease) -> Entry {
        let key = (lease.job_id, lease.attempt);
        let control = Arc::<Control>::default();
        self.attempts().insert(key, Arc::clone(&control));
        self.gauge.increment(1.0);
        Entry {
            running: Arc::clone(self),
            key,
            control,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.attempts().len()
    }

    pub(crate) fn keys(&self) -> Vec<Key> {
        self.attempts().keys().copied().collect()
    }

    /// Whether the attempt is here.
    pub(crate) fn contains(&self, key: &Key) -> bool {
        self.attempts().contains_key(key)
    }

    /// Stops an attempt; answers whether it was told so for the first time.
    pub(crate) fn stop(&self, key: &Key, why: Stop) -> bool {
        let control = self.attempts().get(key).cloned();
        control.is_some_and(|control| {
            let first = control.reason().is_none_or(|reason| reason < why);
            control.stop(why);
            first
        })
    }

    pub(crate) fn stop_all(&self, why: Stop) {
        let controls: Vec<_> = self.attempts().values().cloned().collect();
        controls.iter().for_each(|control| control.stop(why));
    }

    fn attempts(&self) -> MutexGuard<'_, HashMap<Key, Arc<Control>>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One attempt's place among the running ones.
#[derive(Debug)]
pub(crate) struct Entry {
    running: Arc<Running>,
    key: Key,
    control: Arc<Control>,
}

impl Entry {
    pub(crate) fn control(&self) -> &Control {
        &self.control
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.running.attempts().remove(&self.key);
        self.running.gauge.decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_reason_stands_and_only_a_lost_lease_is_lost() {
        let control = Control::default();
        control.stop(Stop::Shutdown);
        control.stop(Stop::Cancelled);
        assert_eq!(control.reason(), Some(Stop::Shutdown));
        assert!(control.told().is_cancelled() && !control.lost().is_cancelled());
        control.stop(Stop::LeaseLost);
        assert_eq!(control.reason(), Some(Stop::LeaseLost));
        assert!(control.lost().is_cancelled());
    }
}
