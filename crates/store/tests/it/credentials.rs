//! A password that changes while the store is in use.

use std::str::FromStr as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};
use store::{CredentialSource, PoolConfig, Role, Store};
use testkit::TestDb;

use crate::world::random;

#[tokio::test]
async fn rotated_credentials_are_read_again_and_no_request_fails() {
    let db = TestDb::create().await;
    let login = format!("login_{}", random().simple());
    let mut superuser = db.superuser().await;
    let make = format!("create role {login} login password 'one' in role tandem_api");
    superuser.execute(AssertSqlSafe(make)).await.unwrap();
    let url = |password: &str| {
        let server = PgConnectOptions::from_str(&db.url()).unwrap();
        let (host, port) = (server.get_host().to_owned(), server.get_port());
        format!(
            "postgres://{login}:{password}@{host}:{port}/{}",
            server.get_database().unwrap()
        )
    };

    let current = Arc::new(Mutex::new(url("one")));
    let reads = Arc::new(AtomicUsize::new(0));
    let (for_source, counted) = (Arc::clone(&current), Arc::clone(&reads));
    let source: CredentialSource = Arc::new(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        let url = for_source.lock().unwrap().clone();
        Box::pin(async move { Ok(url) })
    });
    let config = PoolConfig {
        max_connections: 4,
        min_connections: 0,
        // It is the password that must not be in the way, not a busy machine.
        acquire_timeout: Duration::from_secs(30),
        ..PoolConfig::default()
    };
    let store = Store::open(source, Role::Api, config).await.unwrap();
    assert!(store.authenticate("nobody").await.unwrap().is_none());

    // As a rotation does: the new password is set, the secret says so, and the old connections end.
    superuser
        .execute(AssertSqlSafe(format!("alter role {login} password 'two'")))
        .await
        .unwrap();
    *current.lock().unwrap() = url("two");
    let end = format!("select pg_terminate_backend(pid) from pg_stat_activity where usename = '{login}'");
    superuser.execute(AssertSqlSafe(end)).await.unwrap();
    let old = PgConnectOptions::from_str(&url("one")).unwrap();
    assert!(old.connect().await.is_err(), "the server checks passwords");

    // A connection that was in use a moment ago may have broken; one that has to be made anew may not fail.
    let requests = (0..20).map(|_| store.authenticate("nobody"));
    let answers = futures::future::join_all(requests).await;
    let failed = answers.iter().filter(|answer| answer.is_err()).count();
    assert!(failed <= 1, "{failed} requests failed");
    assert!(store.authenticate("nobody").await.unwrap().is_none());
    assert_eq!(
        reads.load(Ordering::SeqCst),
        2,
        "at start, and once for all that were rejected"
    );

    store.close().await;
    superuser
        .execute(AssertSqlSafe(format!("drop role {login}")))
        .await
        .unwrap();
}
