//! For load balancers, orchestrators and Prometheus. Without authentication: the first two tell nothing that
//! is worth hiding, and whoever exposes the api to the internet keeps `/metrics` behind the load balancer.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use runtime::build;
use runtime::telemetry::MetricsHandle;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::AppState;
use crate::connections;
use crate::readiness::QUEUE;

/// What was looked at, and whether it is fine.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`, `degraded` (it takes requests) or `failing` (it does not).
    status: &'static str,
    /// `ok`, or what is wrong, by what was looked at.
    #[schema(value_type = std::collections::HashMap<String, String>)]
    checks: BTreeMap<&'static str, String>,
    /// The version that answers.
    // Not required, so that clients do not hold its absence against an older api.
    #[schema(required = false)]
    version: &'static str,
    /// The commit that it was built from.
    #[schema(required = false)]
    commit: &'static str,
}

/// Whether the process is alive
///
/// It asks nobody: a database that is down is no reason to restart the process.
#[utoipa::path(
    get, path = "/health", tag = "operations", security(()),
    responses((status = 200, description = "It is.", body = Health)),
)]
pub(crate) async fn health() -> Json<Health> {
    Json(Health {
        status: "ok",
        checks: BTreeMap::new(),
        version: build::VERSION,
        commit: build::COMMIT,
    })
}

/// Whether the process can take requests
///
/// Jobs are accepted also while a queue is down, so that is told, as `degraded`, and no reason to send requests
/// elsewhere.
#[utoipa::path(
    get, path = "/ready", tag = "operations", security(()),
    responses(
        (status = 200, description = "It can.", body = Health),
        (status = 503, description = "It can't now, or is about to stop.", body = Health),
    ),
)]
pub(crate) async fn ready(State(app): State<AppState>) -> (StatusCode, Json<Health>) {
    let checks = app.readiness.checks().await;
    let failed: Vec<&str> = checks
        .iter()
        .filter(|check| check.result.is_err())
        .map(|check| check.name)
        .collect();
    let (code, status) = match failed[..] {
        [] => (StatusCode::OK, "ok"),
        [QUEUE] => (StatusCode::OK, "degraded"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "failing"),
    };
    let told = checks
        .into_iter()
        .map(|check| (check.name, check.result.err().unwrap_or_else(|| "ok".to_owned())));
    (
        code,
        Json(Health {
            status,
            checks: told.collect(),
            version: build::VERSION,
            commit: build::COMMIT,
        }),
    )
}

/// Metrics for Prometheus
#[utoipa::path(
    get, path = "/metrics", tag = "operations", security(()),
    responses(
        (status = 200, description = "All metrics of the process.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn metrics(State(app): State<AppState>) -> Response {
    connections::tell(&app.store);
    (
        [(CONTENT_TYPE, MetricsHandle::CONTENT_TYPE)],
        (app.render_metrics)(),
    )
        .into_response()
}
