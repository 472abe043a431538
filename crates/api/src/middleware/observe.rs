//! One log line and one count per request.

use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::{Method, StatusCode};
use runtime::metric;
use runtime::trace::TraceSpan;
use tracing::field::{Empty, display};
use tracing::{Instrument, Span};

use super::RequestContext;
use super::waited::Waited;
use crate::problem::Cause;

/// Opens the request's span, within which everything about it is logged, and tells how it ended.
pub(crate) async fn observe(
    context: RequestContext,
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    // Never the path itself: clients choose it, and a metric must not have a series for each job.
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str).to_owned();
    let method = method_label(request.method());
    let span = tracing::info_span!(
        "request",
        request.id = %context.request_id,
        trace.id = context.traceparent.trace_id(),
        span.id = context.span.id(),
        tenant.id = Empty,
        http.method = method,
        http.route = route,
        url.path = request.uri().path(),
    );
    let mut ending = Ending {
        span: span.clone(),
        trace: context.span,
        waited: context.waited,
        started: Instant::now(),
        method,
        route,
        answered: false,
    };
    let response = next.run(request).instrument(span).await;
    ending.answered(&response);
    response
}

/// Adds the tenant to the request's spans, once it is known.
pub(crate) fn record_tenant(tenant_id: domain::TenantId, context: &RequestContext) {
    Span::current().record("tenant.id", display(tenant_id));
    if context.span.is_recorded() {
        context.span.set("tenant.id", tenant_id.to_string());
    }
}

/// Tells how a request ended, also when its client left and the handler was dropped.
struct Ending {
    span: Span,
    trace: TraceSpan,
    waited: Waited,
    started: Instant,
    method: &'static str,
    route: String,
    answered: bool,
}

impl Ending {
    fn answered(&mut self, response: &Response) {
        self.answered = true;
        let (status, elapsed) = (response.status(), self.started.elapsed());
        let (route, method) = (self.route.clone(), self.method);
        metric::HTTP_REQUESTS
            .with([route.clone().into(), method.into(), status_label(status)])
            .increment(1);
        let operation = operation(method, &route);
        metric::HTTP_REQUEST_DURATION
            .with([route.into(), method.into(), operation.into()])
            .record(elapsed.saturating_sub(self.waited.total()).as_secs_f64());

        let cause = response.extensions().get::<Cause>().map(|Cause(cause)| &**cause);
        let (status, duration_ms) = (status.as_u16(), self.duration_ms());
        let waited_ms = self.waited_ms();
        self.trace.set("http.response.status_code", i64::from(status));
        if status >= 500 {
            self.trace.fail("server_error");
        }
        self.trace.end();
        let _entered = self.span.enter();
        match status {
            // Somebody has to mend it.
            500 => tracing::error!(
                status,
                duration_ms,
                waited_ms,
                error.chain = cause,
                "request failed"
            ),
            // Clients try again; that it goes on is for an alarm to notice.
            501.. => tracing::warn!(
                status,
                duration_ms,
                waited_ms,
                error.chain = cause,
                "request refused for now"
            ),
            // Load balancers and scrapers ask every few seconds.
            _ if ["/health", "/ready", "/metrics"].contains(&&*self.route) => {
                tracing::debug!(status, duration_ms, "request answered")
            }
            _ => tracing::info!(
                status,
                duration_ms,
                waited_ms,
                error.chain = cause,
                "request answered"
            ),
        }
    }

    fn duration_ms(&self) -> f64 {
        milliseconds(self.started.elapsed())
    }

    /// How much of it was the client's, where it asked to wait.
    fn waited_ms(&self) -> Option<f64> {
        let waited = self.waited.total();
        (!waited.is_zero()).then(|| milliseconds(waited))
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if !self.answered {
            let (duration_ms, waited_ms) = (self.duration_ms(), self.waited_ms());
            self.trace.fail("client_left");
            self.trace.end();
            self.span
                .in_scope(|| tracing::info!(duration_ms, waited_ms, "the client left before the answer"));
        }
    }
}

fn milliseconds(time: Duration) -> f64 {
    // Microseconds are fine enough.
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// What a request is about, for those who pay for each series: they promise something about submits, and nothing about
/// what changes as many jobs as a client likes.
fn operation(method: &str, route: &str) -> &'static str {
    match (method, route) {
        ("GET" | "HEAD" | "OPTIONS", _) => "read",
        ("POST", "/api/jobs" | "/api/jobs/batch") => "submit",
        _ => "change",
    }
}

/// Clients can make up methods, so only those that exist have a series.
pub(super) fn method_label(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT",
    ];
    KNOWN.into_iter().find(|known| method == known).unwrap_or("other")
}

fn status_label(status: StatusCode) -> metric::SharedString {
    status.as_u16().to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_makes_jobs_is_a_submit() {
        for (method, route, expected) in [
            ("POST", "/api/jobs", "submit"),
            ("POST", "/api/jobs/batch", "submit"),
            ("POST", "/api/jobs/bulk", "change"),
            ("POST", "/api/jobs/{id}/cancel", "change"),
            ("PUT", "/api/schedules/{name}", "change"),
            ("POST", "unmatched", "change"),
            ("GET", "/api/jobs", "read"),
            ("HEAD", "/api/jobs/{id}", "read"),
        ] {
            assert_eq!(operation(method, route), expected, "{method} {route}");
        }
    }
}
