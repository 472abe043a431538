//! Ready-made jobs.

use domain::{JobId, NewJob, RetryPolicy};
use serde_json::value::to_raw_value;

/// A job of kind `test.echo` that is due now, with defaults for everything else.
///
/// # Panics
/// Never; the names are valid.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "tests need no repeatable ids")]
pub fn new_job() -> NewJob {
    NewJob {
        id: JobId(uuid::Uuid::now_v7()),
        kind: "test.echo".parse().unwrap(),
        queue: "default".parse().unwrap(),
        payload: to_raw_value(&serde_json::json!({"hello": "world"})).unwrap(),
        policy: RetryPolicy::default(),
        timeout: domain::job::DEFAULT_TIMEOUT,
        run_at: None,
        start_by: None,
        tags: Vec::new(),
        metadata: std::collections::BTreeMap::new(),
        sensitive: Vec::new(),
        unique: None,
        traceparent: None,
        request_id: None,
        fire: None,
    }
}
