//! Somebody who looks at the api's health checks all the time, as a load balancer does.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::system::Client;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) path: &'static str,
    pub(crate) at: Instant,
    /// 0 when there was no answer.
    pub(crate) status: u16,
}

pub(crate) struct HealthWatch {
    seen: Arc<Mutex<Vec<Seen>>>,
    _tasks: JoinSet<()>,
}

impl HealthWatch {
    pub(crate) fn start(client: &Client) -> Self {
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let mut tasks = JoinSet::new();
        for path in ["/health", "/ready"] {
            let (client, seen) = (client.clone(), Arc::clone(&seen));
            tasks.spawn(async move {
                let mut ticks = interval(Duration::from_millis(100));
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                loop {
                    ticks.tick().await;
                    let at = Instant::now();
                    let status = client.status(path).await;
                    seen.lock().unwrap().push(Seen { path, at, status });
                }
            });
        }
        Self { seen, _tasks: tasks }
    }

    /// The answers to one route that was asked since a moment.
    pub(crate) fn statuses(&self, path: &str, since: Instant) -> Vec<u16> {
        let seen = self.seen.lock().unwrap();
        let of_path = seen.iter().filter(|seen| seen.path == path && seen.at >= since);
        of_path.map(|seen| seen.status).collect()
    }
}
