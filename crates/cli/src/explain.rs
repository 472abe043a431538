//! `tandem jobs explain`: why a job is not running.

use client::{Client, Explanation, JobId};

use crate::access;
use crate::failure::{ExitStatus, Failure};
use crate::output;

pub(crate) async fn run(client: &Client, id: JobId, json: bool) -> Result<ExitStatus, Failure> {
    access::show(client.explain(id), json, |explanation| {
        output::line(&format!("{}: {}", explanation.reason, explanation.message));
        for (label, value) in details(explanation) {
            output::line(&format!("  {label}: {value}"));
        }
    })
    .await?;
    Ok(ExitStatus::Done)
}

/// What else there is to know, as far as there is.
fn details(explanation: Explanation) -> Vec<(&'static str, String)> {
    let mut details = Vec::new();
    let expected = explanation.expected_start_at.map(output::time);
    details.extend(expected.map(|at| ("expected to start at", at)));
    if let Some(pause) = explanation.pause {
        details.push(("paused since", output::time(pause.since)));
        details.extend(pause.reason.map(|reason| ("because", reason)));
    }
    if let Some(limit) = explanation.limit {
        let holders: Vec<String> = limit.holders.iter().map(JobId::to_string).collect();
        details.push(("held by", holders.join(", ")));
    }
    if let Some(target) = explanation.target {
        details.push(("next request at", output::time(target.until)));
    }
    if let Some(running) = explanation.running {
        details.push(("worker", running.worker_id.to_string()));
        details.push(("started at", output::time(running.started_at)));
    }
    details
}
