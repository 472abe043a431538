//! Hears that the end of a running job is asked for. The heartbeat finds that out too; this only makes it look at once.

use std::sync::Arc;

use store::JobSignals;
use tokio::sync::Notify;

use crate::running::Running;

/// Has a heartbeat sent whenever the end of a job is asked for that runs here.
pub(crate) async fn listen(mut requests: JobSignals, running: Arc<Running>, beat: Arc<Notify>) {
    loop {
        let job_ids = requests.next().await;
        if job_ids.iter().any(|job_id| running.runs(job_id)) {
            beat.notify_one();
        }
    }
}
