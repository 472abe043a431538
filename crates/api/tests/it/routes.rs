//! Paths and methods that are not there, and the names of requests.

use axum::body::Body;
use http::Request;

use crate::app::TestApp;
use crate::logs::{Logs, troubled_nobody};

#[tokio::test]
async fn unknown_routes_and_methods_are_told() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let logs = Logs::capture();
    for path in [
        "/",
        "/api",
        "/api/job",
        "/api/jobs/",
        "/api/jobs/a/b/c",
        "/api/dead-letters/",
        "/api/dead-letters/0190163d-8694-739b-aea5-966c26f8ad91",
        "/api/users/",
        "/api/users/7/keys",
        "/docs/nothing",
        "/problems/nothing",
    ] {
        let problem = user.get(path).await.problem(404, "not_found");
        assert_eq!(problem["instance"], path);
    }
    for (method, path, allowed) in [
        ("DELETE", "/api/jobs", &["GET", "HEAD", "POST"][..]),
        ("GET", "/api/jobs/batch", &["POST"]),
        ("POST", "/api/dead-letters", &["GET", "HEAD"]),
        ("GET", "/api/dead-letters/retry", &["POST"]),
        ("DELETE", "/api/dead-letters/discard", &["POST"]),
        ("DELETE", "/api/users", &["GET", "HEAD", "POST"]),
        ("PATCH", "/api/users/7", &["GET", "HEAD"]),
        ("POST", "/health", &["GET", "HEAD"]),
        (
            "FOO",
            "/api/jobs/0190163d-8694-739b-aea5-966c26f8ad91",
            &["GET", "HEAD"],
        ),
    ] {
        let request = user
            .request(method.parse().unwrap(), path)
            .body(Body::empty())
            .unwrap();
        let answer = user.send(request).await;
        answer.problem(405, "method_not_allowed");
        let mut allow: Vec<&str> = answer.header("allow").split(',').map(str::trim).collect();
        allow.sort_unstable();
        assert_eq!(allow, allowed, "{method} {path}");
    }
    troubled_nobody(&logs);
}

#[tokio::test]
async fn request_ids_are_taken_if_they_are_safe_to_log() {
    let app = TestApp::new().await;
    let send = async |id: &str| {
        let request = Request::get("/health")
            .header("x-request-id", id)
            .body(Body::empty())
            .unwrap();
        app.anon().send(request).await.header("x-request-id").to_owned()
    };
    assert_eq!(send("order-17/a").await, "order-17/a");
    for unsafe_id in ["", "two words", "é", &"x".repeat(129)] {
        let made = send(unsafe_id).await;
        assert!(made.len() == 36 && made != unsafe_id, "{made}");
    }
}
