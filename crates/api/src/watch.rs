//! Waiting for jobs to end: one listener per process wakes whoever waits for the job that ended.
//!
//! A wake-up is a hint, and none may come: so who waits looks by itself every few seconds too. Nobody holds a
//! connection while waiting.

mod live;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{JobId, TenantId};
use runtime::Shutdown;
use store::Store;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;

pub(crate) use live::{Follower, News};
use live::{LiveEvents, LiveLimits};

use crate::config::Limits;

/// Knows who waits for which job.
pub(crate) struct WatchHub {
    waiting: Arc<Waiting>,
    places: Arc<Semaphore>,
    live: LiveEvents,
    draining: CancellationToken,
}

#[derive(Default)]
struct Waiting(Mutex<HashMap<JobId, Watched>>);

/// A job that somebody waits for.
#[derive(Default)]
struct Watched {
    ended: watch::Sender<()>,
    watches: usize,
}

impl WatchHub {
    /// Starts to listen, until the process drains.
    pub(crate) fn start(store: &Store, limits: &Limits, shutdown: &Shutdown) -> Self {
        let waiting = Arc::<Waiting>::default();
        let live = LiveEvents::start(store, LiveLimits::of(limits), shutdown);
        let (told, hurried) = (Arc::clone(&waiting), live.clone());
        let mut finished = store.listen_finished();
        let draining = shutdown.draining().clone();
        shutdown
            .tasks()
            .spawn(draining.clone().run_until_cancelled_owned(async move {
                loop {
                    let ended = finished.next().await;
                    told.wake(&ended);
                    hurried.look_soon(&ended);
                }
            }));
        Self {
            waiting,
            places: Arc::new(Semaphore::new(limits.max_waiting)),
            live,
            draining,
        }
    }

    /// Begins to follow a job's events; `None` when too many are followed already. What happens from now on is not
    /// missed, so follow first and read then.
    pub(crate) fn follow(&self, tenant_id: TenantId, id: JobId) -> Option<Follower> {
        self.live.follow(tenant_id, id)
    }

    /// Ends when the process drains.
    pub(crate) fn over(&self) -> CancellationToken {
        self.draining.clone()
    }

    /// Begins to watch a job; `None` when too many requests wait already. An end that is announced from now
    /// on is not missed, so watch first and look then.
    pub(crate) fn watch(&self, id: JobId) -> Option<Watch> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let ended = self.waiting.add(id);
        Some(Watch {
            id,
            ended,
            waiting: Arc::clone(&self.waiting),
            draining: self.draining.clone(),
            _place: place,
        })
    }
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, Watched>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, id: JobId) -> watch::Receiver<()> {
        let mut waiting = self.lock();
        let watched = waiting.entry(id).or_default();
        watched.watches += 1;
        watched.ended.subscribe()
    }

    fn remove(&self, id: JobId) {
        if let Entry::Occupied(mut watched) = self.lock().entry(id) {
            watched.get_mut().watches -= 1;
            if watched.get().watches == 0 {
                watched.remove();
            }
        }
    }

    fn wake(&self, ids: &[JobId]) {
        let waiting = self.lock();
        ids.iter()
            .filter_map(|id| waiting.get(id))
            .for_each(|watched| watched.ended.send_modify(|()| {}));
    }
}

/// A request that waits for a job's end.
pub(crate) struct Watch {
    id: JobId,
    ended: watch::Receiver<()>,
    waiting: Arc<Waiting>,
    draining: CancellationToken,
    _place: OwnedSemaphorePermit,
}

impl Watch {
    /// Waits until the job's end was announced since the last call, or since the watch began, or until
    /// waiting is over.
    pub(crate) async fn ended(&mut self) {
        // An error means that nothing is announced any more, which can't be while this watch keeps the job's
        // entry.
        let announced = self.draining.run_until_cancelled(self.ended.changed()).await;
        if let Some(Err(_)) = announced {
            self.draining.cancelled().await;
        }
    }

    /// Whether the process drains, so that nobody should wait any longer.
    pub(crate) fn is_over(&self) -> bool {
        self.draining.is_cancelled()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.waiting.remove(self.id);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use uuid::Uuid;

    use super::*;

    fn hub(places: usize) -> WatchHub {
        let places = Arc::new(Semaphore::new(places));
        WatchHub {
            waiting: Arc::default(),
            places,
            live: LiveEvents::idle(0),
            draining: CancellationToken::new(),
        }
    }

    fn id(number: u128) -> JobId {
        JobId(Uuid::from_u128(number))
    }

    #[test]
    fn an_end_wakes_all_who_wait_for_that_job_and_nobody_else() {
        let hub = hub(10);
        let mut watches = [id(1), id(1), id(2)].map(|id| hub.watch(id).unwrap());
        hub.waiting.wake(&[id(1), id(3)]);
        let woken = watches
            .each_mut()
            .map(|watch| watch.ended().now_or_never().is_some());
        assert_eq!(woken, [true, true, false]);
        assert!(watches[0].ended().now_or_never().is_none(), "once is once");
    }

    #[test]
    fn nothing_is_kept_of_those_who_left() {
        let hub = hub(2);
        let (first, second) = (hub.watch(id(1)).unwrap(), hub.watch(id(1)).unwrap());
        assert!(hub.watch(id(1)).is_none(), "there are two places");
        drop(first);
        assert_eq!(hub.waiting.lock().len(), 1);
        drop(second);
        assert!(hub.waiting.lock().is_empty());
        assert!(hub.watch(id(1)).is_some());
    }
}
