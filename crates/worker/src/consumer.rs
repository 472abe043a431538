//! Takes messages of one lane and claims their jobs. The loop is trivial; the step is in [`crate::step`].

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::{JobId, QueueName};
use futures::future::join_all;
use queue::postgres::Bell;
use queue::{Delivery, Queue, Receive};
use store::{Claim, Store};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::activity::Activity;
use crate::backoff::{Backoff, MAX_BACKOFF, give_way};
use crate::config::Config;
use crate::error::{Error, within};
use crate::finisher::Finisher;
use crate::holds::Holds;
use crate::identity::Identity;
use crate::messages::Messages;
use crate::meters::Meters;
use crate::places::Place;
use crate::redriven::Redriven;
use crate::registry::Handlers;
use crate::running::Running;
use crate::share::{MAX_IDLE, Share};
use crate::step::{Received, StepOutcome};
use crate::unheard;
use crate::visibility::Hidden;
use crate::window::Window;

/// The most messages of one receive, and jobs of one claim.
pub(crate) const MAX_BATCH: usize = 100;
/// How long the last receive may take once the worker drains: on a busy queue it is there at once. On an idle one it
/// is worth waiting longer where the queue can't tell that the receiver has gone.
const LAST_LOOK: Duration = Duration::from_millis(200);
const LAST_POLL: Duration = Duration::from_secs(5);
/// How long a claim may take; longer than Postgres itself lets it.
const PATIENCE: Duration = Duration::from_secs(15);

/// A lane that a worker takes jobs from.
#[derive(Clone, Debug)]
pub struct Lane {
    /// Its name.
    pub name: QueueName,
    /// Its messages.
    pub queue: Arc<dyn Queue>,
    /// Where its dead letters are announced; nowhere, if absent. Not an outbox.
    pub dead_letters: Option<Arc<dyn Queue>>,
    /// How many receives may be under way at once. One is enough for the embedded queue; SQS gives ten messages at a
    /// time, so a busy lane needs a few.
    pub receivers: usize,
}

/// What all lanes of a worker share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) bell: Bell,
    pub(crate) handlers: Handlers,
    pub(crate) identity: Identity,
    pub(crate) running: Arc<Running>,
    pub(crate) finisher: Finisher,
    pub(crate) meters: Meters,
    pub(crate) holds: Arc<Holds>,
    pub(crate) activity: Arc<Activity>,
    pub(crate) slots: Arc<Semaphore>,
}

/// Takes and runs the jobs of one lane.
pub struct Consumer {
    pub(crate) lane: Lane,
    pub(crate) shared: Arc<Shared>,
    pub(crate) messages: Messages,
    /// Where messages of running jobs are kept hidden; absent where a claim consumes them.
    pub(crate) hidden: Option<Arc<Hidden>>,
    /// How the lane shares the slots with the others.
    pub(crate) share: Share,
    /// Whether the queue gave less than it was asked for the last time, or has a receive wait.
    pub(crate) silent: Arc<AtomicBool>,
    /// How much of a tenant is announced at a time.
    pub(crate) window: Arc<Window>,
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer")
            .field("lane", &self.lane)
            .finish_non_exhaustive()
    }
}

impl Consumer {
    /// Receives up to `max` messages, claims and runs their jobs, and records the outcomes. Waits for a free slot and
    /// for the registration of this worker first.
    ///
    /// # Errors
    /// When nothing was received or claimed because the queue or the database did not answer.
    pub async fn run_once(&self, max: usize) -> Result<Vec<StepOutcome>, Error> {
        let slots = self.free_slots(max).await;
        let deliveries = self.receive(slots.num_permits(), self.share.wait).await?;
        let claimed = self.claim(deliveries, slots).await?;
        let steps = claimed
            .started
            .into_iter()
            .chain(claimed.others)
            .map(|(received, claim)| self.step(received, claim));
        let mut outcomes = join_all(steps).await;
        outcomes.extend(join_all(claimed.redriven.into_iter().map(|redriven| self.revive(redriven))).await);
        outcomes.extend(claimed.settled);
        Ok(outcomes)
    }

    /// Takes and runs jobs until `stop` is cancelled. Attempts go to `attempts`, and go on after that.
    pub(crate) async fn run(self: Arc<Self>, attempts: TaskTracker, stop: CancellationToken) {
        let mut backoff = Backoff::new(Duration::from_millis(200), MAX_BACKOFF);
        let mut max = self.share.idle_slots;
        while !stop.is_cancelled() {
            let error = match self.take(max, &stop).await {
                Ok(None) => return,
                Ok(Some(claimed)) => {
                    backoff.succeeded();
                    max = if claimed.is_empty() {
                        self.share.idle_slots
                    } else {
                        self.busy_slots()
                    };
                    self.spawn(claimed, &attempts).await;
                    continue;
                }
                Err(error) => error,
            };
            let wait = backoff.failed(runtime::random::jitter());
            tracing::warn!(error.chain = %runtime::error_chain(&error), queue = %self.lane.name, wait_ms = wait.as_millis(), "no jobs can be taken");
            stop.run_until_cancelled(tokio::time::sleep(wait)).await;
        }
    }

