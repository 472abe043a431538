//! A job has one row, which is rewritten and comes back under the same key.

use std::time::Duration;

use queue::postgres::{Listener, PostgresQueue};
use queue::{Delivery, EntryFailure, Envelope, Error, Queue, Receipt};
use sqlx::postgres::PgPoolOptions;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{AT_ONCE, envelope, insert, message};
use crate::postgres_backend::{PostgresBackend, run, server};

async fn one(queue: &dyn Queue) -> Delivery {
    queue.receive(AT_ONCE).await.unwrap().remove(0)
}

fn assert_one_stale(failures: &[EntryFailure]) {
    assert!(
        matches!(
            failures,
            [EntryFailure {
                index: 0,
                error: Error::StaleReceipt
            }]
        ),
        "{failures:?}"
    );
}

#[tokio::test]
async fn sending_again_makes_a_new_message_of_the_row() {
    run(async |backend: &PostgresBackend| {
        let queue = backend.lane("default");
        assert!(queue.send(&[envelope()]).await.unwrap().is_empty());
        let old = one(&queue).await;
        assert!(queue.send(&[envelope()]).await.unwrap().is_empty());
        assert_one_stale(&queue.delete(std::slice::from_ref(&old.receipt)).await.unwrap());

        let new = one(&queue).await;
        assert_eq!((new.receive_count, &new.message), (1, &old.message));
        assert_one_stale(&queue.delete(&[old.receipt]).await.unwrap());
        assert!(queue.delete(&[new.receipt]).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn sending_again_later_hides_it_first() {
    run(async |backend: &PostgresBackend| {
        let queue = backend.lane("default");
        let delayed = Envelope {
            delay: Duration::from_secs(60),
            ..envelope()
        };
        assert!(queue.send(&[envelope(), delayed]).await.unwrap().is_empty());
        assert!(
            queue.receive(AT_ONCE).await.unwrap().is_empty(),
            "the last entry of a job counts"
        );
        assert!(queue.send(&[envelope()]).await.unwrap().is_empty());
        assert_eq!(one(&queue).await.message, Ok(message()));
    })
    .await;
}

#[tokio::test]
async fn a_job_that_was_queued_again_is_safe_from_older_receipts() {
    run(async |backend: &PostgresBackend| {
        let queue = backend.lane("default");
        insert(backend, "default").await;
        let old = one(&queue).await;
        // A claim, and then a retry.
        sqlx::query("delete from outbox")
            .execute(&backend.admin)
            .await
            .unwrap();
        insert(backend, "default").await;
        let new = one(&queue).await;
        assert_eq!(new.receive_count, old.receive_count);
        assert_one_stale(
            &queue
                .extend(std::slice::from_ref(&old.receipt), Duration::ZERO)
                .await
                .unwrap(),
        );
        assert_one_stale(&queue.delete(&[old.receipt]).await.unwrap());
        assert!(queue.delete(&[new.receipt]).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_receipt_of_another_backend_is_stale() {
    run(async |backend: &PostgresBackend| {
        let foreign = [Receipt("AQEBwOHJSw==".to_owned())];
        assert_one_stale(&backend.lane("default").delete(&foreign).await.unwrap());
        assert_one_stale(
            &backend
                .lane("default")
                .extend(&foreign, Duration::ZERO)
                .await
                .unwrap(),
        );
    })
    .await;
}

#[tokio::test]
async fn a_missing_outbox_is_a_refusal_and_a_missing_server_is_not() {
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let queue = |options| {
        let pool = PgPoolOptions::new()
            .acquire_timeout(Duration::from_secs(5))
            .connect_lazy_with(options);
        stop.cancel();
        let listener = Listener::start(pool.clone(), &tasks, stop.clone());
        PostgresQueue::new(pool, "default".parse().unwrap(), listener)
    };
    assert!(matches!(queue(server()).check().await, Err(Error::Rejected(_))));

    // Nothing listens on the port of a listener that is gone.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let gone = queue(server().port(port));
    assert!(matches!(gone.check().await, Err(Error::Unavailable(_))));
    assert!(matches!(
        gone.send(&[envelope()]).await,
        Err(Error::Unavailable(_))
    ));
    assert!(matches!(gone.receive(AT_ONCE).await, Err(Error::Unavailable(_))));
}
