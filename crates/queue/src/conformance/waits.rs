//! Delays and long polls.

use std::pin::pin;
use std::time::Duration;

use tokio::join;
use tokio::time::{Instant, timeout};

use super::{Backend, LONG, PATIENCE, SECOND, envelope, extend, message, receive, receive_one, send};
use crate::{Envelope, Receive};

/// And then it comes.
pub async fn a_delayed_message_is_hidden_first(backend: &dyn Backend) {
    let queue = backend.queue();
    let sent_at = Instant::now();
    let failures = queue
        .send(&[Envelope {
            delay: 2 * SECOND,
            ..envelope(1)
        }])
        .await
        .expect("the backend answers");
    assert!(failures.is_empty(), "not sent: {failures:?}");
    let delivery = receive_one(queue, LONG).await;
    assert!(
        sent_at.elapsed() >= 2 * SECOND,
        "came after {:?}",
        sent_at.elapsed()
    );
    assert_eq!(delivery.message, Ok(message(1)));
    assert_eq!(delivery.receive_count, 1);
}

/// A long poll ends when there is something to receive.
pub async fn a_waiting_receiver_is_woken(backend: &dyn Backend) {
    let queue = backend.queue();
    let mut waiting = pin!(queue.receive(Receive {
        max: 10,
        wait: PATIENCE,
        visibility: LONG
    }));
    let early = timeout(SECOND / 2, &mut waiting).await;
    assert!(early.is_err(), "the receive did not wait: {early:?}");

    let sent_at = Instant::now();
    let (received, ()) = join!(waiting, send(queue, [1]));
    assert!(
        sent_at.elapsed() < PATIENCE / 2,
        "woken after {:?}",
        sent_at.elapsed()
    );
    let deliveries = received.expect("the backend answers");
    assert_eq!(deliveries.len(), 1);
    assert_eq!(deliveries[0].message, Ok(message(1)));
}

/// Also by another receiver that hands a message back.
pub async fn a_waiting_receiver_gets_what_is_handed_back(backend: &dyn Backend) {
    let queue = backend.queue();
    send(queue, [1]).await;
    let first = receive_one(queue, LONG).await;
    let mut waiting = pin!(queue.receive(Receive {
        max: 10,
        wait: PATIENCE,
        visibility: LONG
    }));
    let early = timeout(SECOND / 2, &mut waiting).await;
    assert!(early.is_err(), "the receive did not wait: {early:?}");

    let returned_at = Instant::now();
    let (received, ()) = join!(waiting, extend(queue, &first, Duration::ZERO));
    assert!(
        returned_at.elapsed() < PATIENCE / 2,
        "woken after {:?}",
        returned_at.elapsed()
    );
    assert_eq!(received.expect("the backend answers").len(), 1);
}

/// Not before, and not much after.
pub async fn a_wait_without_messages_ends(backend: &dyn Backend) {
    let started_at = Instant::now();
    assert!(receive(backend.queue(), 10, 2 * SECOND, LONG).await.is_empty());
    let waited = started_at.elapsed();
    assert!(
        waited >= 2 * SECOND - Duration::from_millis(50) && waited < PATIENCE / 2,
        "waited for {waited:?}"
    );
    assert!(
        receive(backend.queue(), 10, Duration::ZERO, LONG)
            .await
            .is_empty()
    );
}

/// A message that comes when nobody waits any more goes to the next receiver, at the latest when it is
/// visible again.
pub async fn an_abandoned_receive_loses_nothing(backend: &dyn Backend) {
    let queue = backend.queue();
    let abandoned = queue.receive(Receive {
        max: 10,
        wait: PATIENCE,
        visibility: SECOND,
    });
    assert!(
        timeout(SECOND / 4, abandoned).await.is_err(),
        "the receive did not wait"
    );
    send(queue, [1]).await;
    assert_eq!(receive_one(queue, LONG).await.message, Ok(message(1)));
}
