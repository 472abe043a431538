//! The table of problems, and failures of ours.

use std::collections::HashSet;

use api::ProblemType;
use axum::Router;
use axum::routing::get;

use crate::app::TestApp;
use crate::logs::{Logs, requests};

#[test]
fn the_table_does_not_change_unnoticed() {
    let rows: Vec<String> = ProblemType::ALL
        .iter()
        .map(|kind| {
            format!(
                "{} {} {:?} transient={}",
                kind.status().as_u16(),
                kind.uri(),
                kind.title(),
                kind.is_transient()
            )
        })
        .collect();
    insta::assert_snapshot!(rows.join("\n"));
    let codes: HashSet<&str> = ProblemType::ALL.iter().map(|kind| kind.code()).collect();
    assert_eq!(codes.len(), ProblemType::ALL.len());
}

#[test]
fn every_problem_is_an_error() {
    for kind in ProblemType::ALL {
        assert!(
            kind.status().is_client_error() || kind.status().is_server_error(),
            "{kind:?}"
        );
        // What is transient by its status says when to try again.
        assert_eq!(
            kind.is_transient(),
            matches!(kind.status().as_u16(), 429 | 503) || *kind == ProblemType::IdempotencyInProgress
        );
    }
}

#[tokio::test]
async fn every_type_of_problem_is_described_where_it_leads() {
    let app = TestApp::new().await;
    for kind in ProblemType::ALL {
        let body = app.anon().get(&kind.uri()).await.ok(200);
        assert_eq!(
            (&body["type"], &body["status"]),
            (&kind.uri().into(), &kind.status().as_u16().into())
        );
    }
}

#[tokio::test]
async fn a_problem_is_what_the_rfc_asks_for() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let request = user
        .json_request("/api/jobs")
        .header("x-request-id", "r-1")
        .body("{\"kind\":\"K\"}".into())
        .unwrap();
    let answer = user.send(request).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    insta::assert_json_snapshot!(answer.problem(422, "invalid_body"));
}

#[tokio::test]
async fn a_panic_is_a_problem_without_a_word_about_its_reason() {
    let routes = Router::new().route(
        "/panic",
        get(|| async { panic!("the secret is {}", 42) as &'static str }),
    );
    let app = TestApp::with_routes(|_| {}, routes).await;
    let logs = Logs::capture();
    let answer = app.anon().get("/panic").await;
    answer.problem(500, "internal");
    assert!(
        !answer.text.contains("secret") && !answer.text.contains("panic!"),
        "{answer:?}"
    );

    let [line] = &requests(&logs)[..] else {
        panic!("one request, one line")
    };
    assert_eq!((&line["level"], &line["status"]), (&"ERROR".into(), &500.into()));
    assert_eq!(line["error.chain"], "the handler panicked: the secret is 42");
    // And the process goes on.
    app.anon().get("/health").await.ok(200);
}

#[tokio::test]
async fn a_failed_statement_is_a_problem_without_a_word_about_it() {
    let app = TestApp::new().await;
    let user = app.user().await;
    user.get("/api/jobs").await.ok(200);
    let logs = Logs::capture();
    app.sql("alter table job rename column kind to sort").await;
    let answer = user.get("/api/jobs").await;
    answer.problem(500, "internal");
    assert!(
        !answer.text.contains("column") && !answer.text.contains("kind"),
        "{answer:?}"
    );
    let [line] = &requests(&logs)[..] else {
        panic!("one request, one line")
    };
    assert_eq!(line["level"], "ERROR");
    assert!(line["error.chain"].as_str().unwrap().contains("kind"), "{line}");
}
