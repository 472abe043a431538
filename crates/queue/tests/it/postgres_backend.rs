//! A database per test.

use std::panic::AssertUnwindSafe;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures::FutureExt;
use queue::Queue;
use queue::conformance::{Backend, MAX_RECEIVES};
use queue::postgres::{DeadLetters, Listener, PostgresQueue};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What the store's connections have too, as far as it matters here.
const WORKER_OPTIONS: [(&str, &str); 3] = [
    ("role", "tandem_worker"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
];

/// A receiver that hears nothing does not look again by itself while a test runs, so that what comes in time was
/// announced, or was known to become due.
const NEVER: Duration = Duration::from_hours(1);

/// A migrated database with the queue on it.
pub(crate) struct PostgresBackend {
    /// As the database's owner: may do everything.
    pub(crate) admin: PgPool,
    /// As the worker.
    pub(crate) pool: PgPool,
    pub(crate) listener: Listener,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
    queue: PostgresQueue,
    dead_letters: PostgresQueue,
}

impl PostgresBackend {
    fn new(database: &PgConnectOptions) -> Self {
        let pool =
            |options: PgConnectOptions| PgPoolOptions::new().max_connections(8).connect_lazy_with(options);
        let admin = pool(database.clone());
        let pool = pool(database.clone().options(WORKER_OPTIONS));
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let listener = Listener::start(pool.clone(), &tasks, stop.clone());
        let queue = |lane: &str| PostgresQueue::new(pool.clone(), lane.parse().unwrap(), listener.clone());
        let dead = DeadLetters {
            max_receives: MAX_RECEIVES,
            lane: "dead".parse().unwrap(),
        };
        let queue = |lane: &str| queue(lane).with_fallback(NEVER);
        let (queue, dead_letters) = (queue("default").with_dead_letters(dead), queue("dead"));
        Self {
            admin,
            pool,
            listener,
            tasks,
            stop,
            queue,
            dead_letters,
        }
    }

    /// The product's queue, without dead letters.
    pub(crate) fn lane(&self, lane: &str) -> PostgresQueue {
        PostgresQueue::new(self.pool.clone(), lane.parse().unwrap(), self.listener.clone())
    }

    /// The same, on which nothing is found by looking every few seconds.
    pub(crate) fn lane_by_signals(&self, lane: &str) -> PostgresQueue {
        self.lane(lane).with_fallback(NEVER)
    }

    async fn close(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.pool.close().await;
        self.admin.close().await;
    }
}

#[async_trait]
impl Backend for PostgresBackend {
    fn queue(&self) -> &dyn Queue {
        &self.queue
    }

    fn dead_letters(&self) -> &dyn Queue {
        &self.dead_letters
    }

    async fn group_of_the_only_message(&self) -> String {
        sqlx::query_scalar("select tenant_id::text from outbox")
            .fetch_one(&self.admin)
            .await
            .unwrap()
    }
}

/// Runs a test on a database of its own, and drops that also when the test fails.
pub(crate) async fn run(test: impl AsyncFnOnce(&PostgresBackend)) {
    let server = server();
    let mut connection = PgConnection::connect_with(&server)
        .await
        .expect("the test server answers");
    let name = unique_name();
    connection
        .execute(AssertSqlSafe(format!("create database {name}")))
        .await
        .unwrap();

    let outcome = AssertUnwindSafe(async {
        let database = server.database(&name);
        let mut owner = PgConnection::connect_with(&database).await.unwrap();
        sqlx::migrate!("../../migrations").run(&mut owner).await.unwrap();
        let backend = PostgresBackend::new(&database);
        test(&backend).await;
        backend.close().await;
    });
    let outcome = outcome.catch_unwind().await;

    connection
        .execute(AssertSqlSafe(format!("drop database {name} with (force)")))
        .await
        .unwrap();
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// As the conformance suite wants it.
pub(crate) async fn conform(check: impl AsyncFnOnce(&dyn Backend)) {
    run(async |backend: &PostgresBackend| check(backend).await).await;
}

#[expect(
    clippy::disallowed_methods,
    reason = "where the tests' servers are is the one thing they read from outside"
)]
pub(crate) fn server() -> PgConnectOptions {
    let url = std::env::var("TANDEM_TEST_POSTGRES_URL").expect(
        "TANDEM_TEST_POSTGRES_URL must name a Postgres server: run `cargo xtask test`, which starts one",
    );
    PgConnectOptions::from_str(&url).expect("TANDEM_TEST_POSTGRES_URL is a Postgres URL")
}

/// Unlike those of other tests, and of test runs that left something behind.
pub(crate) fn unique_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    format!(
        "queue_{}_{}",
        since_epoch.as_nanos(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}
