//! `tandem jobs wait`: a job's end, and what happens on the way.

use std::io::IsTerminal as _;
use std::time::Duration;

use client::{Client, Job, JobId, JobState};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::{Instant, sleep_until};

use crate::failure::{ExitStatus, Failure};
use crate::{jobs, output};

/// How long one request waits: short enough that each step shows soon.
const STEP: Duration = Duration::from_secs(1);

pub(crate) async fn run(
    client: &Client,
    id: JobId,
    timeout: Option<Duration>,
    json: bool,
) -> Result<ExitStatus, Failure> {
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    let mut progress = Progress::new();
    // The first answer comes at once, so that the person sees where the job stands.
    let mut step = Duration::ZERO;
    loop {
        let asked = Instant::now();
        let written = client.job_at_end(id, step).verbatim().await?;
        let job: Job = serde_json::from_str(written.get())?;
        let over = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if !job.has_ended() && !over {
            progress.tell(where_it_stands(&job));
            // A round is over sooner when the api has no place to wait in, or drains.
            sleep_until(asked + step).await;
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            step = STEP.min(left.unwrap_or(STEP));
            continue;
        }
        progress.clear();
        if !job.has_ended() {
            output::note("the job has not ended in time");
        }
        if json {
            output::json(&written);
        } else {
            jobs::print_line(&job.id, &job.state);
        }
        return Ok(match job.has_ended() {
            true if job.state == JobState::Succeeded => ExitStatus::Done,
            true => ExitStatus::JobNotSucceeded,
            false => ExitStatus::TimedOut,
        });
    }
}

fn where_it_stands(job: &Job) -> String {
    let mut message = job.state.to_string();
    if job.attempt > 0 {
        message = format!(
            "{message}, attempt {} of {}",
            job.attempts_spent, job.max_attempts
        );
    }
    if job.state == JobState::Scheduled {
        message = format!("{message}, due {}", output::time(job.run_at));
    }
    if let Some(error) = &job.error {
        message = format!("{message}: {}", error.message.lines().next().unwrap_or_default());
    }
    message
}

/// A spinner for a person, a line per step for a log.
struct Progress {
    bar: Option<ProgressBar>,
    told: String,
}

impl Progress {
    fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{spinner} {elapsed_precise} {msg}");
            let bar = ProgressBar::new_spinner().with_style(style.expect("the template is valid"));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self {
            bar,
            told: String::new(),
        }
    }

    /// Says it, unless it was said last.
    fn tell(&mut self, message: String) {
        if self.told == message {
            return;
        }
        match &self.bar {
            Some(bar) => bar.set_message(message.clone()),
            None => output::note(&message),
        }
        self.told = message;
    }

    fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
