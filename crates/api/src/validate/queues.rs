//! How a lane is paused.

use super::findings::Findings;
use crate::problem::Problem;
use crate::wire::PauseQueue;

const MAX_REASON_CHARS: usize = 500;

/// Whether it is for everyone, and why.
pub(crate) fn pause(body: &PauseQueue) -> Result<(bool, Option<String>), Problem> {
    let mut found = Findings::default();
    let text = body.reason.as_deref();
    let reason = text.and_then(|text| found.read("reason", text, reason));
    found.finish(Some((body.everyone.unwrap_or(false), reason)))
}

fn reason(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() || text.chars().count() > MAX_REASON_CHARS {
        return Err("must have 1 to 500 characters, not only spaces");
    }
    if text.contains(char::is_control) {
        return Err("must have no control characters, such as line breaks");
    }
    Ok(text.to_owned())
}
