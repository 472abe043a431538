//! What was logged of requests.

use serde_json::Value;
pub(crate) use testkit::Logs;

/// The requests' own lines since the last call.
pub(crate) fn requests(logs: &Logs) -> Vec<Value> {
    logs.take()
        .into_iter()
        .filter(|line| line["target"] == "api::middleware::observe")
        .collect()
}

/// Nothing is logged above `info`, and of each request one line. How slow a statement was on a busy machine, which sqlx
/// tells, does not count.
#[track_caller]
pub(crate) fn troubled_nobody(logs: &Logs) {
    let lines = logs.take();
    assert!(
        lines.iter().any(|line| line["level"] == "INFO"),
        "requests are logged at all"
    );
    let of_sqlx = |line: &&Value| {
        line["target"]
            .as_str()
            .is_some_and(|target| target.starts_with("sqlx::"))
    };
    for line in lines.iter().filter(|line| !of_sqlx(line)) {
        assert!(
            !matches!(line["level"].as_str(), Some("WARN" | "ERROR")),
            "{line}"
        );
    }
}
