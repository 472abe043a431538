//! The attempts in this process's hands, and how they are told to stop.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{JobId, RetryPolicy, StartedJob};
use metrics::Gauge;
use tokio_util::sync::CancellationToken;

/// An attempt, by its job and number.
pub(crate) type Key = (JobId, u32);

/// What decides about an attempt that fails: its job's policy, and the attempts spent, this one included.
pub(crate) type Spending = (RetryPolicy, u32);

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
    held: Mutex<Held>,
    gauge: Gauge,
}

#[derive(Debug, Default)]
struct Held {
    attempts: HashMap<Key, Arc<Control>>,
    /// How many claims are under way for a job.
    claims: HashMap<JobId, u32>,
    /// Attempts that began here and left before anything was recorded of them.
    unrecorded: HashMap<Key, Spending>,
}

impl Running {
    pub(crate) fn new(gauge: Gauge) -> Self {
        Self {
            held: Mutex::default(),
            gauge,
        }
    }

    /// Tells that a job is being claimed, until the guard is dropped: after its attempt has entered, if there is one.
    pub(crate) fn claiming(self: &Arc<Self>, job_id: JobId) -> Claiming {
        *self.held().claims.entry(job_id).or_default() += 1;
        Claiming {
            running: Arc::clone(self),
            job_id,
        }
    }

    /// Adds an attempt, until the entry is dropped.
    pub(crate) fn enter(self: &Arc<Self>, job: &StartedJob) -> Entry {
        let key = (job.lease.job_id, job.lease.attempt);
        let control = Arc::<Control>::default();
        self.held().attempts.insert(key, Arc::clone(&control));
        self.gauge.increment(1.0);
        Entry {
            running: Arc::clone(self),
            key,
            control,
            unrecorded: Some((job.policy, job.spent)),
        }
    }

    /// The attempts whose handlers may have begun here, and of whose ends nobody knows.
    pub(crate) fn unrecorded(&self) -> HashMap<Key, Spending> {
        self.held().unrecorded.clone()
    }

    /// Forgets such attempts: they are somebody else's now.
    pub(crate) fn forget_unrecorded<'a>(&self, keys: impl IntoIterator<Item = &'a Key>) {
        let mut held = self.held();
        for key in keys {
            held.unrecorded.remove(key);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.held().attempts.len()
    }

    /// How many attempts began here of whose ends nothing is recorded.
    pub(crate) fn abandoned(&self) -> usize {
        let held = self.held();
        held.attempts.len() + held.unrecorded.len()
    }

    /// Whether an attempt of this job is here.
    pub(crate) fn runs(&self, job_id: &JobId) -> bool {
        self.held().attempts.keys().any(|(running, _)| running == job_id)
    }

    pub(crate) fn keys(&self) -> Vec<Key> {
        self.held().attempts.keys().copied().collect()
    }

    /// Whether the attempt is here, or on its way here.
    pub(crate) fn knows(&self, key: &Key) -> bool {
        let held = self.held();
        held.attempts.contains_key(key) || held.claims.contains_key(&key.0)
    }

    /// Stops an attempt; answers whether it was told so for the first time.
    pub(crate) fn stop(&self, key: &Key, why: Stop) -> bool {
        let control = self.held().attempts.get(key).cloned();
        control.is_some_and(|control| {
            let first = control.reason().is_none_or(|reason| reason < why);
            control.stop(why);
            first
        })
    }

    pub(crate) fn stop_all(&self, why: Stop) {
        let controls: Vec<_> = self.held().attempts.values().cloned().collect();
        controls.iter().for_each(|control| control.stop(why));
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A claim that is under way.
#[derive(Debug)]
pub(crate) struct Claiming {
    running: Arc<Running>,
    job_id: JobId,
}

impl Drop for Claiming {
    fn drop(&mut self) {
        let mut held = self.running.held();
        if let Some(claims) = held.claims.get_mut(&self.job_id) {
            *claims -= 1;
            if *claims == 0 {
                held.claims.remove(&self.job_id);
            }
        }
    }
}

/// One attempt's place among the running ones.
#[derive(Debug)]
pub(crate) struct Entry {
    running: Arc<Running>,
    key: Key,
    control: Arc<Control>,
    /// Absent once nothing is left to be recorded.
    unrecorded: Option<Spending>,
}

impl Entry {
    pub(crate) fn control(&self) -> &Control {
        &self.control
    }

    /// Gives the place up: the attempt's end is recorded, or is not ours to record.
    pub(crate) fn settle(mut self) {
        self.unrecorded = None;
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut held = self.running.held();
        held.attempts.remove(&self.key);
        if let Some(spending) = self.unrecorded {
            held.unrecorded.insert(self.key, spending);
        }
        drop(held);
        self.running.gauge.decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use domain::Lease;

    use super::*;

    fn started() -> StartedJob {
        StartedJob {
            lease: Lease {
                job_id: JobId(uuid::Uuid::nil()),
                attempt: 1,
                worker_id: domain::WorkerId(uuid::Uuid::nil()),
            },
            tenant_id: domain::TenantId(uuid::Uuid::nil()),
            kind: "test.echo".parse().unwrap(),
            queue: domain::QueueName::default_lane(),
            payload: serde_json::value::to_raw_value(&()).unwrap(),
            metadata: std::collections::BTreeMap::new(),
            sensitive: Vec::new(),
            policy: RetryPolicy::default(),
            spent: 1,
            timeout: std::time::Duration::from_secs(1),
            created_at: chrono::DateTime::UNIX_EPOCH,
            waited: std::time::Duration::ZERO,
            traceparent: None,
            request_id: None,
            fire: None,
        }
    }

    #[test]
    fn an_attempt_is_known_from_its_claim_to_the_record_of_its_end() {
        let running = Arc::new(Running::new(Gauge::noop()));
        let job = started();
        let (job_id, key) = (job.lease.job_id, (job.lease.job_id, job.lease.attempt));
        let (first, second) = (running.claiming(job_id), running.claiming(job_id));
        let entry = running.enter(&job);
        drop(first);
        entry.settle();
        assert!(running.knows(&key));
        drop(second);
        assert!(!running.knows(&key));
        assert!(running.unrecorded().is_empty());
    }

    #[test]
    fn an_attempt_that_leaves_without_a_record_is_remembered_as_begun() {
        let running = Arc::new(Running::new(Gauge::noop()));
        let job = started();
        let key = (job.lease.job_id, job.lease.attempt);
        drop(running.enter(&job));
        assert!(!running.knows(&key));
        assert_eq!(running.unrecorded().get(&key), Some(&(job.policy, 1)));
        assert_eq!((running.len(), running.abandoned()), (0, 1));
        running.forget_unrecorded([&key]);
        assert!(running.unrecorded().is_empty());
        assert_eq!(running.abandoned(), 0);
    }

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
