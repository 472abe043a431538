//! Fires schedules whose time has come.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use domain::schedule::{Rules, Timing};
use domain::{JobId, QueueName};
use queue::postgres::Bell;
use runtime::metric;
use store::{DueSchedule, Fired, Fires, Firing, Store, UnfiredSchedule};

use super::pass::{Counts, Pass};
use crate::error::Error;
use crate::news::News;

/// The most schedules of one transaction; each may make as many jobs as [`domain::schedule::MAX_FIRES`].
const MOST_SCHEDULES: i32 = 100;

/// See the module.
pub(crate) struct Fire {
    pub(crate) store: Store,
    pub(crate) bell: Bell,
    pub(crate) news: News,
    pub(crate) interval: Duration,
}

#[async_trait]
impl Pass for Fire {
    fn name(&self) -> &'static str {
        "fire"
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    async fn run_once(&self, limit: i32) -> Result<Counts, Error> {
        let limit = limit.min(MOST_SCHEDULES);
        let due = self.store.due_schedules(limit.into()).await?;
        let more = due.len() as i64 >= i64::from(limit);
        let (mut firings, mut unfired) = (Vec::with_capacity(due.len()), Vec::new());
        for schedule in &due {
            match plan(schedule) {
                Ok(firing) => firings.push(firing),
                Err(error) => unfired.push(failed(schedule, error)),
            }
            // A thousand days of an expression are read in a moment, but others wait for this thread.
            tokio::task::yield_now().await;
        }
        let fires = self.fire(&firings, &mut unfired).await?;
        self.tell(&fires, &unfired);
        if !unfired.is_empty() {
            self.store.record_unfired(&unfired).await?;
        }
        let changed = (fires.fired.len() + unfired.len()) as u64;
        // A batch of which another worker does everything would be found again at once.
        let more = more && changed > 0;
        let next_in = if more {
            None
        } else {
            self.store.next_fire_in().await?
        };
        Ok(Counts {
            changed,
            more,
            next_in,
        })
    }
}

impl Fire {
    /// Fires all together; should one of them be in the others' way, each alone.
    async fn fire(&self, firings: &[Firing], unfired: &mut Vec<UnfiredSchedule>) -> Result<Fires, Error> {
        if firings.is_empty() {
            return Ok(Fires::default());
        }
        match self.store.fire(firings).await {
            Ok(fires) => return Ok(fires),
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => {
                tracing::warn!(error.chain = %runtime::error_chain(&error), schedules = firings.len(),
                    "schedules could not be fired together, each is fired alone");
            }
        }
        let mut fires = Fires::default();
        for firing in firings {
            match self.store.fire(std::slice::from_ref(firing)).await {
                Ok(alone) => {
                    fires.fired.extend(alone.fired);
                    fires.cancelled.extend(alone.cancelled);
                }
                Err(error) if error.is_transient() => return Err(error.into()),
                Err(error) => {
                    tracing::error!(error.chain = %runtime::error_chain(&error), tenant.id = %firing.tenant_id,
                        schedule = firing.name, "the job of a schedule could not be stored");
                    unfired.push(UnfiredSchedule {
                        tenant_id: firing.tenant_id,
                        name: firing.name.clone(),
                        due_at: firing.due_at,
                        error: "its job could not be stored, the worker's log tells why".to_owned(),
                    });
                }
            }
        }
        Ok(fires)
    }

    /// Rings the lanes, tells who waits, and counts.
    fn tell(&self, Fires { fired, cancelled }: &Fires, unfired: &[UnfiredSchedule]) {
        let jobs = || fired.iter().flat_map(|schedule| &schedule.jobs);
        let lanes: BTreeSet<&str> = jobs().map(|job| job.queue.as_str()).collect();
        lanes
            .iter()
            .filter_map(|lane| lane.parse::<QueueName>().ok())
            .for_each(|lane| self.bell.ring(&lane));
        self.news.ended(cancelled.iter().copied());
        metric::JOBS_SUBMITTED
            .with(["schedule".into()])
            .increment(jobs().count() as u64);
        for schedule in fired {
            metric::SCHEDULE_FIRES
                .with([result_of(schedule).into()])
                .increment(1);
            if let Some(limit) = schedule.over_quota {
                tracing::warn!(tenant.id = %schedule.tenant_id, schedule = schedule.name, quota = limit,
                    "a schedule's tenant may not have more jobs waiting, trying again in a minute");
            }
        }
        for schedule in unfired {
            metric::SCHEDULE_FIRES.with(["failed".into()]).increment(1);
            tracing::warn!(tenant.id = %schedule.tenant_id, schedule = schedule.name, error = schedule.error,
                "a schedule could not be fired, trying again in a minute");
        }
    }
}

/// What a schedule has done, in a word.
fn result_of(schedule: &Fired) -> &'static str {
    match (schedule.over_quota, schedule.skipped) {
        (Some(_), _) => "over_quota",
        (None, Some(_)) if schedule.jobs.is_empty() => "skipped",
        (None, _) => "fired",
    }
}

/// What a schedule shall do now, or what of it can't be read.
fn plan(due: &DueSchedule) -> Result<Firing, String> {
    let rules = Rules {
        timing: Timing {
            cron: due.cron.parse().map_err(|error| format!("cron {error}"))?,
            zone: due
                .time_zone
                .parse()
                .map_err(|error| format!("time_zone {error}"))?,
        },
        overlap: due.overlap.parse().map_err(|error| format!("overlap {error}"))?,
        missed: due.missed.parse().map_err(|error| format!("missed {error}"))?,
        missed_after: due.missed_after,
    };
    let plan = rules.plan(due.due_at, due.now);
    Ok(Firing {
        tenant_id: due.tenant_id,
        name: due.name.clone(),
        due_at: due.due_at,
        job_ids: plan.fires.iter().map(|_| JobId(runtime::random::id())).collect(),
        plan,
    })
}

fn failed(due: &DueSchedule, error: String) -> UnfiredSchedule {
    UnfiredSchedule {
        tenant_id: due.tenant_id,
        name: due.name.clone(),
        due_at: due.due_at,
        error,
    }
}
