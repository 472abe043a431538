//! Ringing.

use queue::postgres::{Bell, ring};
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::time::timeout;

use super::PATIENCE;
use crate::postgres_backend::{PostgresBackend, run};

async fn next(ear: &mut PgListener) -> String {
    let heard = timeout(PATIENCE, ear.recv())
        .await
        .expect("something is heard")
        .unwrap();
    heard.payload().to_owned()
}

async fn ear(pool: &PgPool) -> PgListener {
    let mut ear = PgListener::connect_with(pool).await.unwrap();
    ear.listen("tandem_outbox").await.unwrap();
    ear
}

#[tokio::test]
async fn one_statement_announces_several_lanes() {
    run(async |backend: &PostgresBackend| {
        let mut ear = ear(&backend.admin).await;
        ring(&backend.pool, &["a".parse().unwrap(), "b".parse().unwrap()])
            .await
            .unwrap();
        ring(&backend.pool, &[]).await.unwrap();
        ring(&backend.pool, &["c".parse().unwrap()]).await.unwrap();
        assert_eq!(
            [next(&mut ear).await, next(&mut ear).await, next(&mut ear).await],
            ["a", "b", "c"]
        );
    })
    .await;
}

#[tokio::test]
async fn rings_are_merged() {
    run(async |backend: &PostgresBackend| {
        let mut ear = ear(&backend.admin).await;
        let bell = Bell::start(backend.pool.clone(), &backend.tasks, backend.stop.clone());
        // The test's thread is the only one, so the bell's task does not run in between.
        for _ in 0..1_000 {
            bell.ring(&"a".parse().unwrap());
            bell.ring(&"b".parse().unwrap());
        }
        assert_eq!([next(&mut ear).await, next(&mut ear).await], ["a", "b"]);
        bell.ring(&"c".parse().unwrap());
        assert_eq!(next(&mut ear).await, "c", "the lanes were announced once each");
    })
    .await;
}

#[tokio::test]
async fn what_was_asked_for_before_the_end_is_rung() {
    run(async |backend: &PostgresBackend| {
        let mut ear = ear(&backend.admin).await;
        let bell = Bell::start(backend.pool.clone(), &backend.tasks, backend.stop.clone());
        bell.ring(&"a".parse().unwrap());
        backend.stop.cancel();
        assert_eq!(next(&mut ear).await, "a");
    })
    .await;
}
