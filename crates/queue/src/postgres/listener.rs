//! Hearing that rows became visible.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::QueueName;
use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::{Executor, PgPool};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The channel on which lanes are announced; the payload is the lane, or empty for all lanes.
pub(super) const CHANNEL: &str = "tandem_outbox";

/// How long after a connection was lost the next one is tried.
const RECONNECT_DELAY: Duration = Duration::from_millis(500);

/// How long a silent connection is believed in. One whose peer vanished without a word would be silent for
/// ever.
const SILENCE: Duration = Duration::from_secs(30);

/// How long Postgres may take to connect or to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The process's ear: one connection of its own that listens for all lanes. Copies share it.
#[derive(Clone, Debug)]
pub struct Listener {
    lanes: Arc<Lanes>,
    listening: watch::Receiver<bool>,
}

/// How often each lane was announced; only the change matters.
#[derive(Debug, Default)]
struct Lanes(Mutex<HashMap<String, watch::Sender<u64>>>);

/// The announcements of one lane.
#[derive(Debug)]
pub struct Wakeups {
    announced: watch::Receiver<u64>,
    /// Keeps the sender alive.
    _lanes: Arc<Lanes>,
}

impl Wakeups {
    /// Waits until the lane was announced after the last `wait`, or after the subscription. So subscribe
    /// first, then look, then wait: an announcement between the look and the wait is not lost. Announcements
    /// that come meanwhile count as one. Dropping the future loses nothing.
    pub async fn wait(&mut self) {
        if self.announced.changed().await.is_err() {
            // Can't be, as the lanes are kept alive. But if, then nothing is announced any more.
            std::future::pending::<()>().await;
        }
    }
}

impl Listener {
    /// Starts to listen, on a connection with the options of `pool` but outside of it, until `stop` is
    /// cancelled. Lost connections are replaced. Whenever one begins to listen all lanes are announced, since
    /// nobody knows what was missed.
    #[must_use]
    pub fn start(pool: PgPool, tasks: &TaskTracker, stop: CancellationToken) -> Self {
        let lanes = Arc::<Lanes>::default();
        let (tell, listening) = watch::channel(false);
        let ear = Ear {
            pool,
            lanes: Arc::clone(&lanes),
            tell,
        };
        tasks.spawn(async move { stop.run_until_cancelled(ear.run()).await });
        Self { lanes, listening }
    }

    /// The announcements of `lane` from now on.
    #[must_use]
    pub fn subscribe(&self, lane: &QueueName) -> Wakeups {
        Wakeups {
            announced: self.lanes.subscribe(lane.as_str()),
            _lanes: Arc::clone(&self.lanes),
        }
    }

    /// Whether it listens at this moment. While it does not, receivers look every few seconds only.
    #[must_use]
    pub fn is_listening(&self) -> bool {
        *self.listening.borrow()
    }

    /// Waits until it listens; for ever, if it was stopped before.
    pub async fn listening(&self) {
        if self
            .listening
            .clone()
            .wait_for(|listening| *listening)
            .await
            .is_err()
        {
            std::future::pending::<()>().await;
        }
    }
}

impl Lanes {
    fn subscribe(&self, lane: &str) -> watch::Receiver<u64> {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match lanes.get(lane) {
            Some(announced) => announced.subscribe(),
            None => lanes.entry(lane.to_owned()).or_default().subscribe(),
        }
    }

    fn announce(&self, lane: &str) {
        let lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let announced = lanes.iter().filter(|(name, _)| lane.is_empty() || *name == lane);
        announced.for_each(|(_, announced)| announced.send_modify(|count| *count = count.wrapping_add(1)));
    }

    fn announce_all(&self) {
        self.announce("");
    }
}

/// The task's side of a listener.
struct Ear {
    pool: PgPool,
    lanes: Arc<Lanes>,
    tell: watch::Sender<bool>,
}

impl Ear {
    async fn run(self) {
        loop {
            let ended = self.listen().await;
            let reason = match &ended {
                Ok(()) => "the server closed the connection".to_owned(),
                Err(error) => error.to_string(),
            };
            // Not an error: receivers still look by themselves, and whether Postgres works is told elsewhere.
            tracing::warn!(reason, "no longer listening for queued jobs, connecting again");
            self.tell.send_replace(false);
            tokio::time::sleep(RECONNECT_DELAY).await;
        }
    }

    /// Listens on one connection until it ends.
    async fn listen(&self) -> Result<(), sqlx::Error> {
        let options = PgPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE);
        // The pool's options are read anew each time, as its password may have been rotated.
        let pool = options.connect_lazy_with((*self.pool.connect_options()).clone());
        let mut connection = PgListener::connect_with(&pool).await?;
        connection.eager_reconnect(false);
        connection.listen(CHANNEL).await?;
        self.lanes.announce_all();
        self.tell.send_replace(true);
        loop {
            match timeout(SILENCE, connection.try_recv()).await {
                Ok(Ok(Some(notification))) => self.lanes.announce(notification.payload()),
                Ok(Ok(None)) => return Ok(()),
                Ok(Err(error)) => return Err(error),
                Err(_silent) => {
                    timeout(PATIENCE, connection.execute("select"))
                        .await
                        .map_err(|_| sqlx::Error::PoolTimedOut)??;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announced(wakeups: &watch::Receiver<u64>) -> bool {
        wakeups.has_changed().unwrap()
    }

    #[test]
    fn an_announcement_reaches_its_lane_and_one_without_a_name_reaches_all() {
        let lanes = Lanes::default();
        let (mut a, b) = (lanes.subscribe("a"), lanes.subscribe("b"));
        lanes.announce("a");
        lanes.announce("unknown");
        assert!(announced(&a) && !announced(&b));
        a.mark_unchanged();
        assert!(!announced(&a));
        lanes.announce_all();
        assert!(announced(&a) && announced(&b));
        assert!(!announced(&lanes.subscribe("a")), "a new subscription begins now");
    }
}
