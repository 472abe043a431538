//! What is on every answer, whatever it is an answer to.

use std::collections::{BTreeMap, BTreeSet};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{HeaderMap, Method};
use serde_json::json;

use crate::app::{Answer, TestApp, User};

/// Headers that differ from answer to answer, and have tests of their own.
const OF_ITS_OWN: [&str; 15] = [
    "allow",
    "content-encoding",
    "content-length",
    "etag",
    "link",
    "location",
    "preference-applied",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "vary",
    "www-authenticate",
    "x-accel-buffering",
    "x-request-id",
    "connection",
];

async fn send(user: &User<'_>, method: Method, path: &str, body: &'static str) -> Answer {
    let request = user
        .request(method, path)
        .header("content-type", "application/json");
    user.send(request.body(Body::from(body)).unwrap()).await
}

/// The rest of the head, as text.
fn head(headers: &HeaderMap) -> String {
    let mut lines = BTreeSet::new();
    for (name, value) in headers {
        if !OF_ITS_OWN.contains(&name.as_str()) {
            lines.insert(format!("    {name}: {}\n", value.to_str().unwrap()));
        }
    }
    lines.into_iter().collect()
}

/// Every operation of the document: without a key, and with one and nothing or nonsense to say.
async fn answers(app: &TestApp) -> Vec<(String, Answer)> {
    let document = app.anon().get("/openapi.json").await.ok(200);
    let (anon, user, admin) = (app.anon(), app.user().await, app.admin().await);
    let id = user.submit(&json!({ "kind": "k" })).await;
    let mut answers = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let real = path.replace("{id}", &id).replace("{code}", "internal");
            for sender in [&anon, &user, &admin] {
                answers.push((real.clone(), send(sender, method.clone(), &real, "{}").await));
            }
        }
    }
    let more = [
        (Method::GET, "/nothing"),
        (Method::DELETE, "/api/jobs"),
        (Method::OPTIONS, "/api/jobs"),
        (Method::GET, "/api/jobs/7"),
        (Method::GET, "/api/jobs?limit=0"),
        (Method::GET, "/problems/nothing"),
        (Method::GET, "/panic"),
        (Method::GET, "/openapi.json"),
        (Method::GET, "/docs"),
        (Method::GET, "/docs/"),
        (Method::GET, "/docs/index.css"),
        (Method::GET, "/docs/swagger-initializer.js"),
        (Method::GET, "/docs/nothing"),
    ];
    for (method, path) in more {
        answers.push((path.to_owned(), send(&user, method, path, "").await));
    }
    answers
}

#[tokio::test]
async fn every_answer_has_the_headers_that_keep_browsers_from_guessing() {
    let routes = Router::new().route("/panic", get(async || -> () { panic!("for the test") }));
    let app = TestApp::with_routes(|_| {}, routes).await;
    let answers = answers(&app).await;
    assert!(answers.len() > 60, "{}", answers.len());
    // Of the many that are alike only the kinds: a new route is looked at, and changes nothing here.
    let mut by_head: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (path, answer) in &answers {
        let place = if path.starts_with("/docs") {
            "on the page"
        } else {
            "elsewhere"
        };
        let kind = match answer.status.as_u16() {
            200..300 => "what was asked for",
            300..400 => "a redirect",
            _ => "a problem",
        };
        let requests = by_head.entry(head(&answer.headers)).or_default();
        requests.extend([place, kind]);
    }
    let text: Vec<String> = by_head
        .into_iter()
        .map(|(head, requests)| format!("{head}{}\n", requests.into_iter().collect::<Vec<_>>().join(", ")))
        .collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[tokio::test]
async fn nobody_is_told_what_serves_or_allowed_to_read_from_another_origin() {
    let app = TestApp::new().await;
    let user = app.user().await;
    for (method, path) in [
        (Method::GET, "/api/jobs"),
        (Method::OPTIONS, "/api/jobs"),
        (Method::GET, "/docs/"),
    ] {
        let request = user
            .request(method.clone(), path)
            .header("origin", "https://elsewhere.example")
            .header("access-control-request-method", "POST");
        let answer = user.send(request.body(Body::empty()).unwrap()).await;
        for (name, _) in &answer.headers {
            let name = name.as_str();
            assert!(
                name != "server" && name != "x-powered-by",
                "{method} {path}: {name}"
            );
            assert!(!name.starts_with("access-control-"), "{method} {path}: {name}");
        }
    }
}
