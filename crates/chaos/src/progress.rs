//! One line every two seconds, so that whoever waits sees that something happens.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::cluster::Cluster;

const INTERVAL: Duration = Duration::from_secs(2);

/// Prints a line that belongs to a run.
pub(crate) fn say(run: &str, line: &str) {
    println!("{run}: {line}");
}

/// Tells how a run goes, for as long as this value lives.
#[derive(Debug)]
pub(crate) struct Progress {
    phase: Arc<Mutex<&'static str>>,
    _stop: DropGuard,
}

impl Progress {
    pub(crate) fn start(run: String, cluster: &Arc<Cluster>) -> Self {
        let phase: Arc<Mutex<&'static str>> = Arc::default();
        let stop = CancellationToken::new();
        let (stopped, cluster, of_task) = (stop.clone(), Arc::clone(cluster), Arc::clone(&phase));
        let telling = async move {
            let began = Instant::now();
            loop {
                sleep(INTERVAL).await;
                let phase = *of_task.lock().unwrap_or_else(PoisonError::into_inner);
                let elapsed_secs = began.elapsed().as_secs();
                say(
                    &run,
                    &format!("{elapsed_secs:>4} s {phase}: {}", now(&cluster).await),
                );
            }
        };
        TaskTracker::new().spawn(async move { stopped.run_until_cancelled(telling).await });
        Self {
            phase,
            _stop: stop.drop_guard(),
        }
    }

    /// From here on it is this that goes on.
    pub(crate) fn phase(&self, name: &'static str) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = name;
    }
}

async fn now(cluster: &Cluster) -> String {
    let counts = &cluster.clients.counts;
    let submitted = counts.attempted.load(Ordering::Relaxed);
    let acknowledged = counts.acknowledged.load(Ordering::Relaxed);
    let work = match cluster.database.outlook().await {
        Ok(outlook) => format!("{} ended, {} running", outlook.ended, outlook.running),
        Err(_) => "Postgres does not answer".to_owned(),
    };
    let (apis, workers) = cluster.up().await;
    let faults = cluster.site.faults.done();
    format!(
        "{submitted} submitted, {acknowledged} acknowledged, {work}, {faults} faults, {apis} apis and {workers} workers up"
    )
}
