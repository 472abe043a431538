//! One message and its deliveries.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    Backend, LONG, MAX_RECEIVES, SECOND, assert_nothing_comes, assert_stale, delete, extend, message,
    receipts, receive_one, send,
};

/// A message arrives as it was sent, with and without a trace context.
pub async fn what_was_sent_is_received(backend: &dyn Backend) {
    let queue = backend.queue();
    queue.check().await.expect("the lane exists");
    for number in [1, 2] {
        send(queue, [number]).await;
        let delivery = receive_one(queue, LONG).await;
        assert_eq!(delivery.message, Ok(message(number)));
        assert_eq!(delivery.receive_count, 1);
    }
}

/// Nobody else receives it meanwhile.
pub async fn a_received_message_is_hidden(backend: &dyn Backend) {
    let queue = backend.queue();
    send(queue, [1]).await;
    receive_one(queue, LONG).await;
    assert_nothing_comes(queue, SECOND).await;
}

/// A receiver that died loses its message to another one, but not before.
pub async fn a_message_comes_again_when_its_visibility_ends(backend: &dyn Backend) {
    let queue = backend.queue();
    send(queue, [1]).await;
    let started_at = Instant::now();
    let first = receive_one(queue, SECOND).await;
    let second = receive_one(queue, LONG).await;
    assert!(
        started_at.elapsed() >= SECOND,
        "came again after {:?}",
        started_at.elapsed()
    );
    assert_eq!(second.message, first.message);
    assert_eq!(second.receive_count, 2);
    assert_ne!(second.receipt, first.receipt);
}

/// Not even when its visibility ends.
pub async fn a_deleted_message_does_not_come_again(backend: &dyn Backend) {
    let queue = backend.queue();
    send(queue, [1]).await;
    let delivery = receive_one(queue, 2 * SECOND).await;
    delete(queue, [&delivery]).await;
    assert_nothing_comes(queue, 3 * SECOND).await;
}

/// Longer than its first visibility would have hidden it; and its receipt stays good.
pub async fn an_extended_delivery_stays_hidden(backend: &dyn Backend) {
    let queue = backend.queue();
    send(queue, [1]).await;
    let delivery = receive_one(queue, 2 * SECOND).await;
    extend(queue, &delivery, LONG).await;
    assert_nothing_comes(queue, 3 * SECOND).await;
    delete(queue, [&delivery]).await;
}

/// So that a worker which stops can hand back what it holds.
pub async fn an_extension_by_zero_delivers_again_at_once(backend: &dyn Backend) {
    let queue = backend.queue();
    send(queue, [1]).await;
    let first = receive_one(queue, LONG).await;
    extend(queue, &first, Duration::ZERO).await;
    let second = receive_one(queue, LONG).await;
    assert_eq!(second.message, first.message);
}

/// Whoever was overtaken can't touch the delivery of his successor.
pub async fn a_stale_receipt_is_refused(backend: &dyn Backend) {
    let queue = backend.queue();
    send(queue, [1]).await;
    let first = receive_one(queue, LONG).await;
    extend(queue, &first, Duration::ZERO).await;
    let second = receive_one(queue, LONG).await;

    let stale = receipts([&first]);
    assert_stale(
        &queue
            .extend(&stale, Duration::ZERO)
            .await
            .expect("the backend answers"),
        &[0],
    );
    assert_stale(&queue.delete(&stale).await.expect("the backend answers"), &[0]);
    assert_nothing_comes(queue, SECOND).await;
    delete(queue, [&second]).await;
}

/// From one, up to the last one that is allowed.
pub async fn each_receive_is_counted(backend: &dyn Backend) {
    let queue = backend.queue();
    send(queue, [1]).await;
    for count in 1..=MAX_RECEIVES {
        let delivery = receive_one(queue, LONG).await;
        assert_eq!(delivery.receive_count, count);
        extend(queue, &delivery, Duration::ZERO).await;
    }
}

/// It is not delivered once more but waits, unchanged, among the dead letters.
pub async fn a_message_received_too_often_is_a_dead_letter(backend: &dyn Backend) {
    let queue = backend.queue();
    send(queue, [1]).await;
    for _ in 0..MAX_RECEIVES {
        let delivery = receive_one(queue, LONG).await;
        extend(queue, &delivery, Duration::ZERO).await;
    }
    assert_nothing_comes(queue, SECOND).await;
    let dead = receive_one(backend.dead_letters(), LONG).await;
    assert_eq!(dead.message, Ok(message(1)));
    delete(backend.dead_letters(), [&dead]).await;
}

/// A backend can only be fair between tenants if it knows whose a message is.
pub async fn the_tenant_is_the_group(backend: &dyn Backend) {
    send(backend.queue(), [2]).await;
    assert_eq!(
        backend.group_of_the_only_message().await,
        message(2).tenant_id.to_string()
    );
}
