//! Listening.

use std::time::Duration;

use queue::postgres::{Wakeups, ring};
use tokio::time::timeout;

use super::PATIENCE;
use crate::postgres_backend::{PostgresBackend, run};

async fn assert_woken(wakeups: &mut Wakeups) {
    timeout(PATIENCE, wakeups.wait())
        .await
        .expect("the lane is announced");
}

async fn assert_asleep(wakeups: &mut Wakeups) {
    assert!(
        timeout(Duration::ZERO, wakeups.wait()).await.is_err(),
        "another lane was announced"
    );
}

#[tokio::test]
async fn a_lane_is_woken_by_its_name_and_all_lanes_by_none() {
    run(async |backend: &PostgresBackend| {
        backend.listener.listening().await;
        let mut first = backend.listener.subscribe(&"first".parse().unwrap());
        let mut second = backend.listener.subscribe(&"second".parse().unwrap());
        ring(&backend.pool, &["first".parse().unwrap()]).await.unwrap();
        assert_woken(&mut first).await;
        assert_asleep(&mut first).await;
        assert_asleep(&mut second).await;
        sqlx::query("select pg_notify('tandem_outbox', '')")
            .execute(&backend.pool)
            .await
            .unwrap();
        assert_woken(&mut first).await;
        assert_woken(&mut second).await;
    })
    .await;
}

#[tokio::test]
async fn an_announcement_between_the_subscription_and_the_wait_is_not_lost() {
    run(async |backend: &PostgresBackend| {
        backend.listener.listening().await;
        let lane = "default".parse().unwrap();
        let (mut early, mut other) = (
            backend.listener.subscribe(&lane),
            backend.listener.subscribe(&lane),
        );
        ring(&backend.pool, &[lane]).await.unwrap();
        // It was heard before the other one began to wait.
        assert_woken(&mut other).await;
        assert_woken(&mut early).await;
    })
    .await;
}

#[tokio::test]
async fn a_lost_connection_is_replaced_and_everybody_woken() {
    run(async |backend: &PostgresBackend| {
        backend.listener.listening().await;
        let mut wakeups = backend.listener.subscribe(&"default".parse().unwrap());
        let killed: i64 = sqlx::query_scalar(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity
             where datname = current_database() and query ilike 'listen %'",
        )
        .fetch_one(&backend.admin)
        .await
        .unwrap();
        assert_eq!(killed, 1, "there is one listening connection");

        assert_woken(&mut wakeups).await;
        timeout(PATIENCE, backend.listener.listening())
            .await
            .expect("it listens again");
        ring(&backend.pool, &["default".parse().unwrap()]).await.unwrap();
        assert_woken(&mut wakeups).await;
    })
    .await;
}

#[tokio::test]
async fn it_stops_when_it_is_told_to() {
    run(async |backend: &PostgresBackend| {
        backend.listener.listening().await;
        backend.stop.cancel();
        backend.tasks.close();
        timeout(PATIENCE, backend.tasks.wait())
            .await
            .expect("the task ends");
    })
    .await;
}
