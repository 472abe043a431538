//! Announces queued jobs of one lane on a queue that is not the outbox itself.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{JobId, LaneHolds, TenantId};
use queue::postgres::Wakeups;
use queue::{Envelope, Message};
use runtime::metric;
use store::{Doorbell, Store, TakeDoorbells};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::backoff::{Backoff, MAX_BACKOFF, around};
use crate::consumer::Lane;
use crate::error::{Error, within};
use crate::holds::Holds;
use crate::running::Running;
use crate::window::{Capacity, Window};

/// The most doorbells that are taken at once; SQS takes ten per request, and a few requests are under way together.
const MAX_BATCH: u32 = 100;
/// How long an announced job that nobody claims waits to be announced again, for the first time. Long, because a worker
/// with free slots finds it much sooner by itself, and because most of what waits so long has its message still: a queue
/// that is behind must not get everything twice. Not longer than what P8 grants, for when no worker has a free slot.
pub(crate) const ANNOUNCE_AGAIN: Duration = Duration::from_mins(1);
/// How long a doorbell that could not be sent waits.
const SEND_AGAIN: Duration = Duration::from_secs(1);
/// The longest that a doorbell waits for a signal that was lost.
const SWEEP: Duration = Duration::from_secs(1);
/// How long the database or the queue may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What one run came to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Dispatched {
    /// Doorbells that were sent.
    pub sent: usize,
    /// Doorbells that were not, and will be tried again.
    pub failed: usize,
}

/// Drains the outbox of one lane into its queue.
#[derive(Debug)]
pub struct Dispatcher {
    pub(crate) lane: Lane,
    pub(crate) store: Store,
    /// How long an announced job waits to be announced again, for the first time.
    pub(crate) announce_again: Duration,
    /// How many jobs of a tenant may be announced and not answered, at least.
    pub(crate) announce_at_least: usize,
    pub(crate) window: Arc<Window>,
    /// How many jobs this worker runs at once.
    pub(crate) slots: usize,
    pub(crate) running: Arc<Running>,
    pub(crate) holds: Arc<Holds>,
    /// What is held in the lane.
    pub(crate) held: watch::Receiver<LaneHolds>,
    /// The tenant that was served last.
    pub(crate) served: Mutex<Option<TenantId>>,
}

/// What the dispatcher can do next.
#[derive(Clone, Copy, Debug, Default)]
struct Outlook {
    /// Nothing, for some tenant, until announcements are answered.
    full: bool,
    /// More, at once.
    more: bool,
}

impl Dispatcher {
    /// Sends up to `limit` doorbells.
    ///
    /// # Errors
    /// When none could be taken, or none could be sent: those that were taken are tried again a second later, or, if
    /// even that could not be written down, after the usual time.
    pub async fn run_once(&self, limit: u32) -> Result<Dispatched, Error> {
        self.look(limit).await.map(|(dispatched, _)| dispatched)
    }

    async fn look(&self, limit: u32) -> Result<(Dispatched, Outlook), Error> {
        let (doorbells, outlook) = self.take(limit).await?;
        if doorbells.is_empty() {
            return Ok((Dispatched::default(), outlook));
        }
        failpoint::hit("after_commit_before_send");
        let ids: Vec<JobId> = doorbells.iter().map(|doorbell| doorbell.job_id).collect();
        let envelopes: Vec<Envelope> = doorbells.into_iter().map(envelope).collect();
        let failures = match within(PATIENCE, self.lane.queue.send(&envelopes)).await {
            Ok(failures) => failures,
            Err(error) => {
                self.give_back(&ids).await;
                return Err(error);
            }
        };
        if let Some(failure) = failures.first() {
            tracing::warn!(error.chain = %runtime::error_chain(&failure.error), entries = failures.len(), queue = %self.lane.name, "not all jobs were announced");
            let failed: Vec<JobId> = failures
                .iter()
                .filter_map(|failure| ids.get(failure.index))
                .copied()
                .collect();
            self.give_back(&failed).await;
        }
        let (sent, failed) = (ids.len() - failures.len(), failures.len());
        metric::DISPATCHED.with([]).increment(sent as u64);
        Ok((Dispatched { sent, failed }, outlook))
    }

    async fn take(&self, limit: u32) -> Result<(Vec<Doorbell>, Outlook), Error> {
        let capacity = Capacity {
            slots: self.slots,
            running: self.running.len(),
            workers: self.holds.workers(),
            least: self.announce_at_least,
        };
        let window = self.window.size(Instant::now(), capacity);
        let holds = self.held.borrow().clone();
        let served = || self.served.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = TakeDoorbells {
            queue: &self.lane.name,
            limit: limit.into(),
            base: self.announce_again,
            window: i64::try_from(window).unwrap_or(i64::MAX),
            holds: &holds,
            after: *served(),
        };
        let taken = within(PATIENCE, self.store.take_doorbells(wanted)).await?;
        *served() = Some(taken.served);
        if taken.full {
            self.window.was_full();
        }
        let outlook = Outlook {
            full: taken.full,
            more: taken.more,
        };
        Ok((taken.doorbells, outlook))
    }

    /// Sends what there is, whenever somebody rings, what was held or announced gives way to more, and every second,
    /// until `stop` is cancelled.
    pub(crate) async fn run(self, mut wakeups: Wakeups, stop: CancellationToken) {
        let mut backoff = Backoff::new(Duration::from_millis(200), MAX_BACKOFF);
        let mut held = self.held.clone();
        while !stop.is_cancelled() {
            held.mark_unchanged();
            match self.look(MAX_BATCH).await {
                Ok((dispatched, outlook)) => {
                    backoff.succeeded();
                    if dispatched.sent < MAX_BATCH as usize && !outlook.more {
                        let sweep = around(SWEEP, runtime::random::jitter());
                        let signal = async {
                            tokio::select! {
                                () = wakeups.wait() => {}
                                Ok(()) = held.changed() => {}
                                () = self.window.answered(), if outlook.full => {}
                            }
                        };
                        stop.run_until_cancelled(timeout(sweep, signal)).await;
                    }
                }
                Err(error) => {
                    tracing::warn!(error.chain = %runtime::error_chain(&error), queue = %self.lane.name, "no jobs could be announced");
                    let wait = backoff.failed(runtime::random::jitter());
                    stop.run_until_cancelled(tokio::time::sleep(wait)).await;
                }
            }
        }
    }

    async fn give_back(&self, ids: &[JobId]) {
        if let Err(error) = within(PATIENCE, self.store.return_doorbells(ids, SEND_AGAIN)).await {
            tracing::warn!(error.chain = %runtime::error_chain(&error), jobs = ids.len(), "jobs will be announced late");
        }
    }
}

fn envelope(doorbell: Doorbell) -> Envelope {
    Envelope {
        message: Message {
            job_id: doorbell.job_id,
            tenant_id: doorbell.tenant_id,
            traceparent: doorbell.traceparent,
            dead_letter: None,
        },
        delay: Duration::ZERO,
    }
}
