//! What a schedule shall be, and when an expression would fire.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::schedule::{Cron, Missed, Overlap, Timing, Zone};
use domain::{JobTemplate, ScheduleName};
use store::ScheduleChange;

use super::Rules;
use super::findings::Findings;
use crate::json::Object;
use crate::problem::Problem;
use crate::values;
use crate::wire::{PreviewSchedule, PutSchedule};

/// When a fire time counts as missed, unless the schedule says so: later than what a change of leader takes.
const DEFAULT_MISSED_AFTER: Duration = Duration::from_secs(60);

/// How many fire times a preview shows, unless the client says so.
pub(crate) const DEFAULT_PREVIEW: usize = 10;

/// A valid question for fire times.
#[derive(Debug)]
pub(crate) struct Preview {
    pub(crate) timing: Timing,
    pub(crate) count: usize,
    /// Now, if absent.
    pub(crate) after: Option<DateTime<Utc>>,
}

impl Rules<'_> {
    /// A schedule, whose jobs obey the rules of submits.
    pub(crate) fn schedule(&self, name: ScheduleName, body: PutSchedule) -> Result<ScheduleChange, Problem> {
        let mut found = Findings::default();
        found.bounds("", &body);
        let timing = timing(&body.cron, body.time_zone.as_deref(), &mut found);
        let overlap = body.overlap.as_deref();
        let overlap = overlap.map_or(Some(Overlap::Skip), |text| found.parse("overlap", text));
        let missed = body.missed.as_deref();
        let missed = missed.map_or(Some(Missed::Latest), |text| found.parse("missed", text));
        if missed == Some(Missed::All) && overlap.is_some_and(|overlap| overlap != Overlap::Allow) {
            found.add(
                "missed",
                "conflict",
                "must not be all unless overlap is allow: jobs that are made at once overlap",
            );
        }
        found.enter("/job".to_owned());
        let Object(job) = body.job;
        found.bounds("", &job);
        let start_within = job.start_within_ms.map(Duration::from_millis);
        let job = self.check(job.into(), &mut found);
        let whole = timing.zip(job).zip(overlap.zip(missed));
        found.finish(whole.map(|((timing, job), (overlap, missed))| {
            ScheduleChange {
                name,
                timing,
                overlap,
                missed,
                missed_after: body
                    .missed_after_secs
                    .map_or(DEFAULT_MISSED_AFTER, Duration::from_secs),
                job: JobTemplate {
                    kind: job.kind,
                    queue: job.queue,
                    payload: job.payload,
                    policy: job.policy,
                    timeout: job.timeout,
                    start_within,
                    tags: job.tags,
                    metadata: job.metadata,
                    sensitive: job.sensitive,
                    unique: job.unique,
                },
            }
        }))
    }
}

impl TryFrom<PreviewSchedule> for Preview {
    type Error = Problem;

    fn try_from(body: PreviewSchedule) -> Result<Self, Problem> {
        let mut found = Findings::default();
        found.bounds("", &body);
        let timing = timing(&body.cron, body.time_zone.as_deref(), &mut found);
        let after = body
            .after
            .as_deref()
            .and_then(|text| found.read("after", text, values::time));
        let count = body.count.and_then(|count| usize::try_from(count).ok());
        found.finish(timing.map(|timing| Self {
            timing,
            count: count.unwrap_or(DEFAULT_PREVIEW),
            after,
        }))
    }
}

fn timing(cron: &str, zone: Option<&str>, found: &mut Findings) -> Option<Timing> {
    let cron = found.parse::<Cron>("cron", cron);
    let zone = zone.map_or(Some(Zone::UTC), |zone| found.parse("time_zone", zone));
    cron.zip(zone).map(|(cron, zone)| Timing { cron, zone })
}
