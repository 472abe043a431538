//! What a request is called.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use domain::RequestId;
use http::HeaderValue;
use http::request::Parts;

use crate::app::AppState;
use crate::header::traceparent::Traceparent;

const X_REQUEST_ID: &str = "x-request-id";

/// The names of a request, for logs, problems and the jobs that it submits.
#[derive(Clone, Debug)]
pub(crate) struct RequestContext {
    pub(crate) request_id: RequestId,
    pub(crate) traceparent: Traceparent,
}

/// Takes the client's request id, if it can be trusted in a log, or makes one; the answer tells it.
pub(crate) async fn name_request(State(app): State<AppState>, mut request: Request, next: Next) -> Response {
    let theirs = request
        .headers()
        .get(X_REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    let request_id = theirs
        .and_then(RequestId::parse)
        .unwrap_or_else(|| RequestId::from((app.new_id)()));
    let traceparent = Traceparent::of(request.headers(), app.new_id);
    let told = HeaderValue::try_from(request_id.as_str()).expect("a request id is visible ASCII");
    request.extensions_mut().insert(RequestContext {
        request_id,
        traceparent,
    });
    let mut response = next.run(request).await;
    response.headers_mut().insert(X_REQUEST_ID, told);
    response
}

impl<S: Sync> FromRequestParts<S> for RequestContext {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts
            .extensions
            .get::<Self>()
            .cloned()
            .expect("name_request is the outermost layer"))
    }
}
