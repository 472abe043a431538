//! Events as they happen, for whoever follows a job: one task per process looks for the news of all jobs that are
//! followed, a tenant at a time, and hands each job's news to its followers.
//!
//! Nothing is announced for this, so a job that nobody follows costs nothing. Only a job's end, which is announced
//! anyway, makes the task look at once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{JobId, TenantId};
use runtime::Shutdown;
use store::{JobEvent, MAX_NEWS_PER_JOB, ReadUpTo, Store};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, broadcast};
use tokio::time::sleep;

use crate::config::Limits;

/// The most jobs in one statement.
const JOBS_PER_LOOK: usize = 1_000;

/// Pieces of news that a follower may be behind before it reads again by itself.
const BACKLOG: usize = 16;

/// The shortest pause between two looks, however many ends are announced.
const PAUSE: Duration = Duration::from_millis(50);

/// How far nobody has read yet.
const UNREAD: u32 = u32::MAX;

/// What bounds streams.
#[derive(Clone, Copy, Debug)]
pub(super) struct LiveLimits {
    followers: usize,
    look_interval: Duration,
}

impl LiveLimits {
    pub(super) fn of(limits: &Limits) -> Self {
        Self {
            followers: limits.max_streams,
            look_interval: limits.stream_look_interval,
        }
    }
}

/// Knows who follows which job. Cloning shares it.
#[derive(Clone)]
pub(crate) struct LiveEvents {
    followed: Arc<Followed>,
    places: Arc<Semaphore>,
}

#[derive(Default)]
struct Followed {
    jobs: Mutex<HashMap<JobId, FollowedJob>>,
    hurry: Notify,
}

struct FollowedJob {
    tenant_id: TenantId,
    /// The last event that all followers have, or are told of at this moment.
    told: u32,
    news: broadcast::Sender<Arc<[JobEvent]>>,
    followers: usize,
}

/// What a follower hears.
pub(crate) enum News {
    /// These events, in their order. Some may be known already.
    Events(Arc<[JobEvent]>),
    /// Something that it was too slow for; it has to read again.
    Missed,
}

impl LiveEvents {
    /// Nobody looks for news.
    pub(super) fn idle(followers: usize) -> Self {
        Self {
            followed: Arc::default(),
            places: Arc::new(Semaphore::new(followers)),
        }
    }

    /// Starts to look, until the process drains.
    pub(super) fn start(store: &Store, limits: LiveLimits, shutdown: &Shutdown) -> Self {
        let live = Self::idle(limits.followers);
        let looking = look_again_and_again(store.clone(), Arc::clone(&live.followed), limits.look_interval);
        let draining = shutdown.draining().clone();
        shutdown
            .tasks()
            .spawn(draining.run_until_cancelled_owned(looking));
        live
    }

    /// Looks as soon as possible, if any of these jobs is followed.
    pub(super) fn look_soon(&self, ids: &[JobId]) {
        let jobs = self.followed.lock();
        if ids.iter().any(|id| jobs.contains_key(id)) {
            self.followed.hurry.notify_one();
        }
    }

    pub(super) fn follow(&self, tenant_id: TenantId, id: JobId) -> Option<Follower> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(Follower {
            id,
            news: self.followed.add(tenant_id, id),
            followed: Arc::clone(&self.followed),
            _place: place,
        })
    }
}

impl Followed {
    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, FollowedJob>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, tenant_id: TenantId, id: JobId) -> broadcast::Receiver<Arc<[JobEvent]>> {
        let mut jobs = self.lock();
        if jobs.is_empty() {
            self.hurry.notify_one();
        }
        let job = jobs.entry(id).or_insert_with(|| FollowedJob {
            tenant_id,
            told: UNREAD,
            news: broadcast::Sender::new(BACKLOG),
            followers: 0,
        });
        job.followers += 1;
        job.news.subscribe()
    }

    fn remove(&self, id: JobId) {
        if let Entry::Occupied(mut job) = self.lock().entry(id) {
            job.get_mut().followers -= 1;
            if job.get().followers == 0 {
                job.remove();
            }
        }
    }

    /// What is to be looked for, by tenant: a transaction sees one.
    fn questions(&self) -> HashMap<TenantId, Vec<ReadUpTo>> {
        let mut questions: HashMap<TenantId, Vec<ReadUpTo>> = HashMap::new();
        for (id, job) in &*self.lock() {
            if job.told != UNREAD {
                let read = ReadUpTo {
                    job_id: *id,
                    number: job.told,
                };
                questions.entry(job.tenant_id).or_default().push(read);
            }
        }
        questions
    }

    /// Tells the followers of each job its news; answers whether a job has more than what was read.
    fn tell(&self, news: &[(JobId, JobEvent)]) -> bool {
        let mut more = false;
        let mut jobs = self.lock();
        for news in news.chunk_by(|(one, _), (next, _)| one == next) {
            more |= news.len() == MAX_NEWS_PER_JOB;
            let [(id, _), ..] = news else { continue };
            let Some(job) = jobs.get_mut(id) else { continue };
            let events: Arc<[JobEvent]> = news.iter().map(|(_, event)| event.clone()).collect();
            job.told = events.last().map_or(job.told, |last| last.number);
            // Nobody listens any more when the last follower has just left.
            drop(job.news.send(events));
        }
        more
    }
}

