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

/// Nothing is logged above `info`, and of each request one line.
#[track_caller]
pub(crate) fn troubled_nobody(logs: &Logs) {
    let lines = logs.take();
    assert!(
        lines.iter().any(|line| line["level"] == "INFO"),
        "requests are logged at all"
    );
    for line in &lines {
        assert!(
            !matches!(line["level"].as_str(), Some("WARN" | "ERROR")),
            "{line}"
        );
    }
}
