//! What every backend owes, as checks that run against a real one.
//!
//! Each check gets a fresh [`Backend`] and panics when a promise is broken. The macro [`conformance_tests!`]
//! makes a test of each, so that no backend can leave one out. Waits are bounded, and long enough for a slow
//! machine; a check never sleeps to let something happen.
//!
//! [`conformance_tests!`]: crate::conformance_tests

mod batches;
mod deliveries;
mod waits;

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use domain::{JobId, TenantId};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::{Delivery, EntryFailure, Envelope, Error, Message, Queue, Receipt, Receive};

pub use batches::*;
pub use deliveries::*;
pub use waits::*;

/// How often a backend under test delivers a message before it is a dead letter.
pub const MAX_RECEIVES: u32 = 3;

/// A fresh queue, and what the checks must see of it from outside.
#[async_trait]
pub trait Backend: Send + Sync {
    /// The queue, empty at first. It moves a message that was received [`MAX_RECEIVES`] times to the dead
    /// letters instead of delivering it once more.
    fn queue(&self) -> &dyn Queue;

    /// Where such messages go.
    fn dead_letters(&self) -> &dyn Queue;

    /// The group that the backend itself has noted for the one message that waits.
    async fn group_of_the_only_message(&self) -> String;
}

/// Makes one `#[tokio::test]` of each check. `$run` is an async function that makes a [`Backend`], calls the
/// check that it is given with it, and cleans up: `async fn run(check: impl AsyncFnOnce(&dyn Backend))`.
#[macro_export]
macro_rules! conformance_tests {
    ($run:path) => {
        $crate::conformance_tests!(
            $run:
            what_was_sent_is_received,
            a_received_message_is_hidden,
            a_message_comes_again_when_its_visibility_ends,
            a_deleted_message_does_not_come_again,
            an_extended_delivery_stays_hidden,
            an_extension_by_zero_delivers_again_at_once,
            a_stale_receipt_is_refused,
            each_receive_is_counted,
            a_message_received_too_often_is_a_dead_letter,
            the_tenant_is_the_group,
            batches_may_be_large,
            each_entry_of_a_batch_fails_alone,
            a_delay_that_is_too_long_is_rejected,
            an_empty_batch_is_accepted,
            no_more_than_max_are_received,
            competing_receivers_share_the_messages,
            every_message_counts_wherever_it_is,
            a_delayed_message_is_hidden_first,
            a_waiting_receiver_is_woken,
            a_waiting_receiver_gets_what_is_handed_back,
            a_wait_without_messages_ends,
            an_abandoned_receive_loses_nothing,
        );
    };
    ($run:path: $($check:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $check() {
                $run($crate::conformance::$check).await;
            }
        )+
    };
}

/// Longer than anything takes that is going to happen at all.
const PATIENCE: Duration = Duration::from_secs(20);

/// A visibility that does not end during a check.
const LONG: Duration = Duration::from_secs(300);

const SECOND: Duration = Duration::from_secs(1);

fn message(number: u128) -> Message {
    Message {
        job_id: JobId(Uuid::from_u128(number)),
        tenant_id: TenantId(Uuid::from_u128(number % 3)),
        traceparent: number
            .is_multiple_of(2)
            .then(|| format!("00-{number:032x}-b7ad6b7169203331-01")),
        dead_letter: None,
    }
}

fn envelope(number: u128) -> Envelope {
    Envelope {
        message: message(number),
        delay: Duration::ZERO,
    }
}

async fn send(queue: &dyn Queue, numbers: impl IntoIterator<Item = u128>) {
    let envelopes: Vec<_> = numbers.into_iter().map(envelope).collect();
    let failures = queue.send(&envelopes).await.expect("the backend answers");
    assert!(failures.is_empty(), "not sent: {failures:?}");
}

async fn receive(queue: &dyn Queue, max: usize, wait: Duration, visibility: Duration) -> Vec<Delivery> {
    queue
        .receive(Receive {
            max,
            wait,
            visibility,
        })
        .await
        .expect("the backend answers")
}

/// Receives `count` deliveries, by as many requests as it takes.
async fn receive_all(queue: &dyn Queue, count: usize, visibility: Duration) -> Vec<Delivery> {
    let deadline = Instant::now() + PATIENCE;
    let mut deliveries = Vec::new();
    while deliveries.len() < count {
        assert!(
            Instant::now() < deadline,
            "{} of {count} messages came",
            deliveries.len()
        );
        deliveries.extend(receive(queue, count - deliveries.len(), SECOND, visibility).await);
    }
    deliveries
}

async fn receive_one(queue: &dyn Queue, visibility: Duration) -> Delivery {
    receive_all(queue, 1, visibility).await.remove(0)
}

async fn assert_nothing_comes(queue: &dyn Queue, within: Duration) {
    let deliveries = receive(queue, 10, within, LONG).await;
    assert!(deliveries.is_empty(), "came unexpectedly: {deliveries:?}");
}

/// Backends may count late.
async fn assert_depth(queue: &dyn Queue, expected: u64) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let depth = queue.depth().await.expect("the backend answers");
        if depth == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{depth} messages, not {expected}");
        sleep(SECOND / 20).await;
    }
}

fn receipts<'a>(deliveries: impl IntoIterator<Item = &'a Delivery>) -> Vec<Receipt> {
    deliveries
        .into_iter()
        .map(|delivery| delivery.receipt.clone())
        .collect()
}

fn job_ids<'a>(deliveries: impl IntoIterator<Item = &'a Delivery>) -> HashSet<JobId> {
    deliveries
        .into_iter()
        .map(|delivery| delivery.message.as_ref().expect("readable").job_id)
        .collect()
}

async fn extend(queue: &dyn Queue, delivery: &Delivery, visibility: Duration) {
    let failures = queue
        .extend(&receipts([delivery]), visibility)
        .await
        .expect("the backend answers");
    assert!(failures.is_empty(), "not extended: {failures:?}");
}

async fn delete<'a>(queue: &dyn Queue, deliveries: impl IntoIterator<Item = &'a Delivery>) {
    let failures = queue
        .delete(&receipts(deliveries))
        .await
        .expect("the backend answers");
    assert!(failures.is_empty(), "not deleted: {failures:?}");
}

fn assert_stale(failures: &[EntryFailure], indexes: &[usize]) {
    assert_eq!(
        failures.iter().map(|failure| failure.index).collect::<Vec<_>>(),
        indexes,
        "{failures:?}"
    );
    assert!(
        failures
            .iter()
            .all(|failure| matches!(failure.error, Error::StaleReceipt)),
        "{failures:?}"
    );
}
