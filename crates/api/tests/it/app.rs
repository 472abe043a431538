//! An api with a database of its own, and the people who use it.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use api::{App, Config, Limits, Parts, RateLimit};
use axum::Router;
use domain::{QueueName, Scope, Scopes, TenantId};
use queue::postgres::{Bell, Listener};
use runtime::credential::{ApiKey, KeyHasher};
use runtime::{Secret, Shutdown, clock, random};
use sqlx::{Executor, PgConnection};
use store::{NewApiKey, PoolConfig, Role, Store};
use testkit::{Proxy, TestDb};
use tokio::time::timeout;

pub(crate) use crate::answer::Answer;
pub(crate) use crate::user::User;
use crate::worker::Worker;

/// How long a test waits for what should happen at once.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct TestApp {
    pub(crate) router: Router,
    pub(crate) store: Store,
    pub(crate) shutdown: Shutdown,
    pub(crate) limits: Limits,
    hasher: KeyHasher,
    db: TestDb,
}

impl TestApp {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With other settings than the defaults, or than the rate limit of tests, which nobody reaches.
    pub(crate) async fn with(set: impl FnOnce(&mut Parts)) -> Self {
        Self::with_routes(set, Router::new()).await
    }

    pub(crate) async fn with_routes(set: impl FnOnce(&mut Parts), routes: Router) -> Self {
        let db = TestDb::create().await;
        let mut parts = parts(db.store(Role::Api).await);
        set(&mut parts);
        Self::of(db, parts, routes)
    }

    /// Whose submits soon give up waiting for a lock.
    pub(crate) async fn waiting_for_locks(lock_timeout: Duration) -> Self {
        let db = TestDb::create().await;
        let config = PoolConfig {
            lock_timeout,
            ..TestDb::pool_config()
        };
        let store = Store::open_url(&db.url(), Role::Api, config).await.unwrap();
        Self::of(db, parts(store), Router::new())
    }

    /// With a network to the database that can be broken.
    pub(crate) async fn behind_a_proxy() -> (Self, Proxy) {
        let db = TestDb::create().await;
        let proxy = Proxy::start(&db.url()).await;
        let store = waiting_for(Duration::from_secs(5), &proxy.url(&db.url())).await;
        (Self::of(db, parts(store), Router::new()), proxy)
    }

    pub(crate) fn of(db: TestDb, parts: Parts, routes: Router) -> Self {
        let (store, shutdown, hasher) = (parts.store.clone(), parts.shutdown.clone(), parts.hasher.clone());
        Self {
            limits: parts.config.limits,
            router: App::build_with(parts, routes),
            store,
            shutdown,
            hasher,
            db,
        }
    }