    /// One receive and one claim; `None` when stopped. What was received is claimed or given back.
    async fn take(&self, max: usize, stop: &CancellationToken) -> Result<Option<Claimed>, Error> {
        let Some(slots) = stop.run_until_cancelled(self.free_slots(max)).await else {
            return Ok(None);
        };
        let wait = self.share.wait_with(slots.num_permits());
        let mut receiving = pin!(self.receive(slots.num_permits(), wait));
        let deliveries = tokio::select! {
            deliveries = &mut receiving => deliveries?,
            () = stop.cancelled() => {
                self.give_back(receiving).await;
                return Ok(None);
            }
        };
        self.claim(deliveries, slots).await.map(Some)
    }

    /// Waits a moment for a receive that nobody wants any more: dropped at once, it may take messages with it, which
    /// then stay hidden for as long as if they had been taken by somebody who died.
    async fn give_back(&self, receiving: impl Future<Output = Result<Vec<Delivery>, Error>>) {
        let patience = if self.lane.queue.is_outbox() {
            LAST_LOOK
        } else {
            LAST_POLL
        };
        if let Ok(Ok(deliveries)) = timeout(patience, receiving).await {
            for delivery in deliveries {
                self.messages.delay(delivery.receipt, Duration::ZERO);
            }
        }
    }

    pub(crate) async fn spawn(self: &Arc<Self>, claimed: Claimed, attempts: &TaskTracker) {
        for (received, claim) in claimed.started {
            let consumer = Arc::clone(self);
            attempts.spawn(async move { consumer.step(received, claim).await });
        }
        for redriven in claimed.redriven {
            let consumer = Arc::clone(self);
            attempts.spawn(async move { consumer.revive(redriven).await });
        }
        for (received, claim) in claimed.others {
            self.step(received, claim).await;
        }
    }

    /// At least one slot, and all free ones up to `max`, once this worker is registered.
    pub(crate) async fn free_slots(&self, max: usize) -> OwnedSemaphorePermit {
        self.shared.identity.registered().await;
        let slots = &self.shared.slots;
        let mut taken = Arc::clone(slots)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        // Attempts that are about to end, end now: a few microseconds that make one receive out of many.
        give_way().await;
        let more = slots
            .available_permits()
            .min(max.min(MAX_BATCH).saturating_sub(1));
        let more = u32::try_from(more).expect("a batch is small");
        if let Ok(others) = Arc::clone(slots).try_acquire_many_owned(more) {
            taken.merge(others);
        }
        taken
    }

    async fn receive(&self, max: usize, wait: Duration) -> Result<Vec<Delivery>, Error> {
        let config = &self.shared.config;
        let receive = Receive {
            max,
            wait: wait.min(config.receive_wait),
            visibility: config.visibility,
        };
        // The backends bound their own waits; this is for a connection that went silent.
        let mut receiving = pin!(within(receive.wait + PATIENCE, self.lane.queue.receive(receive)));
        let received = match timeout(unheard::AGE, &mut receiving).await {
            Ok(received) => received,
            Err(_) => {
                self.silent.store(true, Ordering::Relaxed);
                receiving.await
            }
        };
        let count = received.as_ref().map_or(0, Vec::len);
        // SQS may give a few less than there are.
        let enough = count * 2 > max.min(MAX_IDLE);
        self.silent.store(!enough, Ordering::Relaxed);
        self.shared.meters.deliveries.increment(count as u64);
        received
    }

    /// The most slots that are worth having for a receive while the lane has work: SQS delivers few messages at once, and
    /// what one receive has more than that keeps others from being under way beside it.
    fn busy_slots(&self) -> usize {
        if self.lane.queue.is_outbox() {
            MAX_BATCH
        } else {
            MAX_IDLE
        }
    }

    pub(crate) fn is_silent(&self) -> bool {
        self.silent.load(Ordering::Relaxed)
    }

