//! Headers that leave browsers and caches nothing to guess and nothing to try.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderName, HeaderValue};

/// On every answer, whatever its handler says.
const ALWAYS: [(HeaderName, HeaderValue); 6] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    // Browsers heed it where TLS is, which ends at the load balancer.
    (
        STRICT_TRANSPORT_SECURITY,
        HeaderValue::from_static("max-age=31536000"),
    ),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    // What `frame-ancestors` says, for browsers that don't know it.
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=()"),
    ),
    // Nor may a page of somebody else's embed an answer. There are no CORS headers, so none may read one either.
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// For answers that are data: should a browser show one as a page, the page may do nothing.
const DATA: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// For the page at `/docs`: its own files, and requests to this api. No inline scripts or styles; the pictures in its
/// style sheet are `data:` addresses. Its logo brings a style along, which browsers refuse and nobody misses.
const PAGE: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Forbids caches to keep an answer, unless its handler knows better, and browsers whatever an api has no use for.
pub(crate) async fn add_headers(request: Request, next: Next) -> Response {
    let policy = if is_page(request.uri().path()) { PAGE } else { DATA };
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    for (name, value) in ALWAYS {
        headers.insert(name, value);
    }
    response
}

fn is_page(path: &str) -> bool {
    path == "/docs" || path.starts_with("/docs/")
}
