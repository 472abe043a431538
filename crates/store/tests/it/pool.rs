//! Connections that break while nobody uses them.

use std::time::Duration;

use domain::JobId;
use futures::future::join_all;
use sqlx::{Connection as _, Executor as _};
use store::{Error, Submission};
use testkit::{eventually, new_job};

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
