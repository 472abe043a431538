//! What the handlers share, and how it is put together.

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use chrono::{DateTime, Utc};
use domain::QueueName;
use queue::Queue;
use queue::postgres::Bell;
use runtime::Shutdown;
use runtime::credential::{KeyEnvironment, KeyHasher};
use store::Store;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::auth::{Authenticator, Keyring};
use crate::body::BodyMemory;
use crate::config::{Config, Limits};
use crate::kinds::Kinds;
use crate::quota::Quotas;
use crate::rate_limit::RateLimits;
use crate::readiness::Readiness;
use crate::submitter::Submitter;
use crate::watch::WatchHub;
use crate::{connections, middleware, router};

/// What the api is made of.
pub struct Parts {
    /// The database as [`store::Role::Api`].
    pub store: Store,
    /// The lanes' queues, which readiness checks.
    pub queues: Vec<Arc<dyn Queue>>,
    /// The lanes that jobs may be submitted to.
    pub lanes: Vec<QueueName>,
    /// Rings lanes when jobs are queued.
    pub bell: Bell,
    /// Compares API keys with what is stored.
    pub hasher: KeyHasher,
    /// Which environment the keys are for that are made here.
    pub key_environment: KeyEnvironment,
    /// Shows the process's metrics in Prometheus' text format.
    pub render_metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Makes version 7 ids, for jobs and requests.
    pub new_id: fn() -> Uuid,
    /// The time now, for judging what clients ask for. Postgres' clock decides what is due.
    pub now: fn() -> DateTime<Utc>,
    /// When the process drains, and where its tasks are spawned.
    pub shutdown: Shutdown,
    /// Limits and timeouts.
    pub config: Config,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// The api.
#[derive(Debug)]
pub struct App;

impl App {
    /// Puts the api together. Its tasks, which commit submits and listen for finished jobs, start here and
    /// end with the shutdown's phases.
    pub fn build(parts: Parts) -> Router {
        let state = AppState::new(parts);
        middleware::around(router::routes(&state), &state)
    }

    /// As [`App::build`], with routes of the caller's own behind the same middleware.
    pub fn build_with(parts: Parts, routes: Router) -> Router {
        let state = AppState::new(parts);
        middleware::around(router::routes(&state).merge(routes), &state)
    }
}

/// What the handlers share. Cloning shares it.
#[derive(Clone)]
pub(crate) struct AppState(Arc<Shared>);

/// See [`AppState`].
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) lanes: Vec<QueueName>,
    pub(crate) bell: Bell,
    pub(crate) submitter: Submitter,
    pub(crate) authenticator: Authenticator,
    pub(crate) keyring: Keyring,
    pub(crate) rate_limits: RateLimits,
    pub(crate) quotas: Quotas,
    pub(crate) kinds: Kinds,
    pub(crate) readiness: Readiness,
    pub(crate) watch: WatchHub,
    pub(crate) body_memory: BodyMemory,
    pub(crate) in_flight: Semaphore,
    /// Whether jobs are announced on queues that are not the outbox itself.
    pub(crate) announcing: bool,
    pub(crate) limits: Limits,
    pub(crate) render_metrics: Arc<dyn Fn() -> String + Send + Sync>,
    pub(crate) new_id: fn() -> Uuid,
    pub(crate) now: fn() -> DateTime<Utc>,
}

impl Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl AppState {
    fn new(parts: Parts) -> Self {
        let Config {
            auth,
            limits,
            submit,
            server: _,
        } = parts.config;
        let store = parts.store;
        connections::keep_telling(store.clone(), &parts.shutdown);
        Self(Arc::new(Shared {
            submitter: Submitter::start(&store, &parts.bell, submit, &parts.shutdown),
            authenticator: Authenticator::new(
                store.clone(),
                parts.hasher.clone(),
                auth.key_cache_ttl,
                parts.shutdown.tasks().clone(),
            ),
            keyring: Keyring::new(parts.key_environment, parts.hasher),
            rate_limits: RateLimits::new(auth.rate_limit),
            quotas: Quotas::new(store.clone(), parts.lanes.clone()),
            kinds: Kinds::new(store.clone(), parts.shutdown.tasks().clone()),
            watch: WatchHub::start(&store, &limits, &parts.shutdown),
            announcing: parts.queues.iter().any(|queue| !queue.is_outbox()),
            readiness: Readiness::new(store.clone(), parts.queues, parts.shutdown),
            body_memory: BodyMemory::new(limits.max_body_memory_bytes),
            in_flight: Semaphore::new(limits.max_in_flight),
            store,
            lanes: parts.lanes,
            bell: parts.bell,
            limits,
            render_metrics: parts.render_metrics,
            new_id: parts.new_id,
            now: parts.now,
        }))
    }
}
