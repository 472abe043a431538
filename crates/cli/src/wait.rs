//! `tandem jobs wait`: a job's end, and what happens on the way.

use std::io::IsTerminal as _;
use std::time::Duration;

use domain::JobState;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use tokio::time::Instant;

use crate::client::Client;
use crate::failure::{ExitStatus, Failure};
use crate::{jobs, output};

/// How long one request waits: short enough that each step shows soon.
const STEP: Duration = Duration::from_secs(1);

pub(crate) async fn run(
    client: &Client,
    id: &str,
    timeout: Option<Duration>,
    json: bool,
) -> Result<ExitStatus, Failure> {
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    let progress = Progress::new();
    let mut told_version = None;
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // The first answer comes at once, so that the person sees where the job stands.
        let step = if told_version.is_none() {
            Duration::ZERO
        } else {
            STEP.min(left.unwrap_or(STEP))
        };
        let job = client.job(id, step).await?;
        if told_version.as_ref() != Some(&job["version"]) {
            progress.tell(&job);
            told_version = Some(job["version"].clone());
        }
        let state: Option<JobState> = job["state"].as_str().and_then(|state| state.parse().ok());
        if state.is_none_or(JobState::is_terminal) {
            progress.clear();
            jobs::print_job(&job, json);
            let succeeded = state == Some(JobState::Succeeded);
            return Ok(if succeeded {
                ExitStatus::Done
            } else {
                ExitStatus::JobNotSucceeded
            });
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            progress.clear();
            output::note("the job has not ended in time");
            jobs::print_job(&job, json);
            return Ok(ExitStatus::TimedOut);
        }
    }
}

/// A spinner for a person, a line per step for a log.
struct Progress(Option<ProgressBar>);

impl Progress {
    fn new() -> Self {
        Self(std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{spinner} {elapsed_precise} {msg}");
            let bar = ProgressBar::new_spinner().with_style(style.expect("the template is valid"));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        }))
    }

    fn tell(&self, job: &Value) {
        let text = |name: &str| job[name].as_str().unwrap_or_default();
        let mut message = text("state").to_owned();
        if job["attempt"].as_u64().is_some_and(|attempt| attempt > 0) {
            message = format!(
                "{message}, attempt {} of {}",
                job["attempts_spent"], job["max_attempts"]
            );
        }
        if message.starts_with("scheduled") {
            message = format!("{message}, due {}", text("run_at"));
        }
        if let Some(error) = job["error"]["message"].as_str() {
            message = format!("{message}: {}", error.lines().next().unwrap_or_default());
        }
        match &self.0 {
            Some(bar) => bar.set_message(message),
            None => output::note(&message),
        }
    }

    fn clear(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