    /// Somebody without a key.
    pub(crate) fn anon(&self) -> User<'_> {
        User {
            router: &self.router,
            key: None,
        }
    }

    /// Somebody with a key of a tenant.
    pub(crate) async fn key(&self, tenant_id: TenantId, scopes: &[Scope]) -> User<'_> {
        self.with_key(self.make_key(tenant_id, scopes, None).await)
    }

    pub(crate) fn with_key(&self, key: ApiKey) -> User<'_> {
        User {
            router: &self.router,
            key: Some(key),
        }
    }

    /// Somebody of a new tenant, who may read and write jobs.
    pub(crate) async fn user(&self) -> User<'_> {
        self.key(self.tenant().await, &[Scope::JobsRead, Scope::JobsWrite])
            .await
    }

    /// Somebody of a new tenant, who may manage its users.
    pub(crate) async fn admin(&self) -> User<'_> {
        self.key(self.tenant().await, &[Scope::Admin]).await
    }

    pub(crate) async fn tenant(&self) -> TenantId {
        self.db.tenant().await
    }

    pub(crate) async fn operator_tenant(&self) -> TenantId {
        self.db.operator_tenant().await
    }

    pub(crate) async fn make_key(
        &self,
        tenant_id: TenantId,
        scopes: &[Scope],
        lifetime: Option<chrono::TimeDelta>,
    ) -> ApiKey {
        let key = ApiKey::generate(&"test".parse().unwrap());
        self.store_key(tenant_id, &key, scopes, lifetime).await;
        key
    }

    pub(crate) async fn store_key(
        &self,
        tenant_id: TenantId,
        key: &ApiKey,
        scopes: &[Scope],
        lifetime: Option<chrono::TimeDelta>,
    ) {
        let scopes: Scopes = scopes.iter().copied().collect();
        let new = NewApiKey {
            id: key.id(),
            tenant_id,
            user_id: None,
            name: "test",
            secret_hash: &self.hasher.hash(key),
            scopes: &scopes,
            expires_at: lifetime.map(|lifetime| clock::now() + lifetime),
        };
        self.owner().await.create_api_key(&new).await.unwrap();
    }

    pub(crate) async fn owner(&self) -> Store {
        self.db.store(Role::Owner).await
    }

    pub(crate) async fn worker(&self) -> Worker {
        Worker::register(self.db.store(Role::Worker).await).await
    }

    /// The number of jobs of all tenants.
    pub(crate) async fn stored_jobs(&self) -> i64 {
        let mut superuser = self.db.superuser().await;
        sqlx::query_scalar("select count(*) from job")
            .fetch_one(&mut superuser)
            .await
            .unwrap()
    }

    pub(crate) async fn terminate(&self, pid: i32) {
        self.signal("select pg_terminate_backend($1)", pid).await;
    }

    /// Ends what a connection does now, and leaves it the connection.
    pub(crate) async fn cancel(&self, pid: i32) {
        self.signal("select pg_cancel_backend($1)", pid).await;
    }

    async fn signal(&self, statement: &'static str, pid: i32) {
        let mut superuser = self.db.superuser().await;
        let sent = sqlx::query(statement).bind(pid).execute(&mut superuser);
        sent.await.unwrap();
    }

    pub(crate) async fn sql(&self, statement: &'static str) {
        let mut superuser = self.db.superuser().await;
        sqlx::raw_sql(statement).execute(&mut superuser).await.unwrap();
    }

    /// Lets nobody store a job until it is released.
    pub(crate) async fn block_submits(&self) -> Blocker {
        let mut connection = self.db.superuser().await;
        connection
            .execute("begin; lock table job in exclusive mode")
            .await
            .unwrap();
        Blocker(connection)
    }

    /// Lets nobody read the kinds until it is released.
    pub(crate) async fn block_kinds(&self) -> Blocker {
        let mut connection = self.db.superuser().await;
        connection
            .execute("begin; lock table kind in access exclusive mode")
            .await
            .unwrap();
        Blocker(connection)
    }

    /// Holds an idempotency key, as a first request does that has not ended.
    pub(crate) async fn hold_key(&self, tenant: TenantId, key: &str) -> Blocker {
        let mut connection = self.db.superuser().await;
        connection.execute("begin").await.unwrap();
        sqlx::query("insert into idempotency values ($1, $2, $3, '{}', now() + interval '1 hour')")
            .bind(tenant.0)
            .bind(key)
            .bind(vec![0_u8; 32])
            .execute(&mut connection)
            .await
            .unwrap();
        Blocker(connection)
    }

    /// Waits until so many transactions wait for the blocker.
    pub(crate) async fn submits_are_blocked(&self, transactions: usize) {
        let mut superuser = self.db.superuser().await;
        let waiting = async {
            while wait_for_locks(&mut superuser).await.len() < transactions {
                tokio::task::yield_now().await;
            }
        };
        timeout(SOON, waiting)
            .await
            .expect("so many wait for the blocker");
    }

    /// The connections whose transactions wait for somebody else's.
    pub(crate) async fn wait_for_locks(&self) -> Vec<i32> {
        wait_for_locks(&mut self.db.superuser().await).await
    }

    /// The connections that listen for ended jobs.
    pub(crate) async fn listener_pids(&self) -> Vec<i32> {
        let mut superuser = self.db.superuser().await;
        let listening = "select pid from pg_stat_activity
             where datname = current_database() and query = 'LISTEN \"tandem_finished\"'";
        sqlx::query_scalar(listening)
            .fetch_all(&mut superuser)
            .await
            .unwrap()
    }

    /// The connections to the database that the api has, those outside of its pool included.
    pub(crate) async fn api_connections(&self) -> i64 {
        let mut superuser = self.db.superuser().await;
        let count = "select count(*) from pg_stat_activity
             where datname = current_database() and application_name = 'tandem_api'";
        sqlx::query_scalar(count).fetch_one(&mut superuser).await.unwrap()
    }

    /// How many transactions stored jobs.
    pub(crate) async fn submit_transactions(&self) -> i64 {
        let mut superuser = self.db.superuser().await;
        let count = sqlx::query_scalar("select count(distinct xmin::text) from job");
        count.fetch_one(&mut superuser).await.unwrap()
    }

    /// Hears the doorbells.
    pub(crate) async fn listener(&self) -> Listener {
        let listener = Listener::start(
            self.store.pool().clone(),
            self.shutdown.tasks(),
            self.shutdown.draining().clone(),
        );
        listener.listening().await;
        listener
    }
}

/// A transaction that keeps others from storing jobs.
pub(crate) struct Blocker(PgConnection);

impl Blocker {
    pub(crate) async fn release(mut self) {
        self.0.execute("commit").await.unwrap();
    }

    /// Ends as if it had never been.
    pub(crate) async fn give_up(mut self) {
        self.0.execute("rollback").await.unwrap();
    }
}

/// Everything but the routes, for this store.
pub(crate) fn parts(store: Store) -> Parts {
    let shutdown = Shutdown::new();
    let mut config = Config::default();
    let plenty = NonZeroU32::new(1_000_000).unwrap();
    // Who waits in the line waits for the test, however busy the machine is.
    config.submit.patience = SOON;
    config.auth.rate_limit = RateLimit {
        per_second: plenty,
        burst: plenty,
    };
    Parts {
        bell: Bell::start(
            store.pool().clone(),
            shutdown.tasks(),
            shutdown.draining().clone(),
        ),
        store,
        queues: Vec::new(),
        lanes: vec![QueueName::default_lane(), "slow".parse().unwrap()],
        hasher: KeyHasher::new(&Secret::new("a pepper for tests".to_owned())),
        key_environment: "test".parse().unwrap(),
        render_metrics: Arc::new(|| "tandem_up 1\n".to_owned()),
        new_id: random::id,
        now: clock::now,
        shutdown,
        config,
    }
}

async fn wait_for_locks(superuser: &mut PgConnection) -> Vec<i32> {
    // Other tests have databases of their own on the same server. The lock of a transaction belongs to no database, so
    // the connection is asked for its own.
    let waiting = "select distinct pid from pg_locks join pg_stat_activity using (pid)
         where not granted and datname = current_database()";
    sqlx::query_scalar(waiting).fetch_all(superuser).await.unwrap()
}

/// A store that does not wait long for its database.
pub(crate) async fn impatient(url: &str) -> Store {
    waiting_for(Duration::from_millis(500), url).await
}

async fn waiting_for(acquire_timeout: Duration, url: &str) -> Store {
    let config = PoolConfig {
        acquire_timeout,
        ..TestDb::pool_config()
    };
    Store::open_url(url, Role::Api, config).await.unwrap()
}
