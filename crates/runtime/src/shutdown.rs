//! How a process stops: it drains, then hands back what is left, then ends.
//!
//! 1. **Draining** begins with SIGTERM or SIGINT: readiness is red, nothing new is taken, what runs goes on.
//! 2. **Abort** begins when the limit for draining has passed: what still runs gives its work back.
//! 3. The process ends. A second signal ends it at once; leases and the sweep recover what it leaves behind.
//!
//! ```no_run
//! use std::time::Duration;
//! use runtime::shutdown::{Drain, DrainLimits, Shutdown};
//!
//! # async fn run() -> std::io::Result<()> {
//! let shutdown = Shutdown::on_signals()?;
//! let draining = shutdown.draining().clone();
//! shutdown.tasks().spawn(async move { draining.cancelled().await });
//! let limits = DrainLimits { finish: Duration::from_secs(100), hand_back: Duration::from_secs(10) };
//! std::process::exit(shutdown.wait_for_tasks(limits).await.exit_code());
//! # }
//! ```

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Tells every part of the process in which phase of its end it is. Cloning it shares the phases.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    draining: CancellationToken,
    abort: CancellationToken,
    interrupted: CancellationToken,
    tasks: TaskTracker,
}

/// How long the phases may take. Their sum must be less than what the platform grants before it kills.
#[derive(Clone, Copy, Debug)]
pub struct DrainLimits {
    /// How long running work may go on.
    pub finish: Duration,
    /// How long it may take to give back what did not finish.
    pub hand_back: Duration,
}

/// How the end went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Drain {
    /// All work finished.
    Finished,
    /// The limit passed, and what was left was given back.
    HandedBack,
    /// Tasks did not even end when they were told to abort.
    Stuck {
        /// How many.
        tasks: usize,
    },
    /// A second signal asked to end at once.
    Interrupted,
}

impl Drain {
    /// What the process should exit with. Work that was given back is no failure.
    #[must_use]
    pub fn exit_code(self) -> i32 {
        match self {
            Self::Finished | Self::HandedBack => 0,
            Self::Stuck { .. } => 1,
            Self::Interrupted => 130,
        }
    }
}

impl Shutdown {
    /// A shutdown that begins only when [`Shutdown::begin`] is called.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A shutdown that begins with SIGTERM or SIGINT. From here on these signals no longer end the process by
    /// themselves. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// When the handlers can't be installed.
    pub fn on_signals() -> io::Result<Self> {
        let signals = Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        };
        let shutdown = Self::new();
        // Its own tracker: nobody waits for the listener, which may never hear a second signal.
        drop(TaskTracker::new().spawn(signals.listen(shutdown.clone())));
        Ok(shutdown)
    }

    /// Begins draining, as a signal would; also for a part of the process that can't go on.
    pub fn begin(&self) {
        self.draining.cancel();
    }

    /// Cancelled when no new work may be taken.
    #[must_use]
    pub fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    /// Cancelled when running work must be given back now.
    #[must_use]
    pub fn abort(&self) -> &CancellationToken {
        &self.abort
    }

    /// Where tasks are spawned that must end before the process does.
    #[must_use]
    pub fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// Waits for draining to begin, then for all tasks: `main` ends with it.
    pub async fn wait_for_tasks(&self, limits: DrainLimits) -> Drain {
        self.draining.cancelled().await;
        self.tasks.close();
        tokio::select! {
            () = self.interrupted.cancelled() => Drain::Interrupted,
            drain = self.drain(limits) => drain,
        }
    }

    async fn drain(&self, limits: DrainLimits) -> Drain {
        if timeout(limits.finish, self.tasks.wait()).await.is_ok() {
            return Drain::Finished;
        }
        tracing::warn!(
            tasks = self.tasks.len(),
            "the drain limit has passed, handing back"
        );
        self.abort.cancel();
        match timeout(limits.hand_back, self.tasks.wait()).await {
            Ok(()) => Drain::HandedBack,
            Err(_) => Drain::Stuck {
                tasks: self.tasks.len(),
            },
        }
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    async fn listen(mut self, shutdown: Shutdown) {
        let signal = self.next().await;
        tracing::info!(signal, "asked to end, draining");
        shutdown.begin();
        let signal = self.next().await;
        tracing::warn!(signal, "asked again, ending at once");
        shutdown.interrupted.cancel();
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep};

    use super::*;

    const LIMITS: DrainLimits = DrainLimits {
        finish: Duration::from_secs(100),
        hand_back: Duration::from_secs(10),
    };

    #[tokio::test(start_paused = true)]
    async fn it_ends_as_soon_as_the_last_task_does() {
        let shutdown = Shutdown::new();
        shutdown.tasks().spawn(sleep(Duration::from_secs(70)));
        shutdown.begin();
        let begun = Instant::now();
        assert_eq!(shutdown.wait_for_tasks(LIMITS).await, Drain::Finished);
        assert_eq!(begun.elapsed().as_secs(), 70);
        assert!(!shutdown.abort().is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_ends_before_it_begins() {
        let shutdown = Shutdown::new();
        assert!(
            timeout(LIMITS.finish * 2, shutdown.wait_for_tasks(LIMITS))
                .await
                .is_err()
        );
        assert!(!shutdown.draining().is_cancelled() && !shutdown.tasks().is_closed());
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_finish_is_told_to_abort() {
        let shutdown = Shutdown::new();
        let abort = shutdown.abort().clone();
        shutdown.tasks().spawn(async move {
            abort.cancelled().await;
            sleep(Duration::from_secs(4)).await;
        });
        shutdown.begin();
        let begun = Instant::now();
        assert_eq!(shutdown.wait_for_tasks(LIMITS).await, Drain::HandedBack);
        assert_eq!(begun.elapsed().as_secs(), 104);
    }

    #[tokio::test(start_paused = true)]
    async fn what_ignores_the_abort_is_counted() {
        let shutdown = Shutdown::new();
        shutdown.tasks().spawn(std::future::pending::<()>());
        shutdown.begin();
        assert_eq!(shutdown.wait_for_tasks(LIMITS).await, Drain::Stuck { tasks: 1 });
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_signal_wins_over_everything() {
        let shutdown = Shutdown::new();
        shutdown.tasks().spawn(std::future::pending::<()>());
        shutdown.begin();
        shutdown.interrupted.cancel();
        assert_eq!(shutdown.wait_for_tasks(LIMITS).await, Drain::Interrupted);
    }

    #[test]
    fn work_that_was_given_back_is_no_failure() {
        let ends = [
            Drain::Finished,
            Drain::HandedBack,
            Drain::Stuck { tasks: 2 },
            Drain::Interrupted,
        ];
        assert_eq!(ends.map(Drain::exit_code), [0, 0, 1, 130]);
    }
}
