//! No request for ever.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::AppState;
use crate::header::prefer;
use crate::problem::{Problem, ProblemType};

/// Ends a request that takes too long. One that asked to wait for a job's end has that time on top.
pub(crate) async fn limit_time(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let limit = app.limits.request_timeout + prefer::wait(request.headers()).unwrap_or_default();
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_late) => Problem::new(
            ProblemType::TimedOut,
            "It may still take effect: repeat a submit with the same Idempotency-Key.",
        )
        .into_response(),
    }
}
