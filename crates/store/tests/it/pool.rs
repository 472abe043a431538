//! Connections that break while nobody uses them, or as soon as somebody does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::JobId;
use futures::future::join_all;
use sqlx::{Connection as _, Executor as _};
use store::{Error, PoolConfig, Role, Store, Submission};
use testkit::{TestDb, eventually, new_job};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::world::{World, random};

/// As many requests at once as it takes to use every connection of the pool.
const REQUESTS: usize = 20;

#[tokio::test]
async fn connections_that_broke_while_idle_cost_no_request() {
    let world = World::new().await;
    let read = || join_all((0..REQUESTS).map(|_| world.api.job(world.tenant_id, JobId(random()))));
    assert!(read().await.iter().all(Result::is_ok));
    // Within the second in which a connection that was just used is not asked whether it works.
    let end = "select pg_terminate_backend(pid) from pg_stat_activity
               where datname = current_database() and application_name = 'tandem_api'";
    world.sql(end).await;
    let failed: Vec<_> = read().await.into_iter().filter_map(Result::err).collect();
    assert!(failed.is_empty(), "{failed:?}");

    world.sql(end).await;
    let submissions = (0..REQUESTS).map(|_| async {
        let submission = Submission {
            tenant_id: world.tenant_id,
            idempotency: None,
            jobs: vec![new_job()],
        };
        world.api.submit(&[submission]).await.remove(0)
    });
    let failed: Vec<_> = join_all(submissions)
        .await
        .into_iter()
        .filter_map(Result::err)
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
}

#[tokio::test]
async fn a_warm_pool_has_the_connections_that_it_keeps() {
    let world = World::new().await;
    let config = PoolConfig {
        min_connections: 4,
        ..TestDb::pool_config()
    };
    let store = Store::open_url(&world.db.url(), Role::Api, config).await.unwrap();
    store.warm_up().await.unwrap();
    let connections = store.connections();
    assert!(connections.idle + connections.busy >= 4, "{connections:?}");
    store.close().await;
}

#[tokio::test]
async fn who_hangs_up_on_each_connection_is_tried_no_longer_than_a_connection_may_take() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://tandem@{}/tandem", server.local_addr().unwrap());
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        loop {
            let (_call, _) = server.accept().await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            sleep(Duration::from_millis(800)).await;
        }
    });
    let config = PoolConfig {
        max_connections: 1,
        min_connections: 0,
        acquire_timeout: Duration::from_secs(1),
        ..PoolConfig::default()
    };
    let store = Store::open_url(&url, Role::Api, config).await.unwrap();
    let submission = Submission {
        tenant_id: domain::TenantId(random()),
        idempotency: None,
        jobs: vec![new_job()],
    };
    let answer = store.submit(&[submission]).await.remove(0);
    assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    // The second is given up in the middle; each one more would take most of a second more.
    let calls = calls.load(Ordering::SeqCst);
    assert!((0..=2).contains(&calls), "{calls} calls");
}

#[tokio::test]
async fn a_transaction_that_stood_still_for_too_long_may_be_repeated() {
    let world = World::new().await;
    let mut still = world.db.superuser().await;
    still
        .execute("set idle_in_transaction_session_timeout = '50ms'; set application_name = 'still'; begin")
        .await
        .unwrap();
    eventually("its end", Duration::from_secs(30), async || {
        let left = "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'still'";
        let mut superuser = world.db.superuser().await;
        let left: i64 = sqlx::query_scalar(left).fetch_one(&mut superuser).await.unwrap();
        (left == 0).then_some(())
    })
    .await;
    let error = Error::from(still.ping().await.unwrap_err());
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
}
