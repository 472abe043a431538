//! `tandem jobs explain`: why a job is not running.

use serde_json::Value;

use crate::client::Client;
use crate::failure::{ExitStatus, Failure};
use crate::output::{self, plain};

pub(crate) async fn run(client: &Client, id: &str, json: bool) -> Result<ExitStatus, Failure> {
    let explanation = client.get(&format!("/api/jobs/{id}/explain"), &[]).await?;
    if json {
        output::json(&explanation);
        return Ok(ExitStatus::Done);
    }
    output::line(&format!(
        "{}: {}",
        plain(&explanation["reason"]),
        plain(&explanation["message"])
    ));
    for (label, value) in details(&explanation) {
        output::line(&format!("  {label}: {}", plain(value)));
    }
    Ok(ExitStatus::Done)
}

/// What else there is to know, as far as there is.
fn details(explanation: &Value) -> Vec<(&'static str, &Value)> {
    [
        ("expected to start at", "/expected_start_at"),
        ("paused since", "/pause/since"),
        ("because", "/pause/reason"),
        ("held by", "/limit/holders"),
        ("next request at", "/target/until"),
        ("worker", "/running/worker_id"),
        ("started at", "/running/started_at"),
    ]
    .into_iter()
    .filter_map(|(label, pointer)| {
        let value = explanation.pointer(pointer)?;
        (!value.is_null()).then_some((label, value))
    })
    .collect()
}
