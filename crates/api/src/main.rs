//! The `api` process: `api` serves, `api healthcheck` asks a serving one whether it lives, `api --help` lists what can
//! be set.

mod settings;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use queue::Queue;
use queue::postgres::Bell;
use queue::sqs::{self, SqsQueue};
use runtime::lanes::{Backend, Lanes};
use runtime::shutdown::DrainLimits;
use runtime::telemetry::metrics_handle;
use runtime::{Shutdown, random};
use store::{Role, Store};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::settings::Settings;

fn main() -> ExitCode {
    runtime::process::main(
        &settings::PROCESS,
        settings::read,
        |settings| Some(settings.addr),
        serve,
    )
}

async fn serve(settings: Settings) -> Result<ExitCode, Box<dyn std::error::Error + Send + Sync>> {
    let shutdown = Shutdown::on_signals()?;
    let store = Store::open(settings.database.into_credentials(), Role::Api, settings.pool).await?;
    let listener = TcpListener::bind(settings.addr).await?;
    announce(settings.addr);
    let metrics = metrics_handle();
    let app = api::App::build(api::Parts {
        // Rings until the end, so nobody waits for its task.
        bell: Bell::start(
            store.pool().clone(),
            &TaskTracker::new(),
            shutdown.abort().clone(),
        ),
        queues: queues(&settings.lanes).await,
        lanes: settings.lanes.names,
        store: store.clone(),
        hasher: settings.hasher,
        key_environment: settings.key_environment,
        render_metrics: Arc::new(move || metrics.render()),
        new_id: random::id,
        now: runtime::clock::now,
        shutdown: shutdown.clone(),
        config: settings.config,
    });
    let limits = DrainLimits {
        finish: settings.config.server.drain,
        hand_back: settings.config.limits.request_timeout,
    };
    let serving = api::serve(listener, app, settings.config.server, &shutdown);
    let (drain, ()) = tokio::join!(shutdown.wait_for_tasks(limits), serving);
    store.close().await;
    Ok(ExitCode::from(u8::try_from(drain.exit_code()).unwrap_or(1)))
}

/// The queues that readiness checks. On Postgres that is the database itself, which is checked anyway.
async fn queues(lanes: &Lanes) -> Vec<Arc<dyn Queue>> {
    let Backend::Sqs(urls) = &lanes.backend else {
        return Vec::new();
    };
    let client = sqs::client().await;
    urls.values()
        .map(|url| Arc::new(SqsQueue::new(&client, url.as_str())) as Arc<dyn Queue>)
        .collect()
}

fn announce(addr: SocketAddr) {
    tracing::info!(%addr, version = env!("CARGO_PKG_VERSION"), "the api serves");
}