    /// Claims the jobs of all deliveries in one statement.
    pub(crate) async fn claim(
        &self,
        deliveries: Vec<Delivery>,
        mut slots: OwnedSemaphorePermit,
    ) -> Result<Claimed, Error> {
        let mut claimed = Claimed::default();
        let (mut ids, mut received): (Vec<JobId>, Vec<Received>) = Default::default();
        for delivery in deliveries {
            match &delivery.message {
                Err(unreadable) => claimed
                    .settled
                    .push(self.unreadable(unreadable, delivery.receipt)),
                Ok(message) => {
                    // A backend that gives more than it was asked for is not trusted with the rest.
                    let Some(slot) = slots.split(1) else { break };
                    let job_id = message.job_id;
                    if let Some(attempt) = message.dead_letter {
                        claimed.redriven.push(Redriven {
                            job_id,
                            attempt,
                            receipt: delivery.receipt,
                            slot,
                        });
                        continue;
                    }
                    ids.push(job_id);
                    let claiming = self.shared.running.claiming(job_id);
                    received.push(Received {
                        delivery,
                        slot,
                        place: None,
                        claiming,
                    });
                }
            }
        }
        if ids.is_empty() {
            return Ok(claimed);
        }
        failpoint::hit("after_receive");
        let Some(answers) = self.claim_until_answered(&ids).await? else {
            // The lease was lost. Nothing can be started as nobody.
            let receipts = received.into_iter().map(|received| received.delivery.receipt);
            claimed
                .settled
                .extend(receipts.map(|receipt| self.not_started(receipt)));
            return Ok(claimed);
        };
        for (mut received, claim) in received.into_iter().zip(answers) {
            self.learn(&mut received, &claim);
            match claim {
                Claim::Started(_) | Claim::StartedUnreadable(_) => claimed.started.push((received, claim)),
                Claim::Finished(_)
                | Claim::Held { .. }
                | Claim::NotDue { .. }
                | Claim::Paused
                | Claim::OverLimit
                | Claim::NotStarted
                | Claim::Unreadable { .. }
                | Claim::Unknown => claimed.others.push((received, claim)),
            }
        }
        self.window.claimed(claimed.started.len());
        if !claimed.started.is_empty() {
            failpoint::hit("after_claim");
        }
        Ok(claimed)
    }

    /// What the answer tells about others of the tenant.
    fn learn(&self, received: &mut Received, claim: &Claim) {
        let Shared { holds, activity, .. } = &*self.shared;
        let Ok(message) = &received.delivery.message else {
            return;
        };
        let (tenant_id, lane) = (message.tenant_id, &self.lane.name);
        match claim {
            Claim::Started(job) => {
                received.place = Some(Place::take(holds, job.tenant_id));
                holds.started(job.tenant_id);
                activity.started(job.tenant_id, lane);
            }
            Claim::Paused => holds.paused(tenant_id, lane),
            Claim::OverLimit => holds.full(tenant_id),
            Claim::StartedUnreadable(_)
            | Claim::Finished(_)
            | Claim::Held { .. }
            | Claim::NotDue { .. }
            | Claim::NotStarted
            | Claim::Unreadable { .. }
            | Claim::Unknown => {}
        }
    }

    /// Asks until there is an answer: what was received stays hidden from others for a while, so to give up would cost
    /// these jobs more than the outage itself. `None` once the lease is lost, which bounds it.
    async fn claim_until_answered(&self, ids: &[JobId]) -> Result<Option<Vec<Claim>>, Error> {
        let mut backoff = Backoff::new(Duration::from_millis(100), MAX_BACKOFF);
        while let Some(worker_id) = self.shared.identity.current() {
            let error = match within(PATIENCE, self.shared.store.claim(worker_id, ids)).await {
                Ok(answers) => return Ok(Some(answers)),
                Err(error) if error.is_transient() => error,
                Err(error) => return Err(error),
            };
            let wait = backoff.failed(runtime::random::jitter());
            tracing::warn!(error.chain = %runtime::error_chain(&error), queue = %self.lane.name, jobs = ids.len(), wait_ms = wait.as_millis(), "jobs are not claimed yet");
            tokio::time::sleep(wait).await;
        }
        Ok(None)
    }
}

/// What a receive and its claim came to.
#[derive(Default)]
pub(crate) struct Claimed {
    /// To be run.
    started: Vec<(Received, Claim)>,
    /// No doorbells, but dead letters that were moved back.
    redriven: Vec<Redriven>,
    /// Only their messages have to be cared for, which takes no time.
    others: Vec<(Received, Claim)>,
    /// Done with, without a claim.
    settled: Vec<StepOutcome>,
}

impl Claimed {
    fn is_empty(&self) -> bool {
        self.started.is_empty()
            && self.redriven.is_empty()
            && self.others.is_empty()
            && self.settled.is_empty()
    }
}
