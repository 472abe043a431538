//! Deleting and delaying messages of one lane: in batches, apart from the work, and never before its outcome is
//! committed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use queue::{EntryFailure, Queue, Receipt};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

/// A full request of SQS; fewer are worth a short wait, because requests cost money and a message that is deleted a
/// moment later harms nobody.
const FULL: usize = 10;
const LINGER: Duration = Duration::from_millis(100);
/// The most that is taken at once.
const MAX_BATCH: usize = 100;
/// How long the queue may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is done about messages whose job is not, or no longer, this worker's. Copies share the task, which ends after
/// the last one is dropped, with everything done. What fails is only told: the message comes again, and the claim knows.
#[derive(Clone, Debug)]
pub(crate) struct Messages(Option<UnboundedSender<(Receipt, Verdict)>>);

#[derive(Clone, Copy, Debug)]
enum Verdict {
    Delete,
    Delay(Duration),
}

impl Messages {
    pub(crate) fn start(queue: Arc<dyn Queue>, tasks: &TaskTracker) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        tasks.spawn(run(queue, receiver));
        Self(Some(sender))
    }

    /// For jobs that were found without a message.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    pub(crate) fn delete(&self, receipt: Receipt) {
        self.tell(receipt, Verdict::Delete);
    }

    /// Has the message delivered again after `wait`.
    pub(crate) fn delay(&self, receipt: Receipt, wait: Duration) {
        self.tell(receipt, Verdict::Delay(wait));
    }

    fn tell(&self, receipt: Receipt, verdict: Verdict) {
        let Some(sender) = &self.0 else { return };
        // The task ends after the last sender only; should it have died, the message comes again.
        if sender.send((receipt, verdict)).is_err() {
            tracing::warn!("nobody deletes messages any more");
        }
    }
}

async fn run(queue: Arc<dyn Queue>, mut told: UnboundedReceiver<(Receipt, Verdict)>) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while told.recv_many(&mut batch, MAX_BATCH).await > 0 {
        let fill = async { while batch.len() < FULL && told.recv_many(&mut batch, MAX_BATCH).await > 0 {} };
        // The time being up is as good as a full batch.
        drop(timeout(LINGER, fill).await);
        settle(&*queue, batch.drain(..)).await;
    }
}

async fn settle(queue: &dyn Queue, batch: impl Iterator<Item = (Receipt, Verdict)>) {
    let (mut deletes, mut delays) = (Vec::new(), BTreeMap::<u64, Vec<Receipt>>::new());
    for (receipt, verdict) in batch {
        match verdict {
            Verdict::Delete => deletes.push(receipt),
            // Whole seconds are what SQS counts in, and make fewer groups.
            Verdict::Delay(wait) => delays
                .entry(wait.as_millis().div_ceil(1_000) as u64)
                .or_default()
                .push(receipt),
        }
    }
    if !deletes.is_empty() {
        report("deleted", timeout(PATIENCE, queue.delete(&deletes)).await);
    }
    for (wait_secs, receipts) in delays {
        let wait = Duration::from_secs(wait_secs);
        report("delayed", timeout(PATIENCE, queue.extend(&receipts, wait)).await);
    }
}

fn report(what: &str, answer: Result<Result<Vec<EntryFailure>, queue::Error>, tokio::time::error::Elapsed>) {
    match answer {
        Ok(Ok(failures)) => {
            // A stale receipt is a message that comes, or came, again: nothing to act on.
            for failure in failures {
                let error = &failure.error as &dyn std::error::Error;
                tracing::debug!(error, "a message could not be {what}");
            }
        }
        Ok(Err(error)) => {
            tracing::warn!(error.chain = %runtime::error_chain(&error), "messages could not be {what}; they come again");
        }
        Err(_) => tracing::warn!("messages could not be {what} in time; they come again"),
    }
}
