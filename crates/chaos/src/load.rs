//! The load: jobs at a steady rate, from clients that don't wait for each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::client::Clients;
use crate::scenario::End;

/// So many that those who wait for an api that stands still leave enough others.
const CLIENTS: u32 = 48;

/// What is submitted, and how fast.
#[derive(Debug)]
pub(crate) struct Load {
    clients: Arc<Clients>,
    rate: f64,
    end: End,
    began: Instant,
    next: AtomicU64,
    /// Cancelled when all faults are done.
    faults_ended: CancellationToken,
}

impl Load {
    /// A load that begins now.
    pub(crate) fn new(clients: &Arc<Clients>, rate: f64, end: End) -> Arc<Self> {
        Arc::new(Self {
            clients: Arc::clone(clients),
            rate,
            end,
            began: Instant::now(),
            next: AtomicU64::new(0),
            faults_ended: CancellationToken::new(),
        })
    }

    /// All faults are done: nothing is submitted any more that was for their sake.
    pub(crate) fn faults_ended(&self) {
        self.faults_ended.cancel();
    }

    /// How much of the load is over, from 0 to 1; 0 for as long as the faults decide about its end.
    pub(crate) fn progress(&self) -> f64 {
        let progress = match self.end {
            End::Jobs(jobs) => self.next.load(Ordering::Relaxed) as f64 / jobs.max(1) as f64,
            End::After(duration) => self.began.elapsed().as_secs_f64() / duration.as_secs_f64(),
            End::WithFaults => 0.0,
        };
        progress.min(1.0)
    }

    /// Submits until the end, and waits for the last answer.
    pub(crate) async fn run(self: Arc<Self>) -> Result<()> {
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            clients.spawn(Arc::clone(&self).client(client));
        }
        while let Some(ended) = clients.join_next().await {
            ended.context("a client panicked")??;
        }
        Ok(())
    }

    async fn client(self: Arc<Self>, client: u32) -> Result<()> {
        let mut wishes: JoinSet<Result<()>> = JoinSet::new();
        while let Some(n) = self.next_job().await {
            let job = self.clients.job(n);
            let id = self.clients.submit(client, &job).await?;
            let Some(id) = id else { continue };
            let clients = Arc::clone(&self.clients);
            wishes.spawn(async move {
                if let Some(wait) = job.cancelled_after {
                    sleep(wait).await;
                    clients.cancel(client, &job, &id).await?;
                }
                if let Some(wait) = job.retried_after {
                    sleep(wait).await;
                    clients.retry(client, &job, &id).await?;
                }
                Ok(())
            });
        }
        while let Some(ended) = wishes.join_next().await {
            ended.context("a wish about a job panicked")??;
        }
        Ok(())
    }

    /// Waits for the moment of the next job.
    async fn next_job(&self) -> Option<u64> {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let due_in = Duration::from_secs_f64(n as f64 / self.rate);
        let is_for_faults = match self.end {
            End::Jobs(jobs) => n >= jobs,
            End::After(duration) => due_in >= duration,
            End::WithFaults => true,
        };
        let due = sleep_until(self.began + due_in);
        if is_for_faults {
            self.faults_ended.run_until_cancelled(due).await?;
            // Who comes late because the apis were gone may come after the end.
            (!self.faults_ended.is_cancelled()).then_some(n)
        } else {
            due.await;
            Some(n)
        }
    }
}
