//! What waits: counted from the small tables, never from history.

use std::time::Duration;

use crate::error::Error;
use crate::pool::Store;

/// What waits at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Backlog {
    /// The lanes with queued jobs; one without any is not among them.
    pub lanes: Vec<LaneBacklog>,
    /// Jobs that are due later, a million at most: they may be many, and how many exactly does not matter then.
    pub scheduled: u64,
    /// How long the job has been due that should have been queued first; nothing when none is overdue.
    pub overdue: Duration,
    /// Failed jobs that wait for a decision.
    pub dead_letters: u64,
    /// Worker processes whose lease stands.
    pub workers: u64,
    /// Targets of all tenants whose breaker is not closed: nothing is sent to them now, or a probe only.
    pub resting_targets: u64,
}

/// The queued jobs of one lane.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneBacklog {
    /// The lane.
    pub queue: String,
    /// How many there are.
    pub jobs: u64,
    /// How long the one has been queued that has waited longest.
    pub oldest: Duration,
}

impl Store {
    /// Counts what waits. A million queued jobs take some tenths of a second. There is no limit, because a count that stops
    /// short would hide how bad it is just when it is bad; should it take too long one day, the metrics stop, and nothing
    /// else waits for it.
    ///
    /// # Errors
    /// When a statement failed.
    pub async fn backlog(&self) -> Result<Backlog, Error> {
        let mut connection = self.acquire().await?;
        let lanes = sqlx::query!(
            r#"
            select queue, count(*) as "jobs!", extract(epoch from now() - min(enqueued_at))::float8 as "oldest_secs!"
            from outbox group by queue order by queue
            "#
        )
        .fetch_all(&mut *connection)
        .await?;
        let rest = sqlx::query!(
            r#"
            select coalesce(extract(epoch from now() - (select min(run_at) from due)), 0)::float8 as "overdue_secs!",
                   (select count(*) from (select from due limit 1000000) d) as "scheduled!",
                   (select count(*) from dead_letter) as "dead_letters!",
                   (select count(*) from worker where lease_expires_at > now()) as "workers!",
                   (select count(*) from breaker) as "resting_targets!"
            "#
        )
        .fetch_one(&mut *connection)
        .await?;
        let lanes = lanes.into_iter().map(|lane| LaneBacklog {
            queue: lane.queue,
            jobs: number(lane.jobs),
            oldest: not_negative(lane.oldest_secs),
        });
        Ok(Backlog {
            lanes: lanes.collect(),
            scheduled: number(rest.scheduled),
            overdue: not_negative(rest.overdue_secs),
            dead_letters: number(rest.dead_letters),
            workers: number(rest.workers),
            resting_targets: number(rest.resting_targets),
        })
    }
}

fn number(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

/// What is due later is not overdue.
fn not_negative(secs: f64) -> Duration {
    Duration::try_from_secs_f64(secs).unwrap_or_default()
}
