//! What a request is called.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use domain::RequestId;
use http::HeaderValue;
use http::request::Parts;
use runtime::trace::{Kind, TraceSpan};

use super::observe::method_label;
use super::waited::Waited;
use crate::app::AppState;
use crate::header::traceparent::Traceparent;

const X_REQUEST_ID: &str = "x-request-id";

/// The names of a request, for logs, problems and the jobs that it submits.
#[derive(Clone, Debug)]
pub(crate) struct RequestContext {
    pub(crate) request_id: RequestId,
    /// Where whatever follows from the request belongs.
    pub(crate) traceparent: Traceparent,
    /// The request's span; nothing while no traces are recorded.
    pub(crate) span: TraceSpan,
    /// How long its client has had it wait.
    pub(crate) waited: Waited,
}

impl RequestContext {
    /// The span of a submit, and what follows from the request within it.
    pub(crate) fn submit(&self) -> (TraceSpan, Self) {
        let parent = self.traceparent.as_str();
        let span = TraceSpan::begin(Kind::Producer, Some(parent), || "submit".to_owned());
        span.set("messaging.system", "tandem");
        span.set("messaging.operation.name", "submit");
        span.set("messaging.operation.type", "send");
        let within = Self {
            traceparent: Traceparent::of_span(&span).unwrap_or_else(|| self.traceparent.clone()),
            ..self.clone()
        };
        (span, within)
    }
}

/// Takes the client's request id, if it can be trusted in a log, or makes one; the answer tells it.
pub(crate) async fn name_request(
    State(app): State<AppState>,
    route: Option<MatchedPath>,
    mut request: Request,
    next: Next,
) -> Response {
    let theirs = request
        .headers()
        .get(X_REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    let request_id = theirs
        .and_then(RequestId::parse)
        .unwrap_or_else(|| RequestId::from((app.new_id)()));
    let sent = Traceparent::sent(request.headers());
    let span = span_of(&request, route.as_ref(), sent.as_ref());
    if span.is_recorded() {
        span.set("request.id", request_id.to_string());
    }
    let traceparent = Traceparent::of_span(&span)
        .or(sent)
        .unwrap_or_else(|| Traceparent::fresh(app.new_id));
    let told = HeaderValue::try_from(request_id.as_str()).expect("a request id is visible ASCII");
    request.extensions_mut().insert(RequestContext {
        request_id,
        traceparent,
        span,
        waited: Waited::default(),
    });
    let mut response = next.run(request).await;
    response.headers_mut().insert(X_REQUEST_ID, told);
    response
}

/// The span of a request, by the names that OpenTelemetry gives to what HTTP has. The query is not told, as it may have what
/// is secret; nor is the path of no route, which is whatever a client likes.
fn span_of(request: &Request, route: Option<&MatchedPath>, parent: Option<&Traceparent>) -> TraceSpan {
    let route = route.map(MatchedPath::as_str);
    // Load balancers and scrapers ask every few seconds.
    if route.is_some_and(|route| ["/health", "/ready", "/metrics"].contains(&route)) {
        return TraceSpan::default();
    }
    let method = method_label(request.method());
    let span = TraceSpan::begin(Kind::Server, parent.map(Traceparent::as_str), || {
        route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"))
    });
    if span.is_recorded() {
        span.set("http.request.method", method);
        span.set("url.scheme", "http");
        if let Some(route) = route {
            span.set("http.route", route.to_owned());
            span.set("url.path", request.uri().path().to_owned());
        }
    }
    span
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
