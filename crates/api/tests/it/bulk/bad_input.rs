//! Whatever is wrong with a command about many jobs is told exactly.

use super::BULK;
use crate::app::TestApp;
use crate::bad_input::{MALFORMED, at, check};
use crate::logs::{Logs, troubled_nobody};

#[tokio::test]
async fn every_wrong_command_is_told_where_it_is_wrong() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let logs = Logs::capture();
    let command = |action: &str, filter: &str, more: &str| {
        format!("{{\"action\":\"{action}\",\"filter\":{{{filter}}}{more}}}")
    };
    let filter = |text: &str| command("retry", text, "");
    let all = |more: &str| command("cancel", "\"all\":true", more);
    for (body, expected) in [
        ("{".to_owned(), MALFORMED),
        ("[]".to_owned(), at("")),
        ("{}".to_owned(), at("/action")),
        ("{\"action\":\"cancel\"}".to_owned(), at("/filter")),
        (
            "{\"action\":null,\"filter\":{\"all\":true}}".to_owned(),
            at("/action"),
        ),
        (command("delete", "\"all\":true", ""), at("/action")),
        (command("Cancel", "\"all\":true", ""), at("/action")),
        (filter(""), at("/filter")),
        ("{\"action\":\"retry\",\"filter\":null}".to_owned(), at("/filter")),
        ("{\"action\":\"retry\",\"filter\":[]}".to_owned(), at("/filter")),
        (all(",\"force\":true"), at("/force")),
        (all(",\"limit\":0"), at("/limit")),
        (all(",\"limit\":1001"), at("/limit")),
        (all(",\"limit\":-1"), at("/limit")),
        (all(",\"limit\":1.5"), at("/limit")),
        (all(",\"dry_run\":null"), at("/dry_run")),
        (all(",\"dry_run\":1"), at("/dry_run")),
        (filter("\"all\":false"), at("/filter")),
        (filter("\"all\":true,\"kind\":\"k\""), at("/filter/all")),
        (filter("\"job_ids\":[]"), at("/filter/job_ids")),
        (filter("\"state\":\"done\""), at("/filter/state")),
        (filter("\"state\":\"succeeded\""), at("/filter/state")),
        (filter("\"state\":\"running\""), at("/filter/state")),
        (command("cancel", "\"state\":\"failed\"", ""), at("/filter/state")),
        (filter("\"state\":7"), at("/filter/state")),
        (filter("\"kind\":\"K\""), at("/filter/kind")),
        (filter("\"queue\":\"\""), at("/filter/queue")),
        (filter("\"tag\":\"nul\\u0000\""), at("/filter/tag")),
        (filter("\"created_after\":\"soon\""), at("/filter/created_after")),
        (
            filter("\"created_before\":\"1999-02-30T00:00:00Z\""),
            at("/filter/created_before"),
        ),
        (filter("\"finished_before\":7"), at("/filter/finished_before")),
        (
            command("cancel", "\"finished_before\":\"2026-01-01T00:00:00Z\"", ""),
            at("/filter/finished_before"),
        ),
    ] {
        check(&user.post_text(BULK, body).await, &expected);
    }
    let problem = user.post_text(BULK, filter("\"kind\":\"K\",\"tag\":\"\"")).await;
    let problem = problem.problem(422, "invalid_body");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 2, "all at once");
    let long = filter(&format!("\"tag\":\"{}\"", "x".repeat(300_000)));
    user.post_text(BULK, long).await.problem(413, "body_too_large");
    troubled_nobody(&logs);
}
