//! The server: connections, and how they end.

use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use runtime::Shutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::config::ServerConfig;

/// The pause after a failed accept; the cause, too many open files, does not go away faster.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// The most bytes of a request's head.
const MAX_HEAD_BYTES: usize = 32 << 10;

/// Serves until the process drains: then no connection is taken any more, idle ones are closed, and requests
/// under way may go on for [`ServerConfig::drain`]. What is left then is broken off; jobs that were handed in
/// are still stored.
pub async fn serve(listener: TcpListener, app: Router, config: ServerConfig, shutdown: &Shutdown) {
    let (mut connections, graceful) = (JoinSet::new(), GracefulShutdown::new());
    loop {
        tokio::select! {
            () = shutdown.draining().cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < config.max_connections => match accepted {
                Ok((stream, _)) => {
                    let watcher = graceful.watcher();
                    connections.spawn(connection(stream, app.clone(), watcher, config.head_timeout));
                }
                Err(error) => {
                    tracing::warn!(%error, "can't accept a connection");
                    sleep(ACCEPT_RETRY).await;
                }
            },
        }
    }
    drop(listener);
    if timeout(config.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "the drain limit has passed, breaking off requests"
        );
    }
    connections.shutdown().await;
}

async fn connection(stream: TcpStream, app: Router, watcher: Watcher, head_timeout: Duration) {
    // Answers are small and complete, so there is nothing to wait for.
    drop(stream.set_nodelay(true));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_header_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection broke off");
    }
}
