//! `faults.jsonl`: what was done to the processes.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::lines;
use crate::record::Fault;

#[derive(Deserialize)]
struct Line {
    at: DateTime<Utc>,
    fault: String,
    process: Option<String>,
    incarnation: Option<u32>,
    /// Of an `exit`; it may also stand in the detail.
    signal: Option<i64>,
    code: Option<i64>,
    detail: Option<Value>,
}

/// Reads one line; the error says what is wrong with it.
pub(super) fn parse(line: &str) -> Result<Fault, String> {
    let line: Line = lines::parse(line)?;
    let in_detail = |name| line.detail.as_ref()?.get(name)?.as_i64();
    Ok(Fault {
        at: line.at,
        signal: line.signal.or_else(|| in_detail("signal")),
        code: line.code.or_else(|| in_detail("code")),
        fault: line.fault,
        host: line
            .process
            .zip(line.incarnation)
            .map(|(process, incarnation)| format!("{process}-i{incarnation}")),
    })
}
