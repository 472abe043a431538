//! Time that is the client's and not ours: it asked to wait for something, and did.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

/// How long a request has waited because its client asked for that. All who handle the request share it, so it counts
/// however the request ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waited {
    micros: Arc<AtomicU64>,
}

impl Waited {
    /// Begins to wait.
    pub(crate) fn begin(&self) -> Wait<'_> {
        Wait {
            waited: self,
            began: Instant::now(),
            looking: None,
        }
    }

    /// All of it, without waits that go on.
    pub(crate) fn total(&self) -> Duration {
        Duration::from_micros(self.micros.load(Relaxed))
    }
}

/// One wait, which ends when it is dropped, also if it is given up. Looks in between belong to it, as a client that did
/// not wait would not have them; the last one does not, for the answer comes from it.
#[derive(Debug)]
pub(crate) struct Wait<'a> {
    waited: &'a Waited,
    began: Instant,
    looking: Option<Instant>,
}

impl Wait<'_> {
    /// Looks whether it is over.
    pub(crate) fn looks(&mut self) {
        self.looking = Some(Instant::now());
    }

    /// It is not.
    pub(crate) fn goes_on(&mut self) {
        self.looking = None;
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let ended = self.looking.unwrap_or_else(Instant::now);
        let micros = u64::try_from((ended - self.began).as_micros()).unwrap_or(u64::MAX);
        self.waited.micros.fetch_add(micros, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{sleep, timeout};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// The paused clock goes on by whole milliseconds.
    fn assert_about(waited: Duration, expected: Duration) {
        let difference = waited.abs_diff(expected);
        assert!(difference < Duration::from_millis(10), "{waited:?}");
    }

    /// A wait that is over after the second look; each wait and each look takes a second.
    async fn wait(waited: &Waited) {
        let mut wait = waited.begin();
        sleep(SECOND).await;
        wait.looks();
        sleep(SECOND).await;
        wait.goes_on();
        sleep(SECOND).await;
        wait.looks();
        sleep(SECOND).await;
    }

    #[tokio::test(start_paused = true)]
    async fn all_but_the_last_look_is_waited() {
        let waited = Waited::default();
        wait(&waited.clone()).await;
        sleep(SECOND).await;
        assert_about(waited.total(), 3 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_given_up_counts_too() {
        let waited = Waited::default();
        timeout(5 * SECOND / 2, wait(&waited)).await.unwrap_err();
        assert_about(waited.total(), 5 * SECOND / 2);
    }
}
