//! Announces queued jobs of one lane on a queue that is not the outbox itself.

use std::time::Duration;

use domain::JobId;
use queue::postgres::Wakeups;
use queue::{Envelope, Message};
use runtime::metric;
use store::{Doorbell, Store};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::backoff::{Backoff, MAX_BACKOFF, around};
use crate::consumer::Lane;
use crate::error::{Error, within};

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
}

impl Dispatcher {
    /// Sends up to `limit` doorbells.
    ///
    /// # Errors
    /// When none could be taken, or none could be sent: those that were taken are tried again a second later, or, if
    /// even that could not be written down, after the usual time.
    pub async fn run_once(&self, limit: u32) -> Result<Dispatched, Error> {
        let taken = self
            .store
            .take_doorbells(&self.lane.name, limit.into(), self.announce_again);
        let doorbells = within(PATIENCE, taken).await?;
        if doorbells.is_empty() {
            return Ok(Dispatched::default());
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
        Ok(Dispatched { sent, failed })
    }

    /// Sends what there is, whenever somebody rings and every second, until `stop` is cancelled.
    pub(crate) async fn run(self, mut wakeups: Wakeups, stop: CancellationToken) {
        let mut backoff = Backoff::new(Duration::from_millis(200), MAX_BACKOFF);
        while !stop.is_cancelled() {
            match self.run_once(MAX_BATCH).await {
                Ok(dispatched) => {
                    backoff.succeeded();
                    if dispatched.sent < MAX_BATCH as usize {
                        let sweep = around(SWEEP, runtime::random::jitter());
                        stop.run_until_cancelled(timeout(sweep, wakeups.wait())).await;
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
