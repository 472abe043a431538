//! What every sweep has in common: an interval, a limit, a time limit, jitter and a metric.

use std::time::Duration;

use async_trait::async_trait;
use runtime::metric;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::backoff::around;
use crate::error::{Error, within};

/// The soonest that a pass runs again because it expects work.
const SOONEST: Duration = Duration::from_millis(20);
/// The latest that a pass that failed runs again.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// What one run of a pass came to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Rows, or partitions, that were changed.
    pub changed: u64,
    /// Whether the limit was reached, so that there may be more.
    pub more: bool,
    /// When there will be work, if that is known: the pass runs again then, if that is before its interval ends.
    pub next_in: Option<Duration>,
}

/// One sweep. It takes no input but its bounds, and running it twice, or on two workers at once, does no harm.
#[async_trait]
pub trait Pass: Send + Sync {
    /// Names it in metrics and logs.
    fn name(&self) -> &'static str;

    /// The time between two runs.
    fn interval(&self) -> Duration;

    /// The longest that one run may take.
    fn time_limit(&self) -> Duration {
        Duration::from_secs(15)
    }

    /// Does one bounded batch.
    ///
    /// # Errors
    /// When the database did not do it.
    async fn run_once(&self, limit: i32) -> Result<Counts, Error>;

    /// Takes back what it told as the leader's, because another worker may lead from now on.
    fn resigned(&self) {}
}

/// Runs a pass again and again until `stop` is cancelled, without pause while there is more to do.
pub(crate) async fn run(pass: &dyn Pass, limit: i32, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        let began = Instant::now();
        let Some(ran) = stop
            .run_until_cancelled(within(pass.time_limit(), pass.run_once(limit)))
            .await
        else {
            return;
        };
        metric::MAINTENANCE_DURATION
            .with([pass.name().into()])
            .record(began.elapsed());
        let wait = match ran {
            Ok(counts) => {
                metric::MAINTENANCE
                    .with([pass.name().into()])
                    .increment(counts.changed);
                if counts.more {
                    continue;
                }
                let interval = around(pass.interval(), runtime::random::jitter());
                counts
                    .next_in
                    .map_or(interval, |next| next.max(SOONEST).min(interval))
            }
            Err(error) => {
                metric::MAINTENANCE_FAILURES
                    .with([pass.name().into()])
                    .increment(1);
                tracing::warn!(error.chain = %runtime::error_chain(&error), pass = pass.name(), "maintenance failed, trying again");
                around(pass.interval().min(AFTER_FAILURE), runtime::random::jitter())
            }
        };
        stop.run_until_cancelled(sleep(wait)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Hangs the first time, and ends the loop the second time.
    #[derive(Default)]
    struct HangsOnce {
        runs: AtomicU32,
        stop: CancellationToken,
    }

    #[async_trait]
    impl Pass for HangsOnce {
        fn name(&self) -> &'static str {
            "hangs_once"
        }

        fn interval(&self) -> Duration {
            Duration::from_millis(1)
        }

        fn time_limit(&self) -> Duration {
            Duration::from_millis(20)
        }

        async fn run_once(&self, _limit: i32) -> Result<Counts, Error> {
            if self.runs.fetch_add(1, Ordering::SeqCst) == 0 {
                std::future::pending::<()>().await;
            }
            self.stop.cancel();
            Ok(Counts::default())
        }
    }

    #[tokio::test]
    async fn a_pass_that_hangs_is_given_up_and_run_again() {
        let pass = HangsOnce::default();
        let running = run(&pass, 1, &pass.stop);
        tokio::time::timeout(Duration::from_secs(30), running)
            .await
            .unwrap();
        assert_eq!(pass.runs.load(Ordering::SeqCst), 2);
    }
}
