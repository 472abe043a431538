//! Refusing early what could only be answered late.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::AppState;
use crate::problem::{Problem, ProblemType};

/// Lets so many requests in, and no more: a queue of requests in front of a slow database helps nobody, since
/// its clients have given up when their turn comes.
pub(crate) async fn limit_in_flight(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let Ok(_permit) = app.in_flight.try_acquire() else {
        return Problem::new(ProblemType::Overloaded, "Too many requests are under way.").into_response();
    };
    next.run(request).await
}
