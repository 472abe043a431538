//! Whatever is wrong with a question or a decision about dead letters is told exactly.

use super::{DISCARD, RETRY};
use crate::app::TestApp;
use crate::bad_input::{MALFORMED, at, check, parameter};
use crate::logs::{Logs, troubled_nobody};

#[tokio::test]
async fn every_wrong_parameter_is_named() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let logs = Logs::capture();
    for (query, name) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("kind=A", "kind"),
        ("queue=%00", "queue"),
        ("tag=a%00", "tag"),
        ("error_code=no_such", "error_code"),
        ("error_code=%00", "error_code"),
        ("fingerprint=%00", "fingerprint"),
        ("failed_after=yesterday", "failed_after"),
        ("failed_before=2026-01-01", "failed_before"),
        ("state=failed", "state"),
        ("job_ids=7", "job_ids"),
    ] {
        for path in ["/api/dead-letters", "/api/dead-letters/groups"] {
            check(&user.get(&format!("{path}?{query}")).await, &parameter(name));
        }
    }
    check(
        &user.get("/api/dead-letters?cursor=x").await,
        &parameter("cursor"),
    );
    check(
        &user.get("/api/dead-letters/groups?cursor=x").await,
        &parameter("cursor"),
    );
    troubled_nobody(&logs);
}

#[tokio::test]
async fn every_wrong_decision_about_dead_letters_is_told_where_it_is_wrong() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let logs = Logs::capture();
    let id = "0190163d-8694-739b-aea5-966c26f8ad91";
    let all = |more: &str| format!("{{\"filter\":{{\"all\":true}}{more}}}");
    let filter = |text: &str| format!("{{\"filter\":{{{text}}}}}");
    let common = [
        ("{".to_owned(), MALFORMED),
        ("{}".to_owned(), at("/filter")),
        (filter(""), at("/filter")),
        ("{\"filter\":null}".to_owned(), at("/filter")),
        ("{\"filter\":[]}".to_owned(), at("/filter")),
        ("{\"job_ids\":[]}".to_owned(), at("/job_ids")),
        (all(",\"force\":true"), at("/force")),
        (all(",\"limit\":0"), at("/limit")),
        (all(",\"limit\":1001"), at("/limit")),
        (all(",\"limit\":-1"), at("/limit")),
        (all(",\"dry_run\":null"), at("/dry_run")),
        (all(",\"dry_run\":\"true\""), at("/dry_run")),
        (filter("\"all\":false"), at("/filter")),
        (filter("\"all\":true,\"kind\":\"k\""), at("/filter/all")),
        (filter("\"state\":\"failed\""), at("/filter/state")),
        (filter("\"kind\":\"K\""), at("/filter/kind")),
        (filter("\"queue\":\"\""), at("/filter/queue")),
        (filter("\"tag\":\"nul\\u0000\""), at("/filter/tag")),
        (filter("\"error_code\":\"oops\""), at("/filter/error_code")),
        (filter("\"fingerprint\":\"x y\""), at("/filter/fingerprint")),
        (filter("\"failed_after\":\"soon\""), at("/filter/failed_after")),
        (filter("\"failed_before\":7"), at("/filter/failed_before")),
        (filter("\"job_ids\":[]"), at("/filter/job_ids")),
        (
            filter(&format!("\"job_ids\":[\"{id}\",\"7\"]")),
            at("/filter/job_ids/1"),
        ),
        (
            filter(&format!(
                "\"job_ids\":[{}\"{id}\"]",
                format!("\"{id}\",").repeat(1_000)
            )),
            at("/filter/job_ids"),
        ),
    ];
    let of_retry = [
        (all(",\"rate_per_second\":0"), at("/rate_per_second")),
        (all(",\"rate_per_second\":-1"), at("/rate_per_second")),
        (all(",\"rate_per_second\":1000.5"), at("/rate_per_second")),
        (all(",\"rate_per_second\":1e-300"), at("/rate_per_second")),
        (all(",\"rate_per_second\":\"NaN\""), at("/rate_per_second")),
        (all(",\"rate_per_second\":NaN"), MALFORMED),
    ];
    for (body, expected) in common.iter().chain(&of_retry) {
        check(&user.post_text(RETRY, body.clone()).await, expected);
    }
    let of_discard = [(all(",\"rate_per_second\":1"), at("/rate_per_second"))];
    for (body, expected) in common.iter().chain(&of_discard) {
        check(&user.post_text(DISCARD, body.clone()).await, expected);
    }
    let problem = user.post_text(DISCARD, filter("\"kind\":\"K\",\"tag\":\"\""));
    let problem = problem.await.problem(422, "invalid_body");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 2, "all at once");
    let long = filter(&format!("\"tag\":\"{}\"", "x".repeat(300_000)));
    user.post_text(RETRY, long).await.problem(413, "body_too_large");
    troubled_nobody(&logs);
}
