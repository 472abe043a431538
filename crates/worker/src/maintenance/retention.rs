//! Makes the partitions of the next days, drops those past their retention, and forgets the rest.

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use chrono::NaiveDate;
use domain::JobId;
use store::Store;
use tokio::time::sleep;

use super::pass::{Counts, Pass};
use crate::backoff::around;
use crate::error::Error;

/// The most jobs of a day that may outlive it: everybody waits while they move. A day of which more must stay is kept as a
/// whole until fewer do.
const MOST_SURVIVORS: i32 = 5_000;
/// How many jobs of a day are read at once.
const PAGE: i32 = 20_000;
/// How long the days may be read; a day of five million jobs takes about a minute.
const READING: Duration = Duration::from_mins(15);
/// How often the locks that shut everybody out are asked for, before that is told as a failure.
const TRIES: u32 = 5;
/// The pause after a try, in which everybody else goes on.
const PAUSE: Duration = Duration::from_secs(1);

/// Makes the partitions of the next days.
pub(crate) struct Partitions {
    pub(crate) store: Store,
    pub(crate) ahead_days: i32,
    pub(crate) interval: Duration,
}

/// Drops the days that are past their retention, but for the jobs that are not.
pub(crate) struct Drop {
    pub(crate) store: Store,
    pub(crate) keep_days: i32,
    pub(crate) interval: Duration,
}

/// Forgets what is not partitioned: jobs that outlived their day's partition, idempotency keys, unique keys, workers,
/// kinds, breakers of targets that nobody calls any more, the fire times of schedules, and the secrets that have expired.
pub(crate) struct Purge {
    pub(crate) store: Store,
    pub(crate) keep_days: i32,
    pub(crate) interval: Duration,
}

#[async_trait]
impl Pass for Partitions {
    fn name(&self) -> &'static str {
        "partitions"
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    fn time_limit(&self) -> Duration {
        READING
    }

    async fn run_once(&self, _limit: i32) -> Result<Counts, Error> {
        if let Err(error) = self.exclude_missing_days().await {
            // A day without a partition is worse than one that takes longer to attach.
            tracing::warn!(error.chain = %runtime::error_chain(&error), "days could not be excluded beforehand");
        }
        let made = patiently(|| self.store.ensure_partitions(self.ahead_days)).await?;
        Ok(Counts {
            changed: made.into(),
            ..Counts::default()
        })
    }
}

/// Asks again where somebody held a lock: a try must not last, because everybody waits behind it.
async fn patiently<T, F>(ask: impl Fn() -> F) -> Result<T, store::Error>
where
    F: Future<Output = Result<T, store::Error>>,
{
    for _ in 1..TRIES {
        match ask().await {
            Err(store::Error::Locked(_)) => sleep(around(PAUSE, runtime::random::jitter())).await,
            answer => return answer,
        }
    }
    ask().await
}

impl Partitions {
    async fn exclude_missing_days(&self) -> Result<(), Error> {
        patiently(|| self.store.exclude_missing_days(self.ahead_days)).await?;
        while self.store.check_excluded_day().await? {}
        Ok(())
    }
}

#[async_trait]
impl Pass for Drop {
    fn name(&self) -> &'static str {
        "retention"
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    fn time_limit(&self) -> Duration {
        READING
    }

    async fn run_once(&self, _limit: i32) -> Result<Counts, Error> {
        let mut dropped = 0;
        for past in self.store.past_days(self.keep_days).await? {
            let day = past.day;
            if past.attached && !self.detach(day).await? {
                tracing::info!(%day, "a day past its retention is kept, because many of its jobs must be");
                continue;
            }
            self.drop_detached(day).await?;
            tracing::info!(%day, "a day past its retention was dropped");
            dropped += 1;
        }
        Ok(Counts {
            changed: dropped,
            ..Counts::default()
        })
    }
}

impl Drop {
    async fn detach(&self, day: NaiveDate) -> Result<bool, Error> {
        let store = &self.store;
        // Those that end from now on are not found by their tokens later, and must be found by who asks for them.
        let living = store.survivors(day, MOST_SURVIVORS + 1).await?;
        let mut staying: HashSet<JobId> = living.into_iter().collect();
        let mut after = None;
        while staying.len() <= MOST_SURVIVORS as usize {
            let page = store.ended_lately(day, self.keep_days, after, PAGE).await?;
            staying.extend(page.found);
            if page.last_read.is_none() {
                let staying: Vec<JobId> = staying.into_iter().collect();
                return Ok(patiently(|| store.detach_day(day, &staying, MOST_SURVIVORS)).await?);
            }
            after = page.last_read;
        }
        Ok(false)
    }

    async fn drop_detached(&self, day: NaiveDate) -> Result<(), Error> {
        let mut after = None;
        loop {
            after = self
                .store
                .keep_ended_lately(day, self.keep_days, after, PAGE)
                .await?;
            if after.is_none() {
                return Ok(self.store.drop_day(day).await?);
            }
        }
    }
}

#[async_trait]
impl Pass for Purge {
    fn name(&self) -> &'static str {
        "purge"
    }

    fn time_limit(&self) -> Duration {
        READING
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    async fn run_once(&self, limit: i32) -> Result<Counts, Error> {
        let keys = self.store.purge_idempotency(limit.into()).await?;
        let workers = self.store.purge_workers(limit.into()).await?;
        let kinds = self.store.purge_kinds(limit.into()).await?;
        let unique = self.purge_unique(limit).await?;
        let breakers = self.store.purge_breakers(limit.into()).await?;
        let secrets = self.store.purge_endpoint_secrets(limit.into()).await?;
        let fires = self
            .store
            .purge_schedule_fires(self.keep_days, limit.into())
            .await?;
        let mut jobs = 0;
        let mut after = None;
        loop {
            let page = self.store.purge_rest(self.keep_days, after, limit).await?;
            jobs += u64::from(page.found);
            if page.last_read.is_none() {
                break;
            }
            after = page.last_read;
        }
        let full = u64::from(limit.unsigned_abs());
        Ok(Counts {
            changed: jobs + keys + unique + workers + kinds + breakers + secrets + fires,
            more: [keys, workers, breakers, secrets, fires]
                .iter()
                .any(|purged| *purged >= full),
            next_in: None,
        })
    }
}

impl Purge {
    /// Page by page, past the keys that are held: most of them are.
    async fn purge_unique(&self, page: i32) -> Result<u64, Error> {
        let (mut purged, mut after) = (0, None);
        loop {
            let read = self.store.purge_unique(after.as_ref(), page.into()).await?;
            purged += read.purged;
            if read.last_read.is_none() {
                return Ok(purged);
            }
            after = read.last_read;
        }
    }
}
