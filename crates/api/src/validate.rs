//! From what a client sent to what can be stored: every rule, and all that breaks one, told at once.

mod bulk;
mod dead_letters;
mod endpoints;
mod findings;
mod keys;
mod many;
mod names;
mod payload;
mod queues;
mod schedules;
mod tenants;
mod unique;
mod users;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Backoff, JobId, NewJob, QueueName, RetryPolicy, Tag};
use uuid::Uuid;

use crate::json::Object;
use crate::kinds::KindBook;
use crate::middleware::RequestContext;
use crate::problem::Problem;
use crate::wire::{SubmitBackoff, SubmitBatch, SubmitJob};

pub(crate) use bulk::Bulk;
pub(crate) use dead_letters::{Discard, Retry};
pub(crate) use endpoints::{endpoint, overlap};
use findings::Findings;
pub(crate) use keys::{new_key, rotation};
pub(crate) use many::Tally;
pub(crate) use queues::pause;
pub(crate) use schedules::{DEFAULT_PREVIEW, Preview};
pub(crate) use tenants::{new_tenant, tenant_change};
use unique::Keyed;
pub(crate) use users::new_user;

const MAX_BATCH: usize = 1_000;
/// A century: what is later is a mistake in the unit.
const MAX_DAYS_AHEAD: i64 = 36_525;

/// What the rules need to know besides the body.
pub(crate) struct Rules<'a> {
    pub(crate) kinds: &'a KindBook,
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
        found.bounds("", &body);
        let kind = found.parse("kind", &body.kind);
        let queue = self.queue(body.queue.as_deref(), found);
        let payload = payload::payload(body.payload, found);
        let known = self.kinds.find(&body.kind);
        if let (Some(payload), Some(known)) = (&payload, known) {
            payload::breaches(payload, known, found);
        }
        let backoff = backoff(body.backoff, found);
        let run_at = self.run_at(body.run_at.as_deref(), body.delay_ms, found);
        let start_by = self.start_by(body.start_by.as_deref(), run_at, found);
        let tags = tags(&body.tags.unwrap_or_default(), found);
        let metadata = payload::metadata(body.metadata.unwrap_or_default(), found);
        let of_kind = self.kinds.sensitive(&body.kind);
        let sensitive = payload::sensitive(&body.sensitive.unwrap_or_default(), of_kind, found);
        let (kind, payload) = (kind?, payload?);
        let unique = match body.unique {
            None => None,
            Some(unique) => {
                let keyed = Keyed {
                    kind: &kind,
                    payload: &payload,
                };
                Some(unique::unique(unique, &keyed, found)?)
            }
        };
        Some(NewJob {
            id: JobId((self.new_id)()),
            kind,
            queue: queue?,
            payload,
            policy: RetryPolicy {
                max_attempts: match body.max_attempts {
                    Some(max_attempts) => u32::try_from(max_attempts).ok()?,
                    None => RetryPolicy::DEFAULT_MAX_ATTEMPTS,
                },
                backoff: backoff?,
            },
            timeout: body
                .timeout_ms
                .map_or(domain::job::DEFAULT_TIMEOUT, Duration::from_millis),
            run_at,
            start_by,
            tags,
            metadata,
            sensitive,
            unique,
            traceparent: Some(self.context.traceparent.to_string()),
            request_id: Some(self.context.request_id.clone()),
            fire: None,
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
                // One that is too long for a time is out of its bounds, which has been found before.
                let delay = TimeDelta::from_std(Duration::from_millis(delay_ms.unwrap_or_default())).ok()?;
                self.now.checked_add_signed(delay)?
            }
        };
        if due > self.now + TimeDelta::days(MAX_DAYS_AHEAD) {
            found.add(
                "run_at",
                "too_late",
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
            found.add("start_by", "too_early", "must be in the future");
        } else if run_at.is_some_and(|run_at| start_by <= run_at) {
            found.add(
                "start_by",
                "conflict",
                "must be after the time when the job is due",
            );
        } else if start_by > self.now + TimeDelta::days(2 * MAX_DAYS_AHEAD) {
            found.add(
                "start_by",
                "too_late",
                format!("must be at most {} days ahead", 2 * MAX_DAYS_AHEAD),
            );
        }
        Some(start_by)
    }
}

fn backoff(body: Option<Object<SubmitBackoff>>, found: &mut Findings) -> Option<Backoff> {
    let default = Backoff::default();
    let Some(Object(body)) = body else {
        return Some(default);
    };
    found.bounds("backoff/", &body);
    let factor = body.factor.unwrap_or(default.factor);
    let initial = body.initial_ms.map_or(default.initial, Duration::from_millis);
    let max = body
        .max_ms
        .map_or(default.max.max(initial), Duration::from_millis);
    if max < initial {
        found.add(
            "backoff/max_ms",
            "conflict",
            "must be at least backoff.initial_ms",
        );
    }
    Some(Backoff { initial, factor, max })
}

fn tags(texts: &[String], found: &mut Findings) -> Vec<Tag> {
    let parse = |(index, text): (usize, &String)| found.parse(&format!("tags/{index}"), text);
    texts.iter().enumerate().filter_map(parse).collect()
}

#[cfg(test)]
mod tests;
