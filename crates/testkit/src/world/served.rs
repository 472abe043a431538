//! The api and the key.

use std::sync::Arc;

use domain::{QueueName, Scope, Scopes, TenantId};
use queue::postgres::Bell;
use runtime::credential::{ApiKey, KeyHasher};
use runtime::{Shutdown, clock, random};
use store::{NewApiKey, Role, Store};
use tokio::net::TcpListener;

use super::Setup;
use crate::TestDb;

/// A key with all scopes.
pub(super) async fn make_key(db: &TestDb, tenant_id: TenantId, hasher: &KeyHasher) -> ApiKey {
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

/// Serves an api, for as long as the test's runtime lives; answers its address.
pub(super) async fn serve(store: Store, hasher: KeyHasher, setup: Setup, shutdown: &Shutdown) -> String {
    let mut config = api::Config::default();
    config.auth.rate_limit = setup.rate_limit;
    config.limits.max_waiting = setup.max_waiting;
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
    format!("http://{addr}")
}
