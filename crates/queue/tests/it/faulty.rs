//! The faulty queue on a real one: without faults it is that queue, and each fault is seen.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{JobId, TenantId};
use queue::conformance::{Backend, MAX_RECEIVES};
use queue::faulty::{Faults, Faulty};
use queue::postgres::DeadLetters;
use queue::{Delivery, Envelope, MAX_DELAY, Message, Queue, Receipt, Receive};
use uuid::Uuid;

use crate::postgres_backend::{PostgresBackend, run};

/// Longer than anything takes that is going to happen at all.
const PATIENCE: Duration = Duration::from_secs(20);

const WAITING: Receive = Receive {
    max: 100,
    wait: PATIENCE,
    visibility: Duration::from_secs(300),
};

const AT_ONCE: Receive = Receive {
    wait: Duration::ZERO,
    ..WAITING
};

/// Enough for chance to show itself.
const MANY: u128 = 20;

struct WithoutFaults<'a> {
    backend: &'a PostgresBackend,
    queue: Faulty,
}

#[async_trait]
impl Backend for WithoutFaults<'_> {
    fn queue(&self) -> &dyn Queue {
        &self.queue
    }

    fn dead_letters(&self) -> &dyn Queue {
        self.backend.dead_letters()
    }

    async fn group_of_the_only_message(&self) -> String {
        self.backend.group_of_the_only_message().await
    }
}

async fn conform(check: impl AsyncFnOnce(&dyn Backend)) {
    run(async |backend: &PostgresBackend| {
        let queue = backend.lane("default").with_dead_letters(DeadLetters {
            max_receives: MAX_RECEIVES,
            lane: "dead".parse().unwrap(),
        });
        let queue = Faulty::new(Arc::new(queue), Faults::default());
        check(&WithoutFaults { backend, queue }).await;
    })
    .await;
}

queue::conformance_tests!(conform);

/// The lane, with faults as they are written for a worker.
fn faulty(backend: &PostgresBackend, faults: &str) -> Faulty {
    Faulty::new(Arc::new(backend.lane("default")), faults.parse().unwrap())
}

fn envelope(number: u128) -> Envelope {
    Envelope {
        message: Message {
            job_id: JobId(Uuid::from_u128(number)),
            tenant_id: TenantId(Uuid::nil()),
            traceparent: None,
            dead_letter: None,
        },
        delay: Duration::ZERO,
    }
}

/// Sends messages one after the other, so that their order is known.
async fn send_many(queue: &dyn Queue, first: u128) {
    for number in first..first + MANY {
        assert!(queue.send(&[envelope(number)]).await.unwrap().is_empty());
    }
}

fn numbers(deliveries: &[Delivery]) -> Vec<u128> {
    let job_id = |delivery: &Delivery| delivery.message.as_ref().unwrap().job_id;
    deliveries
        .iter()
        .map(|delivery| job_id(delivery).0.as_u128())
        .collect()
}

#[tokio::test]
async fn deliveries_are_doubled_at_once_and_later() {
    run(async |backend: &PostgresBackend| {
        let queue = faulty(backend, "duplicate=1,delay_ms=1000");
        send_many(&queue, 0).await;
        let mut deliveries = queue.receive(AT_ONCE).await.unwrap();
        let at_once = deliveries.len() as u128;
        assert!(MANY < at_once && at_once < 2 * MANY, "{at_once}");

        while (deliveries.len() as u128) < 2 * MANY {
            let later = queue.receive(WAITING).await.unwrap();
            assert!(!later.is_empty());
            deliveries.extend(later);
        }
        let mut copies = HashMap::<Receipt, u32>::new();
        for delivery in deliveries {
            *copies.entry(delivery.receipt).or_default() += 1;
        }
        assert!(copies.values().all(|copies| *copies == 2), "{copies:?}");
        assert!(queue.receive(AT_ONCE).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn no_more_than_max_are_received_when_deliveries_are_doubled() {
    run(async |backend: &PostgresBackend| {
        let queue = faulty(backend, "duplicate=1");
        send_many(&queue, 0).await;
        let two = Receive { max: 2, ..AT_ONCE };
        for _ in 0..MANY {
            assert_eq!(queue.receive(two).await.unwrap().len(), 2);
        }
        assert!(queue.receive(two).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_message_that_was_swallowed_at_the_receive_comes_again() {
    run(async |backend: &PostgresBackend| {
        let lane = backend.lane("default");
        lane.send(&[envelope(1)]).await.unwrap();
        let briefly = Receive {
            visibility: Duration::from_secs(1),
            ..AT_ONCE
        };
        let queue = faulty(backend, "drop=1");
        assert!(queue.receive(briefly).await.unwrap().is_empty());

        let again = lane.receive(WAITING).await.unwrap();
        assert_eq!(again[0].receive_count, 2);
    })
    .await;
}

#[tokio::test]
async fn a_message_that_was_swallowed_at_the_send_was_accepted() {
    run(async |backend: &PostgresBackend| {
        let queue = faulty(backend, "drop=1");
        assert!(queue.send(&[envelope(1)]).await.unwrap().is_empty());
        assert!(backend.lane("default").receive(AT_ONCE).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_fails_beside_swallowed_messages_keeps_its_index() {
    run(async |backend: &PostgresBackend| {
        let queue = faulty(backend, "drop=0.5,seed=1");
        let too_long = |number: u128| Envelope {
            delay: MAX_DELAY * u32::from(number % 2 == 1) * 2,
            ..envelope(number)
        };
        let envelopes: Vec<Envelope> = (0..2 * MANY).map(too_long).collect();
        let failures = queue.send(&envelopes).await.unwrap();
        assert!(
            failures.iter().all(|failure| failure.index % 2 == 1),
            "{failures:?}"
        );
        let failed = failures.len() as u128;
        assert!(0 < failed && failed < MANY, "{failures:?}");
    })
    .await;
}

#[tokio::test]
async fn deliveries_are_held_back() {
    run(async |backend: &PostgresBackend| {
        let queue = faulty(backend, "delay=1,delay_ms=1000");
        send_many(&queue, 0).await;
        assert!(queue.receive(AT_ONCE).await.unwrap().is_empty());
        // The queue beneath has nothing to give any more.
        assert!(backend.lane("default").receive(AT_ONCE).await.unwrap().is_empty());

        let mut received = Vec::new();
        while (received.len() as u128) < MANY {
            let deliveries = queue.receive(WAITING).await.unwrap();
            assert!(!deliveries.is_empty());
            received.extend(numbers(&deliveries));
        }
        assert!(!received.is_sorted(), "{received:?}");
        received.sort_unstable();
        assert!(received.into_iter().eq(0..MANY));
    })
    .await;
}

#[tokio::test]
async fn deliveries_come_in_another_order() {
    run(async |backend: &PostgresBackend| {
        // What the queue beneath gives of messages that were sent alike.
        let lane = backend.lane("orderly");
        send_many(&lane, MANY).await;
        let orderly = numbers(&lane.receive(AT_ONCE).await.unwrap());

        let queue = faulty(backend, "reorder=1");
        send_many(&queue, 0).await;
        let mut reordered = numbers(&queue.receive(AT_ONCE).await.unwrap());
        assert!(
            orderly
                .iter()
                .map(|number| number - MANY)
                .ne(reordered.iter().copied())
        );
        reordered.sort_unstable();
        assert!(reordered.into_iter().eq(0..MANY));
    })
    .await;
}