/// Never ends. While nobody follows anything it asks nobody.
async fn look_again_and_again(store: Store, followed: Arc<Followed>, interval: Duration) {
    let mut healthy = true;
    loop {
        let idle = followed.lock().is_empty();
        tokio::select! {
            () = followed.hurry.notified() => {}
            () = sleep(interval), if !idle => {}
        }
        match look(&store, &followed).await {
            Ok(()) => healthy = true,
            Err(error) if healthy => {
                tracing::warn!(error.chain = %runtime::error_chain(&error), "streams get no news, looking again");
                healthy = false;
            }
            Err(error) => {
                tracing::debug!(error.chain = %runtime::error_chain(&error), "streams still get no news");
            }
        }
        sleep(PAUSE).await;
    }
}

/// Looks once. One tenant after the other, so that all followers together hold one connection at the most.
async fn look(store: &Store, followed: &Followed) -> Result<(), store::Error> {
    for (tenant_id, read) in followed.questions() {
        for read in read.chunks(JOBS_PER_LOOK) {
            let news = store.events_after(tenant_id, read).await?;
            if followed.tell(&news) {
                followed.hurry.notify_one();
            }
        }
    }
    Ok(())
}

/// Somebody who follows a job's events.
pub(crate) struct Follower {
    id: JobId,
    news: broadcast::Receiver<Arc<[JobEvent]>>,
    followed: Arc<Followed>,
    _place: OwnedSemaphorePermit,
}

impl Follower {
    /// Says how far the follower has read by itself: what comes later is news.
    pub(crate) fn has_read(&self, number: u32) {
        if let Some(job) = self.followed.lock().get_mut(&self.id) {
            job.told = job.told.min(number);
        }
    }

    /// Waits for news. Dropping the future loses nothing.
    pub(crate) async fn news(&mut self) -> News {
        match self.news.recv().await {
            Ok(events) => News::Events(events),
            // Closed can't be, while this follower keeps the job's entry.
            Err(RecvError::Lagged(_) | RecvError::Closed) => News::Missed,
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.followed.remove(self.id);
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use futures::FutureExt;
    use uuid::Uuid;

    use super::*;

    const TENANT: TenantId = TenantId(Uuid::from_u128(1));

    fn id(number: u128) -> JobId {
        JobId(Uuid::from_u128(number))
    }

    fn event(number: u32) -> JobEvent {
        JobEvent {
            number,
            at: DateTime::UNIX_EPOCH,
            event: "started".to_owned(),
            attempt: None,
        }
    }

    fn heard(follower: &mut Follower) -> Option<Vec<u32>> {
        match follower.news().now_or_never()? {
            News::Events(events) => Some(events.iter().map(|event| event.number).collect()),
            News::Missed => Some(Vec::new()),
        }
    }

    #[test]
    fn news_reach_all_followers_of_their_job() {
        let live = LiveEvents::idle(10);
        let mut followers = [id(1), id(1), id(2)].map(|id| live.follow(TENANT, id).unwrap());
        live.followed
            .tell(&[(id(1), event(2)), (id(1), event(3)), (id(3), event(2))]);
        let heard = followers.each_mut().map(heard);
        assert_eq!(heard, [Some(vec![2, 3]), Some(vec![2, 3]), None]);
    }

    #[test]
    fn looking_begins_where_the_slowest_reader_stands() {
        let live = LiveEvents::idle(10);
        let (fast, slow) = (
            live.follow(TENANT, id(1)).unwrap(),
            live.follow(TENANT, id(1)).unwrap(),
        );
        let asked = || {
            live.followed
                .questions()
                .into_values()
                .flatten()
                .map(|read| read.number)
                .next()
        };
        assert_eq!(asked(), None, "nobody has read yet");
        fast.has_read(7);
        slow.has_read(5);
        assert_eq!(asked(), Some(5));
        live.followed.tell(&[(id(1), event(6)), (id(1), event(7))]);
        assert_eq!(asked(), Some(7));
    }

    #[test]
    fn who_is_too_slow_is_told_so() {
        let live = LiveEvents::idle(1);
        let mut follower = live.follow(TENANT, id(1)).unwrap();
        (0..20).for_each(|number| {
            live.followed.tell(&[(id(1), event(number))]);
        });
        assert_eq!(heard(&mut follower), Some(Vec::new()));
        assert_eq!(heard(&mut follower), Some(vec![4]), "then what is still there");
    }

    #[test]
    fn nothing_is_kept_of_those_who_left() {
        let live = LiveEvents::idle(1);
        let follower = live.follow(TENANT, id(1)).unwrap();
        assert!(live.follow(TENANT, id(2)).is_none(), "there is one place");
        drop(follower);
        assert!(live.followed.lock().is_empty());
        assert!(live.follow(TENANT, id(2)).is_some());
    }
}
