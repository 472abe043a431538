//! Sends the messages of dead letters.

use std::time::Duration;

use async_trait::async_trait;
use domain::JobId;
use queue::{Envelope, Message};
use runtime::metric;
use store::{DeadLetterNotice, Store};

use super::{DeadLetterQueue, PATIENCE};
use crate::error::{Error, within};
use crate::maintenance::pass::{Counts, Pass};

/// The most messages that are sent at once.
const MAX_BATCH: i32 = 100;

/// See the module.
pub(super) struct Announce {
    pub(super) store: Store,
    pub(super) source: DeadLetterQueue,
    pub(super) interval: Duration,
}

#[async_trait]
impl Pass for Announce {
    fn name(&self) -> &'static str {
        "announce_dead_letters"
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    /// To take, to send and to give back.
    fn time_limit(&self) -> Duration {
        PATIENCE * 4
    }

    async fn run_once(&self, limit: i32) -> Result<Counts, Error> {
        let limit = limit.min(MAX_BATCH);
        let changed = self.announce(limit).await?;
        Ok(Counts {
            changed,
            more: changed >= u64::from(limit.unsigned_abs()),
            ..Counts::default()
        })
    }
}

impl Announce {
    /// Announces one batch; answers how many were sent. Should the process end between the take and the send, the
    /// reconciliation misses their messages.
    async fn announce(&self, limit: i32) -> Result<u64, Error> {
        let DeadLetterQueue { lane, queue } = &self.source;
        let owed = self.store.take_owed_dead_letters(lane, limit.into());
        let notices = within(PATIENCE, owed).await?;
        if notices.is_empty() {
            return Ok(0);
        }
        let ids: Vec<JobId> = notices.iter().map(|notice| notice.job_id).collect();
        let envelopes: Vec<Envelope> = notices.iter().map(envelope).collect();
        let failures = match within(PATIENCE, queue.send(&envelopes)).await {
            Ok(failures) => failures,
            Err(error) => {
                self.give_back(&ids).await;
                return Err(error);
            }
        };
        let sent = (ids.len() - failures.len()) as u64;
        metric::DEAD_LETTER_MESSAGES
            .with(["announced".into()])
            .increment(sent);
        if let Some(failure) = failures.first() {
            tracing::warn!(error.chain = %runtime::error_chain(&failure.error), entries = failures.len(), queue = %lane, "not all dead letters were announced");
            let failed: Vec<JobId> = failures
                .iter()
                .filter_map(|failure| ids.get(failure.index))
                .copied()
                .collect();
            self.give_back(&failed).await;
        }
        Ok(sent)
    }

    async fn give_back(&self, ids: &[JobId]) {
        if let Err(error) = within(PATIENCE, self.store.owe_dead_letters(ids)).await {
            tracing::warn!(error.chain = %runtime::error_chain(&error), jobs = ids.len(), "dead letters will be announced late");
        }
    }
}

fn envelope(notice: &DeadLetterNotice) -> Envelope {
    Envelope {
        message: Message {
            job_id: notice.job_id,
            tenant_id: notice.tenant_id,
            traceparent: None,
            dead_letter: Some(notice.attempt),
        },
        delay: Duration::ZERO,
    }
}
