//! Health checks and metrics over HTTP, for a process that has no API.
//!
//! `GET /health` says whether the process is alive, `GET /ready` whether it can take work, `GET /metrics` is
//! for Prometheus. [`healthcheck`] asks the first of these, for container images without a shell.

mod check;
mod healthcheck;

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::telemetry::MetricsHandle;

pub use check::{Check, Probe, probe};
pub use healthcheck::healthcheck;

/// A connection is closed after this time, whatever its state, so that idle or slow clients can't pile up.
const CONNECTION_LIFETIME: Duration = Duration::from_secs(30);
/// More connections wait in the operating system until others have ended.
const MAX_CONNECTIONS: usize = 64;
/// The pause after a failed accept; the cause, too many open files, does not go away faster.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// What there is to tell.
#[derive(Clone)]
pub struct Ops {
    /// Whether the process works at all; a platform restarts it when a check fails. Only what a restart would
    /// cure.
    pub health: Probe,
    /// Whether it can take work now; red while it drains.
    pub ready: Probe,
    /// What it counted.
    pub metrics: MetricsHandle,
}

impl std::fmt::Debug for Ops {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ops").finish_non_exhaustive()
    }
}

/// Answers until it is dropped. It must outlive the drain, so run it beside `Shutdown::wait_for_tasks`, not
/// as a task.
pub async fn serve(listener: TcpListener, ops: Ops) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(timeout(CONNECTION_LIFETIME, serve_connection(stream, ops.clone())));
                }
                Err(error) => {
                    tracing::warn!(%error, "can't accept a connection");
                    sleep(ACCEPT_RETRY).await;
                }
            },
        }
    }
}

async fn serve_connection(stream: TcpStream, ops: Ops) {
    let service = service_fn(async |request| Ok::<_, Infallible>(answer(&ops, &request).await));
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection broke off");
    }
}

async fn answer(ops: &Ops, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut refusal = problem(StatusCode::METHOD_NOT_ALLOWED);
        refusal
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    match request.uri().path() {
        "/health" => checked(&ops.health).await,
        "/ready" => checked(&ops.ready).await,
        "/metrics" => response(StatusCode::OK, MetricsHandle::CONTENT_TYPE, ops.metrics.render()),
        _ => problem(StatusCode::NOT_FOUND),
    }
}

async fn checked(probe: &Probe) -> Response<Full<Bytes>> {
    let checks = check::run(probe).await;
    let status = if checks.is_ok() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    response(status, "application/json", checks.to_json().to_string())
}

fn problem(status: StatusCode) -> Response<Full<Bytes>> {
    let title = status.canonical_reason();
    let body = serde_json::json!({ "type": "about:blank", "title": title, "status": status.as_u16() });
    response(status, "application/problem+json", body.to_string())
}

fn response(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
