//! Jobs of each kind that does no harm, from submit to end.

use std::collections::BTreeSet;

use client::{Client, JobId, JobState, SubmitJob};
use futures::StreamExt as _;
use futures::stream;
use serde_json::json;
use tokio::time::Instant;

use crate::args::VerifyArgs;

/// How many requests are under way at a time.
const AT_A_TIME: usize = 8;
/// A target that hiccups is not the environment's fault.
const MAX_ATTEMPTS: u32 = 3;

/// Submits jobs of each kind, each of them twice under one key, and waits for their ends.
pub(super) async fn check(client: &Client, args: &VerifyArgs, url: &str) -> Result<(), Vec<String>> {
    let target = args
        .target_url
        .clone()
        .unwrap_or_else(|| format!("{}/health", url.trim_end_matches('/')));
    let kinds = client
        .kinds()
        .await
        .map_err(|error| vec![format!("the kinds of jobs: {error}")])?;
    let live: BTreeSet<&str> = kinds
        .iter()
        .filter(|kind| kind.live)
        .map(|kind| kind.name.as_str())
        .collect();
    // Of what is built in, these change nothing.
    let harmless = [
        ("http.request", json!({ "method": "GET", "url": target })),
        ("test.echo", json!({ "from": "tandem-deploy verify" })),
    ];
    let mut jobs = Vec::new();
    for (kind, payload) in harmless.iter().filter(|(kind, _)| live.contains(kind)) {
        let mut job = SubmitJob::new(*kind, payload).map_err(|error| vec![error.to_string()])?;
        job.max_attempts = Some(MAX_ATTEMPTS);
        job.tags = vec!["verify".to_owned()];
        jobs.extend((0..args.jobs).map(|_| job.clone()));
    }
    if jobs.is_empty() {
        return Err(vec![
            "no worker is there that has a handler for http.request or test.echo".to_owned(),
        ]);
    }
    let deadline = Instant::now() + args.within;
    let submitted = stream::iter(&jobs)
        .map(|job| submit_twice(client, job))
        .buffer_unordered(AT_A_TIME);
    let submitted: Vec<Result<JobId, String>> = submitted.collect().await;
    let mut complaints: Vec<String> = submitted.iter().filter_map(|it| it.clone().err()).collect();
    let ids: BTreeSet<JobId> = submitted.into_iter().flatten().collect();
    if complaints.is_empty() && ids.len() != jobs.len() {
        complaints.push(format!("{} submits gave {} jobs", jobs.len(), ids.len()));
    }
    let ended = stream::iter(ids)
        .map(|id| end(client, id, deadline))
        .buffer_unordered(AT_A_TIME);
    let ended: Vec<Result<(), String>> = ended.collect().await;
    complaints.extend(ended.into_iter().filter_map(Result::err));
    // As many as tell what is wrong.
    complaints.truncate(10);
    if complaints.is_empty() {
        Ok(())
    } else {
        Err(complaints)
    }
}

/// The same key and job are the same job.
async fn submit_twice(client: &Client, job: &SubmitJob) -> Result<JobId, String> {
    let key = format!("verify-{}", runtime::random::id());
    let tell = |error: client::Error| format!("submitting {}: {error}", job.kind);
    let first = client.submit_once(job, &key).await.map_err(tell)?;
    let second = client.submit_once(job, &key).await.map_err(tell)?;
    if first.id == second.id {
        return Ok(first.id);
    }
    Err(format!(
        "submitting {} twice under one key gave two jobs: {} and {}",
        job.kind, first.id, second.id
    ))
}

async fn end(client: &Client, id: JobId, deadline: Instant) -> Result<(), String> {
    let left = deadline.saturating_duration_since(Instant::now());
    let job = client
        .wait(id, left)
        .await
        .map_err(|error| format!("the job {id}: {error}"))?;
    if job.state == JobState::Succeeded {
        return Ok(());
    }
    let why = job
        .error
        .map_or_else(String::new, |error| format!(": {}", error.message));
    if job.finished_at.is_some() {
        return Err(format!(
            "the job {id} of the kind {} is {}{why}",
            job.kind, job.state
        ));
    }
    Err(format!(
        "the job {id} of the kind {} has not ended in time; it is {}{why}",
        job.kind, job.state
    ))
}
