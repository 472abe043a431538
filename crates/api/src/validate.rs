//! From what a client sent to a job that can be stored: every rule, and all that breaks one, told at once.

mod findings;

use std::ops::RangeInclusive;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Backoff, JobId, NewJob, QueueName, RetryPolicy, Tag};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::body::Document;
use crate::json::Object;
use crate::middleware::RequestContext;
use crate::problem::Problem;
use crate::wire::{SubmitBackoff, SubmitBatch, SubmitJob};

use findings::Findings;

const MAX_BATCH: usize = 1_000;
const MAX_TAGS: usize = 20;
const TIMEOUT_MS: RangeInclusive<u64> = 1_000..=86_400_000;
const BACKOFF_INITIAL_MS: RangeInclusive<u64> = 1..=86_400_000;
const BACKOFF_MAX_MS: RangeInclusive<u64> = 1..=604_800_000;
const BACKOFF_FACTOR: RangeInclusive<f64> = 1.0..=10.0;
const MAX_DAYS_AHEAD: i64 = 366;
const DELAY_MS: RangeInclusive<u64> = 0..=31_622_400_000;

/// What the rules need to know besides the body.
pub(crate) struct Rules<'a> {
    pub(crate) lanes: &'a [QueueName],
    pub(crate) context: &'a RequestContext,
    pub(crate) now: DateTime<Utc>,
    pub(crate) new_id: fn() -> Uuid,
}

impl Rules<'_> {
    /// One job.
    pub(crate) fn job(&self, body: SubmitJob) -> Result<Vec<NewJob>, Problem> {
        let mut findings = Findings::default();
        let job = self.check(body, &mut findings);
        findings.finish(job.map(|job| vec![job]))
    }

    /// All jobs of a batch, or what is wrong with any of them.
    pub(crate) fn batch(&self, body: SubmitBatch) -> Result<Vec<NewJob>, Problem> {
        let mut findings = Findings::default();
        if !(1..=MAX_BATCH).contains(&body.jobs.len()) {
            findings.add("jobs", "out_of_range", format!("must have 1 to {MAX_BATCH} jobs"));
        }
        let mut jobs = Vec::with_capacity(body.jobs.len());
        for (index, Object(job)) in body.jobs.into_iter().take(MAX_BATCH).enumerate() {
            findings.enter(format!("/jobs/{index}"));
            jobs.extend(self.check(job, &mut findings));
        }
        findings.finish(Some(jobs))
    }

    /// `None` when something is wrong, which is in the findings then. All fields are looked at before any is
    /// used.
    fn check(&self, body: SubmitJob, found: &mut Findings) -> Option<NewJob> {
        let kind = found.parse("kind", &body.kind);
        let queue = self.queue(body.queue.as_deref(), found);
        let payload = payload(body.payload, found);
        let max_attempts = found.in_range(
            "max_attempts",
            body.max_attempts,
            1..=u64::from(RetryPolicy::LIMIT_MAX_ATTEMPTS),
            u64::from(RetryPolicy::DEFAULT_MAX_ATTEMPTS),
        );
        let backoff = backoff(body.backoff, found);
        let timeout = found.in_range("timeout_ms", body.timeout_ms, TIMEOUT_MS, default_timeout_ms());
        let run_at = self.run_at(body.run_at.as_deref(), body.delay_ms, found);
        let start_by = self.start_by(body.start_by.as_deref(), run_at, found);
        let tags = tags(&body.tags.unwrap_or_default(), found);
        Some(NewJob {
            id: JobId((self.new_id)()),
            kind: kind?,
            queue: queue?,
            payload: payload?,
            policy: RetryPolicy {
                max_attempts: u32::try_from(max_attempts?).ok()?,
                backoff: backoff?,
            },
            timeout: Duration::from_millis(timeout?),
            run_at,
            start_by,
            tags,
            traceparent: Some(self.context.traceparent.to_string()),
            request_id: Some(self.context.request_id.clone()),
        })
    }

    fn queue(&self, name: Option<&str>, found: &mut Findings) -> Option<QueueName> {
        let name = match name {
            Some(name) => found.parse("queue", name)?,
            None => QueueName::default_lane(),
        };
        if !self.lanes.contains(&name) {
            let lanes: Vec<&str> = self.lanes.iter().map(QueueName::as_str).collect();
            found.add(
                "queue",
                "unknown_queue",
                format!("must be one of {}", lanes.join(", ")),
            );
            return None;
        }
        Some(name)
    }

    /// When the job is due, if that is later than now.
    fn run_at(
        &self,
        run_at: Option<&str>,
        delay_ms: Option<u64>,
        found: &mut Findings,
    ) -> Option<DateTime<Utc>> {
        if run_at.is_some() && delay_ms.is_some() {
            found.add("delay_ms", "conflict", "must not be sent together with run_at");
            return None;
        }
        let due = match (run_at, delay_ms) {
            (Some(text), _) => found.time("run_at", text)?,
            (None, delay_ms) => {
                let delay_ms = found.in_range("delay_ms", delay_ms, DELAY_MS, 0)?;
                self.now + TimeDelta::milliseconds(i64::try_from(delay_ms).ok()?)
            }
        };
        if due > self.now + TimeDelta::days(MAX_DAYS_AHEAD) {
            found.add(
                "run_at",
                "out_of_range",
                format!("must be at most {MAX_DAYS_AHEAD} days ahead"),
            );
            return None;
        }
        (due > self.now).then_some(due)
    }

    fn start_by(
        &self,
        text: Option<&str>,
        run_at: Option<DateTime<Utc>>,
        found: &mut Findings,
    ) -> Option<DateTime<Utc>> {
        let start_by = found.time("start_by", text?)?;
        if start_by <= self.now {
            found.add("start_by", "out_of_range", "must be in the future");
        } else if run_at.is_some_and(|run_at| start_by <= run_at) {
            found.add(
                "start_by",
                "out_of_range",
                "must be after the time when the job is due",
            );
        } else if start_by > self.now + TimeDelta::days(2 * MAX_DAYS_AHEAD) {
            found.add(
                "start_by",
                "out_of_range",
                format!("must be at most {} days ahead", 2 * MAX_DAYS_AHEAD),
            );
        }
        Some(start_by)
    }
}

