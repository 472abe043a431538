//! Keeps this worker's lease, and hears what the database says about its attempts.
//!
//! The lease of all attempts is the process's own, so there is one write per interval and not per job. Each beat brings
//! back which attempts the database counts as ours: one that runs here and is missing there was taken from us; one
//! that is there and not here was lost, and is handed back, because our lease would keep it for as long as we live. If
//! it was lost on its way here (the answer to its claim never arrived), it is not spent. If it began here and its end
//! could not be recorded, it has failed: given back unspent, a job that breaks its attempts would start for ever.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use domain::{Failure, FailureCode, Finish, Lease, Outcome, RetryPolicy, WorkerId};
use runtime::metric;
use store::{Declare, Ending, HeldAttempt, KindDeclaration, Store};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::backoff::{Backoff, MAX_BACKOFF, around};
use crate::error::{Error, within};
use crate::finisher::Finisher;
use crate::identity::Identity;
use crate::running::{Key, Running, Spending, Stop};

/// How often a worker says that it still has its kinds, so that they are not forgotten.
const DECLARED_AGAIN: Duration = Duration::from_hours(1);

/// What one beat came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Beat {
    /// The worker was registered under a new id, and may claim.
    Registered(WorkerId),
    /// The lease is renewed.
    Renewed {
        /// Attempts that were told to stop because their job's end was asked for.
        cancelled: usize,
        /// Attempts that were stopped because they are not ours any more.
        lost: usize,
        /// Attempts that were handed back because nobody here runs them.
        orphaned: usize,
    },
    /// The lease had run out: all attempts were stopped, and the next beat registers anew.
    Lost,
}

/// What the heartbeat needs.
pub(crate) struct HeartbeatParts {
    pub(crate) store: Store,
    pub(crate) host: String,
    pub(crate) interval: Duration,
    pub(crate) lease: Duration,
    pub(crate) identity: Identity,
    pub(crate) running: Arc<Running>,
    pub(crate) finisher: Finisher,
    pub(crate) now: Arc<Notify>,
    /// What the handlers of this process take.
    pub(crate) kinds: Vec<KindDeclaration>,
}

/// Renews the lease.
pub(crate) struct Heartbeat {
    parts: HeartbeatParts,
    /// Until then the database believes in us, at the least: counted from when the beat was sent.
    believed_until: Instant,
    /// Attempts that the last beat told of and nobody here runs. One that ended during the beat is among them once.
    suspects: HashSet<Key>,
    declared: Declared,
}

/// When this worker's kinds were made known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Declared {
    /// Not yet by this process.
    Never,
    /// Not since this process registered under its present id.
    Before,
    At(Instant),
}

impl Heartbeat {
    pub(crate) fn new(parts: HeartbeatParts) -> Self {
        Self {
            parts,
            believed_until: Instant::now(),
            suspects: HashSet::new(),
            declared: Declared::Never,
        }
    }

