//! Who does the sweeps: whoever gets the lock first, for as long as its connection lives.

use std::time::Duration;

use futures::future::join_all;
use runtime::metric;
use store::Leadership;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Maintenance, pass};
use crate::backoff::around;
use crate::error::within;

/// How long the database may take to answer about the leadership.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many checks a leader may miss before Postgres takes the leadership from it.
const MISSED_CHECKS: u32 = 3;
/// The least silence that costs the leadership, however often it is checked.
const MIN_SILENCE: Duration = Duration::from_secs(3);

impl Maintenance {
    /// Tries to lead, and does the sweeps while it does, until `stop` is cancelled; then resigns. `leads` tells, where
    /// the sweeps are for all lanes.
    pub(crate) async fn run(self, leads: Option<watch::Sender<bool>>, stop: CancellationToken) {
        let silence = (self.config.leader_check * MISSED_CHECKS).max(MIN_SILENCE);
        let tell = |leading: bool| {
            if let Some(leads) = &leads {
                leads.send_replace(leading);
                metric::MAINTENANCE_LEADER.with([]).set(f64::from(leading));
            }
        };
        tell(false);
        while !stop.is_cancelled() {
            match stop
                .run_until_cancelled(within(PATIENCE, self.store.try_lead(self.lane.as_ref(), silence)))
                .await
            {
                None => return,
                Some(Ok(Some(leadership))) => {
                    match &self.lane {
                        None => tracing::info!("this worker leads the maintenance"),
                        Some(queue) => {
                            tracing::info!(%queue, "this worker cares for the lane's dead-letter queue")
                        }
                    }
                    tell(true);
                    self.lead(leadership, &stop).await;
                    tell(false);
                    self.passes.iter().for_each(|pass| pass.resigned());
                }
                Some(Ok(None)) => {}
                Some(Err(error)) => {
                    tracing::debug!(error.chain = %runtime::error_chain(&error), "the leadership can't be asked for");
                }
            }
            let wait = around(self.config.leader_check, runtime::random::jitter());
            stop.run_until_cancelled(sleep(wait)).await;
        }
    }

    async fn lead(&self, mut leadership: Leadership, stop: &CancellationToken) {
        let over = stop.child_token();
        let sweeping = join_all(
            self.passes
                .iter()
                .map(|pass| pass::run(&**pass, self.config.batch, &over)),
        );
        let holding = async {
            while over
                .run_until_cancelled(sleep(self.config.leader_check))
                .await
                .is_some()
            {
                if !timeout(PATIENCE, leadership.holds()).await.unwrap_or(false) {
                    tracing::warn!("the leadership is lost");
                    break;
                }
            }
            over.cancel();
        };
        futures::future::join(sweeping, holding).await;
        // Without an answer the connection is dropped, which gives the lock up as well.
        drop(timeout(PATIENCE, leadership.resign()).await);
    }
}
