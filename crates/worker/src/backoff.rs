//! How long a loop waits after a failure.

use std::task::Poll;
use std::time::Duration;

/// The longest wait of a loop that needs the database or the queue: so soon after their return it goes on.
pub(crate) const MAX_BACKOFF: Duration = Duration::from_secs(2);

/// Waits that double up to a limit, each shortened at random by up to half, so that many workers do not come back
/// together.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    limit: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(first: Duration, limit: Duration) -> Self {
        Self {
            first,
            limit,
            failures: 0,
        }
    }

    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// The wait after one more failure.
    pub(crate) fn failed(&mut self, jitter: f64) -> Duration {
        let ceiling = (self.first * 2_u32.pow(self.failures.min(16))).min(self.limit);
        self.failures += 1;
        ceiling.mul_f64(0.5 + 0.5 * jitter)
    }
}

/// An interval of a loop, changed at random by up to a tenth of it.
pub(crate) fn around(interval: Duration, jitter: f64) -> Duration {
    interval.mul_f64(0.9 + 0.2 * jitter)
}

/// Lets the other tasks of this thread go first. What Tokio's own `yield_now` puts off waits for this very thread, and
/// so for a handler that blocks it; this can be taken up by another thread.
pub(crate) async fn give_way() {
    let mut gave_way = false;
    std::future::poll_fn(|context| {
        if gave_way {
            return Poll::Ready(());
        }
        gave_way = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit_and_start_again_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        let waits: Vec<u128> = (0..6).map(|_| backoff.failed(1.0).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1_000, 1_000]);
        backoff.succeeded();
        assert_eq!(backoff.failed(0.0).as_millis(), 50);
    }

    #[test]
    fn an_interval_moves_by_a_tenth() {
        let second = Duration::from_secs(1);
        assert_eq!(
            (around(second, 0.0).as_millis(), around(second, 0.5).as_millis()),
            (900, 1_000)
        );
    }
}