    /// Beats until `stop` is cancelled.
    pub(crate) async fn run(&mut self, stop: CancellationToken) {
        let mut backoff = Backoff::new(
            Duration::from_millis(250),
            MAX_BACKOFF.min(self.parts.interval / 2),
        );
        let now = Arc::clone(&self.parts.now);
        while !stop.is_cancelled() {
            let wait = match stop.run_until_cancelled(self.run_once()).await {
                None => return,
                Some(Ok(Beat::Lost)) => Duration::ZERO,
                Some(Ok(Beat::Registered(_) | Beat::Renewed { .. })) => {
                    backoff.succeeded();
                    metric::HEARTBEATS.with(["ok".into()]).increment(1);
                    self.tell_connections();
                    // Jitter included, not longer than the interval.
                    around(self.parts.interval.mul_f64(0.9), runtime::random::jitter())
                }
                Some(Err(error)) => {
                    metric::HEARTBEATS.with(["failed".into()]).increment(1);
                    tracing::warn!(error.chain = %runtime::error_chain(&error), "the heartbeat failed");
                    backoff.failed(runtime::random::jitter())
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(wait) => {}
                () = now.notified() => {}
                () = self.belief_ended() => self.lose("no heartbeat succeeded for longer than the lease"),
            }
        }
    }

    fn tell_connections(&self) {
        let connections = self.parts.store.connections();
        let gauge = |state: &'static str| metric::DB_POOL_CONNECTIONS.with([state.into()]);
        gauge("idle").set(f64::from(connections.idle));
        gauge("busy").set(f64::from(connections.busy));
    }

    /// Registers the worker, or renews its lease and stops what it should not run any more.
    pub(crate) async fn run_once(&mut self) -> Result<Beat, Error> {
        let sent = Instant::now();
        let beat = match self.parts.identity.current() {
            None => self.register(sent).await.map(Beat::Registered),
            Some(id) => self.renew(id, sent).await,
        }?;
        if let Some(id) = self.parts.identity.current() {
            self.declare(id).await;
        }
        Ok(beat)
    }

    /// Makes known which kinds this worker has, now and then. The lease does not depend on it, so a failure is only told,
    /// and the next beat tries again.
    async fn declare(&mut self, id: WorkerId) {
        let declare = match self.declared {
            Declared::Never => Declare::Anew,
            Declared::Before => Declare::Again,
            Declared::At(at) if at.elapsed() >= DECLARED_AGAIN => Declare::Again,
            Declared::At(_) => return,
        };
        let parts = &self.parts;
        let declaring = parts.store.declare_kinds(id, &parts.kinds, declare);
        match within(parts.lease / 6, declaring).await {
            Ok(()) => self.declared = Declared::At(Instant::now()),
            Err(error) => {
                tracing::warn!(error.chain = %runtime::error_chain(&error), "the kinds could not be made known yet");
            }
        }
    }

    async fn register(&mut self, sent: Instant) -> Result<WorkerId, Error> {
        let parts = &self.parts;
        let id = runtime::random::worker_id();
        within(
            parts.lease / 6,
            parts.store.register_worker(id, &parts.host, parts.lease),
        )
        .await?;
        self.believed_until = sent + parts.lease;
        self.suspects.clear();
        if self.declared != Declared::Never {
            self.declared = Declared::Before;
        }
        parts.identity.set(Some(id));
        tracing::info!(worker.id = %id, "registered");
        Ok(id)
    }

    async fn renew(&mut self, id: WorkerId, sent: Instant) -> Result<Beat, Error> {
        let parts = &self.parts;
        let (before, unrecorded) = (parts.running.keys(), parts.running.unrecorded());
        let beat = within(parts.lease / 6, parts.store.heartbeat(id, parts.lease));
        let beat = tokio::select! {
            beat = beat => beat?,
            // The database may still answer, but what it says is about a lease that others take for ended.
            () = self.belief_ended() => {
                self.lose("no heartbeat succeeded for longer than the lease");
                return Ok(Beat::Lost);
            }
        };
        failpoint::hit("in_heartbeat");
        let held = match beat {
            store::Heartbeat::Renewed(held) => held,
            store::Heartbeat::Lost => {
                self.lose("the database says that the lease has run out");
                return Ok(Beat::Lost);
            }
        };
        self.believed_until = sent + self.parts.lease;
        let (cancelled, lost) = (self.stop_cancelled(&held), self.stop_lost(&before, &held));
        let orphaned = self.hand_back_orphans(id, &held, &unrecorded);
        Ok(Beat::Renewed {
            cancelled,
            lost,
            orphaned,
        })
    }

    /// Waits for the moment from which the database may have given our attempts to others.
    async fn belief_ended(&self) {
        if self.parts.identity.current().is_none() {
            return std::future::pending().await;
        }
        sleep_until(self.believed_until).await;
    }

    /// Stops everything: whoever finds it may start it again by now.
    fn lose(&self, why: &str) {
        let parts = &self.parts;
        tracing::error!(
            attempts = parts.running.len(),
            "the lease is lost, all attempts are stopped: {why}"
        );
        // In this order: an attempt that enters between the two sees that the identity is gone.
        parts.identity.set(None);
        parts.running.stop_all(Stop::LeaseLost);
    }

    fn stop_cancelled(&self, held: &[HeldAttempt]) -> usize {
        let asked = held.iter().filter(|attempt| attempt.cancel_requested);
        asked
            .filter(|attempt| self.parts.running.stop(&key(attempt), Stop::Cancelled))
            .count()
    }

    /// Only what ran before the beat was sent: what was claimed meanwhile is not in the answer.
    fn stop_lost(&self, before: &[Key], held: &[HeldAttempt]) -> usize {
        let held: HashSet<Key> = held.iter().map(key).collect();
        let missing = before.iter().filter(|key| !held.contains(*key));
        missing
            .filter(|key| self.parts.running.stop(key, Stop::LeaseLost))
            .count()
    }

    fn hand_back_orphans(
        &mut self,
        id: WorkerId,
        held: &[HeldAttempt],
        unrecorded: &HashMap<Key, Spending>,
    ) -> usize {
        let held: HashSet<Key> = held.iter().map(key).collect();
        let settled = unrecorded.keys().filter(|key| !held.contains(*key));
        self.parts.running.forget_unrecorded(settled);
        let unknown: HashSet<Key> = held
            .into_iter()
            .filter(|key| !self.parts.running.knows(key))
            .collect();
        let orphans: Vec<Key> = unknown.intersection(&self.suspects).copied().collect();
        for key @ (job_id, attempt) in &orphans {
            let begun = unrecorded.get(key);
            tracing::warn!(job.id = %job_id, attempt, begun = begun.is_some(), "an attempt is ours but does not run here, handing it back");
            let lease = Lease {
                job_id: *job_id,
                attempt: *attempt,
                worker_id: id,
            };
            let finish = match begun {
                None => Finish::decide(Outcome::Released, &RetryPolicy::default(), 0, 0.0),
                Some((policy, spent)) => {
                    Finish::decide(outcome_lost(), policy, *spent, runtime::random::jitter())
                }
            };
            // Nobody waits for the answer: what is not recorded is found again by the next beats.
            self.parts.finisher.offer(Ending { lease, finish });
        }
        self.suspects = unknown;
        orphans.len()
    }
}

/// Of an attempt that may have done its work, or part of it.
fn outcome_lost() -> Outcome {
    let message = "the attempt began, but how it ended could not be recorded";
    Outcome::Failed {
        failure: Failure::new(FailureCode::WorkerLost, message),
        retry_after: None,
    }
}

fn key(attempt: &HeldAttempt) -> Key {
    (attempt.job_id, attempt.attempt)
}
