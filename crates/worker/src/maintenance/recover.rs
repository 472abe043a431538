//! Starts jobs of dead workers again, or fails them when their attempts are used up.

use std::time::Duration;

use async_trait::async_trait;
use domain::{Finish, JobState, Outcome, QueueName};
use queue::postgres::Bell;
use store::{Ending, ExpiredLease, Finished, Store};

use super::pass::{Counts, Pass};
use crate::error::Error;
use crate::meters::count_own_failure;
use crate::news::News;

/// See the module.
pub(crate) struct Recover {
    pub(crate) store: Store,
    pub(crate) bell: Bell,
    pub(crate) news: News,
    /// All of them are rung: which lane a recovered job is in does not matter to a hint.
    pub(crate) lanes: Vec<QueueName>,
    pub(crate) interval: Duration,
}

#[async_trait]
impl Pass for Recover {
    fn name(&self) -> &'static str {
        "recover"
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    async fn run_once(&self, limit: i32) -> Result<Counts, Error> {
        let expired = self.store.expired_leases(limit.into()).await?;
        if expired.is_empty() {
            return Ok(Counts::default());
        }
        let more = expired.len() as i64 >= i64::from(limit);
        let endings: Vec<Ending> = expired.into_iter().map(ending).collect();
        let answers = self.store.finish(&endings).await?;
        let states = || {
            endings
                .iter()
                .zip(&answers)
                .filter_map(|(ending, answer)| match answer {
                    Finished::Recorded(state) => Some((ending, *state)),
                    // Somebody else found it first.
                    Finished::LeaseLost => None,
                })
        };
        for (ending, state) in states() {
            tracing::warn!(job.id = %ending.lease.job_id, state = %state, "an attempt's worker was lost");
            count_own_failure(ending.finish.failure.as_ref(), state);
        }
        if states().any(|(_, state)| state == JobState::Queued) {
            self.lanes.iter().for_each(|lane| self.bell.ring(lane));
        }
        self.news.ended(
            states()
                .filter(|(_, state)| state.is_terminal())
                .map(|(ending, _)| ending.lease.job_id),
        );
        let changed = states().count() as u64;
        // A batch of which nothing could be changed would be found again at once.
        Ok(Counts {
            changed,
            more: more && changed > 0,
            next_in: None,
        })
    }
}

fn ending(expired: ExpiredLease) -> Ending {
    let jitter = runtime::random::jitter();
    let finish = Finish::decide(Outcome::LeaseExpired, &expired.policy, expired.spent, jitter);
    Ending {
        lease: expired.lease,
        finish,
    }
}
