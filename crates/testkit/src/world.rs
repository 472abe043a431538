//! An api that listens as in production, with a tenant, a key, and a worker's hands.

mod served;
mod work;

use std::num::NonZeroU32;
use std::time::Duration;

pub use api::RateLimit;
use domain::{JobId, TenantId, WorkerId};
use runtime::credential::{ApiKey, KeyHasher};
use runtime::{Secret, Shutdown, random};
use store::{Role, Store};

use self::served::{make_key, serve};
use crate::TestDb;

/// More than any test asks for.
const PLENTY: NonZeroU32 = NonZeroU32::new(1_000_000).unwrap();

/// An api that listens for as long as the value and the test's runtime live.
#[derive(Debug)]
pub struct World {
    /// Its database.
    pub db: TestDb,
    /// The tenant, which owns the key.
    pub tenant_id: TenantId,
    /// Where the api listens.
    pub url: String,
    /// A key that may everything.
    pub key: ApiKey,
    store: Store,
    worker: Store,
    worker_id: WorkerId,
    shutdown: Shutdown,
}

/// What is special about a world.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Whether the tenant operates the others.
    pub operator: bool,
    /// How many requests the key may make.
    pub rate_limit: RateLimit,
    /// How many requests may wait for the end of a job at once.
    pub max_waiting: usize,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            operator: false,
            rate_limit: RateLimit {
                per_second: PLENTY,
                burst: PLENTY,
            },
            max_waiting: api::Config::default().limits.max_waiting,
        }
    }
}

impl World {
    /// Starts the api, for a tenant that is like any other.
    pub async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    /// Starts the api.
    ///
    /// # Panics
    /// When it can't be started.
    pub async fn with(setup: Setup) -> Self {
        let db = TestDb::create().await;
        let tenant_id = if setup.operator {
            db.operator_tenant().await
        } else {
            db.tenant().await
        };
        let (store, worker) = (db.store(Role::Api).await, db.store(Role::Worker).await);
        let worker_id = random::worker_id();
        let lease = Duration::from_mins(10);
        worker.register_worker(worker_id, "test", lease).await.unwrap();
        let hasher = KeyHasher::new(&Secret::new("a pepper for tests".to_owned()));
        let key = make_key(&db, tenant_id, &hasher).await;
        let shutdown = Shutdown::new();
        let url = serve(store.clone(), hasher, setup, &shutdown).await;
        Self {
            db,
            tenant_id,
            url,
            key,
            store,
            worker,
            worker_id,
            shutdown,
        }
    }

    /// Changes the database behind everybody's back.
    ///
    /// # Panics
    /// When the statement is refused.
    pub async fn sql(&self, statement: &'static str) {
        let mut superuser = self.db.superuser().await;
        sqlx::raw_sql(statement).execute(&mut superuser).await.unwrap();
    }

    /// Jobs that have failed for good, in the order of their ids.
    ///
    /// # Panics
    /// When they can't be made to fail.
    pub async fn dead_letters(&self, count: usize, message: &str) -> Vec<JobId> {
        let ids = self.submit(count).await;
        assert_eq!(self.fail(&ids, message).await, count);
        ids
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.draining().cancel();
    }
}
