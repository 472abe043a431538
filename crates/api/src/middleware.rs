//! What surrounds every handler.

mod context;
mod in_flight;
mod observe;
mod safety;
mod timeout;
mod waited;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;

use crate::app::AppState;
use crate::problem::{self, Problem};

pub(crate) use context::RequestContext;
pub(crate) use in_flight::limit_in_flight;
pub(crate) use observe::record_tenant;
pub(crate) use waited::{Wait, Waited};

/// Puts the router behind everything that every request passes; the outermost comes first. What only some
/// routes need, the limit of requests in flight and authentication, is in the router.
pub(crate) fn around(router: Router, state: &AppState) -> Router {
    router.layer(
        ServiceBuilder::new()
            // Names the request, since everything below tells which one it is about.
            .layer(from_fn_with_state(state.clone(), context::name_request))
            // One line and one count per request, with the status that really leaves.
            .layer(from_fn(observe::observe))
            // Headers that keep browsers and caches from guessing.
            .layer(from_fn(safety::add_headers))
            // Writes the body of every error, also of those that the layers below answer.
            .layer(from_fn(problem::render))
            // A handler that panics must not take its connection with it.
            .layer(CatchPanicLayer::custom(Problem::of_panic))
            // Around authentication and body too, so that nothing holds a request for ever.
            .layer(from_fn_with_state(state.clone(), timeout::limit_time)),
    )
}