fn default_timeout_ms() -> u64 {
    u64::try_from(domain::job::DEFAULT_TIMEOUT.as_millis()).unwrap_or(u64::MAX)
}

/// A job within a batch may be no larger than one alone.
fn payload(payload: Option<Box<RawValue>>, found: &mut Findings) -> Option<Box<RawValue>> {
    let payload = payload.unwrap_or_default();
    if payload.get().len() > SubmitJob::MAX_BYTES {
        found.add(
            "payload",
            "too_large",
            format!("may have at most {} bytes", SubmitJob::MAX_BYTES),
        );
        return None;
    }
    Some(payload)
}

fn backoff(body: Option<Object<SubmitBackoff>>, found: &mut Findings) -> Option<Backoff> {
    let default = Backoff::default();
    let Some(Object(body)) = body else {
        return Some(default);
    };
    let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let factor = body.factor.unwrap_or(default.factor);
    if !BACKOFF_FACTOR.contains(&factor) {
        let (least, most) = (BACKOFF_FACTOR.start(), BACKOFF_FACTOR.end());
        found.add(
            "backoff/factor",
            "out_of_range",
            format!("must be from {least} to {most}"),
        );
    }
    let initial = found.in_range(
        "backoff/initial_ms",
        body.initial_ms,
        BACKOFF_INITIAL_MS,
        ms(default.initial),
    );
    let default_max = ms(default.max).max(initial.unwrap_or_default());
    let max = found.in_range("backoff/max_ms", body.max_ms, BACKOFF_MAX_MS, default_max);
    let (initial, max) = (Duration::from_millis(initial?), Duration::from_millis(max?));
    if max < initial {
        found.add(
            "backoff/max_ms",
            "out_of_range",
            "must be at least backoff.initial_ms",
        );
    }
    Some(Backoff { initial, factor, max })
}

fn tags(texts: &[String], found: &mut Findings) -> Vec<Tag> {
    if texts.len() > MAX_TAGS {
        found.add(
            "tags",
            "out_of_range",
            format!("must have at most {MAX_TAGS} tags"),
        );
        return Vec::new();
    }
    let parse = |(index, text): (usize, &String)| found.parse(&format!("tags/{index}"), text);
    texts.iter().enumerate().filter_map(parse).collect()
}

#[cfg(test)]
mod tests;
