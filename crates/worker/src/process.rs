//! A worker as a whole process: settings from the environment, health checks, drain. A binary with handlers of its own
//! is three lines:
//!
//! ```no_run
//! # use std::process::ExitCode;
//! fn main() -> ExitCode {
//!     worker::process::main(worker::Registry::new())
//! }
//! ```

mod settings;

use std::process::ExitCode;
use std::time::Duration;

use runtime::ops::{self, Ops};
use runtime::shutdown::DrainLimits;
use runtime::telemetry::metrics_handle;
use runtime::{Shutdown, process};
use store::{Role, Store};
use tokio::net::TcpListener;

use self::settings::Settings;
use crate::quiet::quiet_panics;
use crate::service::{self, Service};
use crate::{Config, Registry, Worker};

/// Runs a worker with the built-in handlers and those of `registry`, until SIGTERM. `--help` lists what can be set.
#[must_use]
pub fn main(registry: Registry) -> ExitCode {
    let serve = |settings| serve(settings, registry);
    process::main(
        &settings::PROCESS,
        settings::read,
        |settings| settings.ops_addr,
        serve,
    )
}

async fn serve(
    settings: Settings,
    registry: Registry,
) -> Result<ExitCode, Box<dyn std::error::Error + Send + Sync>> {
    quiet_panics();
    let shutdown = Shutdown::on_signals()?;
    let store = Store::open(settings.database.into_credentials(), Role::Worker, settings.pool).await?;
    let service = Service {
        store: store.clone(),
        lanes: settings.lanes,
        config: settings.config.clone(),
        test_handlers: settings.test_handlers,
        targets: settings.targets,
        breaker: settings.breaker,
        host: settings.host,
    };
    let worker = service.build(registry, &shutdown).await?;
    let ops = Ops {
        health: service::health(),
        ready: service::readiness(worker.handle(), store.clone(), worker.queues(), shutdown.clone()),
        metrics: metrics_handle(),
    };
    let listener = match settings.ops_addr {
        Some(addr) => Some(TcpListener::bind(addr).await?),
        None => None,
    };
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "the worker takes jobs");
    let running = run(worker, &settings.config, settings.drain, &shutdown);
    let code = match listener {
        // It answers until the drain has ended, and ends with it.
        Some(listener) => tokio::select! {
            never = ops::serve(listener, ops) => match never {},
            code = running => code,
        },
        None => running.await,
    };
    store.close().await;
    Ok(code)
}

async fn run(worker: Worker, config: &Config, drain: Duration, shutdown: &Shutdown) -> ExitCode {
    let (drained_told, drained) = tokio::sync::oneshot::channel();
    let for_worker = shutdown.clone();
    shutdown
        .tasks()
        .spawn(async move { drained_told.send(worker.run(for_worker).await) });
    let limits = DrainLimits {
        finish: drain,
        hand_back: config.hand_back + config.stop_grace,
    };
    let drain = shutdown.wait_for_tasks(limits).await;
    match drained.await {
        Ok(drained) if drained.abandoned == 0 => ExitCode::from(u8::try_from(drain.exit_code()).unwrap_or(1)),
        _ => ExitCode::FAILURE,
    }
}
