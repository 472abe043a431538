//! The api and a worker in one process.

use std::num::NonZeroU32;
use std::sync::Arc;

use api::RateLimit;
use domain::BreakerPolicy;
use queue::postgres::Bell;
use runtime::lanes::Lanes;
use runtime::telemetry::metrics_handle;
use runtime::{Shutdown, random};
use store::{PoolConfig, Role, Store};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;
use worker::handlers::Targets;
use worker::service::Service;
use worker::{Registry, Worker};

use crate::admin::Keyring;
use crate::args::DevArgs;
use crate::failure::Failure;

/// Requests per second, and at once.
const DEV_RATE: NonZeroU32 = NonZeroU32::new(10_000).expect("it is not 0");

/// Ready to run.
pub(crate) struct Services {
    app: api::Router,
    api_config: api::Config,
    worker: Worker,
    pub(crate) worker_config: worker::Config,
    pub(crate) stores: [Store; 2],
}

impl Services {
    pub(crate) async fn build(
        database_url: &str,
        keyring: Keyring,
        args: &DevArgs,
        shutdown: &Shutdown,
    ) -> Result<Self, Failure> {
        let api_store = Store::open_url(database_url, Role::Api, PoolConfig::default()).await?;
        let worker_store = Store::open_url(database_url, Role::Worker, PoolConfig::default()).await?;
        let lanes = Lanes::default();
        let worker_config = worker::Config {
            concurrency: args.concurrency,
            ..worker::Config::default()
        };
        let service = Service {
            store: worker_store.clone(),
            lanes: lanes.clone(),
            config: worker_config.clone(),
            test_handlers: true,
            // Whoever tries things out has the receiver on the same machine.
            targets: Targets::Any,
            breaker: BreakerPolicy::default(),
            host: "tandem dev".to_owned(),
        };
        let worker = service.build(Registry::new(), shutdown).await?;
        let metrics = metrics_handle();
        let mut api_config = api::Config::default();
        // Scripts on one's own machine ask more at once than production allows a key by default.
        api_config.auth.rate_limit = RateLimit {
            per_second: DEV_RATE,
            burst: DEV_RATE,
        };
        let app = api::App::build(api::Parts {
            store: api_store.clone(),
            queues: Vec::new(),
            lanes: lanes.names,
            bell: Bell::start(
                api_store.pool().clone(),
                &TaskTracker::new(),
                shutdown.abort().clone(),
            ),
            hasher: keyring.hasher,
            key_environment: keyring.environment,
            render_metrics: Arc::new(move || metrics.render()),
            new_id: random::id,
            now: runtime::clock::now,
            shutdown: shutdown.clone(),
            config: api_config,
        });
        Ok(Self {
            app,
            api_config,
            worker,
            worker_config,
            stores: [api_store, worker_store],
        })
    }

    /// Serves and works until the process drains.
    pub(crate) async fn run(self, listener: TcpListener, shutdown: &Shutdown) {
        // Tracked, so that the drain waits for it and tells it when the time is up.
        let working = shutdown.tasks().spawn(self.worker.run(shutdown.clone()));
        api::serve(listener, self.app, self.api_config.server, shutdown).await;
        if let Err(error) = working.await {
            tracing::error!(%error, "the worker has failed");
        }
    }
}
