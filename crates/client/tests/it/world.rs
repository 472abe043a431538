//! An api and somebody with a key.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use api::RateLimit;
use client::Client;
use domain::{QueueName, Scope, Scopes, TenantId};
use queue::postgres::Bell;
use runtime::credential::{ApiKey, KeyHasher};
use runtime::{Secret, Shutdown, clock, random};
use store::{NewApiKey, Role, Store};
use testkit::TestDb;
use tokio::net::TcpListener;

/// What jobs of this kind do is up to the test.
pub(crate) const KIND: &str = "test.echo";

pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) url: String,
    pub(crate) key: ApiKey,
    pub(crate) db: TestDb,
    shutdown: Shutdown,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::limited(1_000_000, 1_000_000).await
    }

    /// With a rate limit that a test reaches.
    pub(crate) async fn limited(per_second: u32, burst: u32) -> Self {
        let db = TestDb::create().await;
        let tenant_id = db.operator_tenant().await;
        let hasher = KeyHasher::new(&Secret::new("a pepper for tests".to_owned()));
        let key = make_key(&db, tenant_id, &hasher).await;
        let shutdown = Shutdown::new();
        let limit = |limit| NonZeroU32::new(limit).unwrap();
        let rate_limit = RateLimit {
            per_second: limit(per_second),
            burst: limit(burst),
        };
        let store = db.store(Role::Api).await;
        let addr = serve(store, hasher, rate_limit, &shutdown).await;
        let url = format!("http://{addr}");
        let client = Client::new(&url, key.expose()).unwrap();
        Self {
            client,
            url,
            key,
            db,
            shutdown,
        }
    }

    /// Starts a job and ends it with this result, as a worker does.
    pub(crate) async fn run(&self, id: domain::JobId, result: &serde_json::Value) {
        let store = self.db.store(Role::Worker).await;
        let worker_id = random::worker_id();
        let lease = std::time::Duration::from_secs(30);
        store.register_worker(worker_id, "test", lease).await.unwrap();
        let claim = store.claim(worker_id, &[id]).await.unwrap().remove(0);
        let store::Claim::Started(job) = claim else {
            panic!("{claim:?}");
        };
        let result = serde_json::value::to_raw_value(result).unwrap();
        let outcome = domain::Outcome::Succeeded(Some(result));
        let ending = store::Ending {
            finish: domain::Finish::decide(outcome, &job.policy, job.spent, 0.0),
            lease: job.lease,
        };
        store.finish(&[ending]).await.unwrap();
        store.notify_finished(&[id]).await.unwrap();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.draining().cancel();
    }
}

async fn make_key(db: &TestDb, tenant_id: TenantId, hasher: &KeyHasher) -> ApiKey {
    let key = ApiKey::generate(&"test".parse().unwrap());
    let scopes: Scopes = Scope::ALL.into_iter().collect();
    let new = NewApiKey {
        id: key.id(),
        tenant_id,
        user_id: None,
        name: "test",
        secret_hash: &hasher.hash(&key),
        scopes: &scopes,
        expires_at: None,
    };
    db.store(Role::Owner).await.create_api_key(&new).await.unwrap();
    key
}

async fn serve(store: Store, hasher: KeyHasher, rate_limit: RateLimit, shutdown: &Shutdown) -> SocketAddr {
    let mut config = api::Config::default();
    config.auth.rate_limit = rate_limit;
    let (tasks, draining) = (shutdown.tasks(), shutdown.draining().clone());
    let router = api::App::build(api::Parts {
        bell: Bell::start(store.pool().clone(), tasks, draining),
        store,
        queues: Vec::new(),
        lanes: vec![QueueName::default_lane()],
        hasher,
        key_environment: "test".parse().unwrap(),
        render_metrics: Arc::new(String::new),
        new_id: random::id,
        now: clock::now,
        shutdown: shutdown.clone(),
        config,
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let stopping = shutdown.clone();
    tasks.spawn(async move { api::serve(listener, router, config.server, &stopping).await });
    addr
}
