//! Many messages at once.

use std::collections::HashSet;
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{
    Backend, LONG, PATIENCE, SECOND, assert_depth, assert_nothing_comes, assert_stale, delete, envelope,
    extend, job_ids, message, receipts, receive, receive_all, receive_one, send,
};
use crate::{Delivery, Envelope, Error, MAX_DELAY, Receive};

/// Callers need not know how many entries a backend takes at once.
pub async fn batches_may_be_large(backend: &dyn Backend) {
    let queue = backend.queue();
    send(queue, 0..25).await;
    let deliveries = receive_all(queue, 25, LONG).await;
    assert_eq!(
        job_ids(&deliveries),
        (0..25).map(|number| message(number).job_id).collect()
    );
    let failures = queue
        .extend(&receipts(&deliveries), LONG)
        .await
        .expect("the backend answers");
    assert!(failures.is_empty(), "not extended: {failures:?}");
    delete(queue, &deliveries).await;
    assert_nothing_comes(queue, SECOND).await;
}

/// The stale receipts of a batch are told by their indexes, and the others do their work.
pub async fn each_entry_of_a_batch_fails_alone(backend: &dyn Backend) {
    let queue = backend.queue();
    send(queue, 0..25).await;
    let mut deliveries = receive_all(queue, 25, LONG).await;
    for index in [3, 13, 24] {
        extend(queue, &deliveries[index], Duration::ZERO).await;
    }
    let again = receive_all(queue, 3, LONG).await;
    let stale_indexes = [3, 13, 24];

    let all = receipts(&deliveries);
    assert_stale(
        &queue.extend(&all, LONG).await.expect("the backend answers"),
        &stale_indexes,
    );
    assert_stale(
        &queue.delete(&all).await.expect("the backend answers"),
        &stale_indexes,
    );

    // The three that were received again are still there, all others are gone.
    let mut kept = HashSet::new();
    for index in stale_indexes.into_iter().rev() {
        kept.extend(job_ids([&deliveries.remove(index)]));
    }
    assert_eq!(job_ids(&again), kept);
    delete(queue, &again).await;
    assert_nothing_comes(queue, SECOND).await;
}

/// The other entries of the batch are sent.
pub async fn a_delay_that_is_too_long_is_rejected(backend: &dyn Backend) {
    let queue = backend.queue();
    let too_long = Envelope {
        delay: MAX_DELAY + SECOND,
        ..envelope(2)
    };
    let failures = queue
        .send(&[envelope(1), too_long, envelope(3)])
        .await
        .expect("the backend answers");
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].index, 1);
    assert!(matches!(failures[0].error, Error::Rejected(_)), "{failures:?}");
    let deliveries = receive_all(queue, 2, LONG).await;
    assert_eq!(
        job_ids(&deliveries),
        [message(1).job_id, message(3).job_id].into()
    );
}

/// Nothing to do is no error.
pub async fn an_empty_batch_is_accepted(backend: &dyn Backend) {
    let queue = backend.queue();
    assert!(queue.send(&[]).await.expect("accepted").is_empty());
    assert!(queue.extend(&[], LONG).await.expect("accepted").is_empty());
    assert!(queue.delete(&[]).await.expect("accepted").is_empty());
}

/// The receiver has no permits for more.
pub async fn no_more_than_max_are_received(backend: &dyn Backend) {
    let queue = backend.queue();
    send(queue, 0..5).await;
    assert!(receive(queue, 0, SECOND, LONG).await.is_empty());
    let mut received = 0;
    let deadline = Instant::now() + PATIENCE;
    while received < 5 {
        assert!(Instant::now() < deadline, "{received} of 5 messages came");
        let deliveries = receive(queue, 2, SECOND, LONG).await;
        assert!(deliveries.len() <= 2, "{deliveries:?}");
        received += deliveries.len();
    }
}

/// Each message goes to one of them.
pub async fn competing_receivers_share_the_messages(backend: &dyn Backend) {
    const MESSAGES: usize = 60;
    let queue = backend.queue();
    send(queue, 0..MESSAGES as u128).await;
    let received = Mutex::new(Vec::<Delivery>::new());
    let deadline = Instant::now() + PATIENCE;
    let receiver = || async {
        while received.lock().await.len() < MESSAGES && Instant::now() < deadline {
            let receive = Receive {
                max: 3,
                wait: SECOND,
                visibility: LONG,
            };
            let deliveries = queue.receive(receive).await.expect("the backend answers");
            received.lock().await.extend(deliveries);
        }
    };
    join_all((0..5).map(|_| receiver())).await;

    let received = received.into_inner();
    assert_eq!(received.len(), MESSAGES);
    assert_eq!(
        job_ids(&received).len(),
        MESSAGES,
        "a message was delivered to two receivers"
    );
    assert!(received.iter().all(|delivery| delivery.receive_count == 1));
}

/// Whether it is visible, hidden or delayed; until it is deleted.
pub async fn every_message_counts_wherever_it_is(backend: &dyn Backend) {
    let queue = backend.queue();
    assert_depth(queue, 0).await;
    send(queue, 0..3).await;
    let hidden = receive_one(queue, LONG).await;
    let delayed = Envelope {
        delay: LONG,
        ..envelope(3)
    };
    let failures = queue.send(&[delayed]).await.expect("the backend answers");
    assert!(failures.is_empty(), "not sent: {failures:?}");
    assert_depth(queue, 4).await;
    delete(queue, [&hidden]).await;
    assert_depth(queue, 3).await;
}
