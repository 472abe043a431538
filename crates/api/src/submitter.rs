//! Group commit: many submits, one transaction.
//!
//! A commit costs the same for one job as for hundreds. So submits wait in one line, and each of a few lanes
//! takes whatever waits there at the moment: one submit when there is little to do, many when there is much.
//! Nobody waits for others to come.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::{JobState, QueueName};
use futures::FutureExt;
use queue::postgres::Bell;
use runtime::Shutdown;
use store::{Error, Store, Submission, Submitted};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::body::ReservedMemory;
use crate::config::SubmitConfig;
use crate::problem::{Problem, ProblemType};

/// The most requests in one transaction.
const MAX_REQUESTS: usize = 64;

/// A transaction takes no further request once it has this many jobs.
const ENOUGH_JOBS: usize = 1_000;

/// Where submits are handed in.
pub(crate) struct Submitter {
    line: mpsc::Sender<Waiting>,
    patience: Duration,
}

/// A submit in the line.
struct Waiting {
    submission: Submission,
    answer: oneshot::Sender<Result<Submitted, Error>>,
    /// Its client may leave before it is stored, but what it sent is still held.
    memory: ReservedMemory,
    place: Place,
}

/// A place in the line, which a submit leaves once: taken by a lane, or given up by who has waited too long.
#[derive(Clone, Default)]
struct Place(Arc<AtomicBool>);

impl Place {
    /// Whether it was left just now, and not before.
    fn leave(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

type Line = Arc<Mutex<mpsc::Receiver<Waiting>>>;

impl Submitter {
    /// Starts the lanes. They end when nobody can hand in any more, or when the process aborts, and first
    /// store what was handed in until then.
    pub(crate) fn start(store: &Store, bell: &Bell, config: SubmitConfig, shutdown: &Shutdown) -> Self {
        let (sender, line) = mpsc::channel(config.queue_len.max(1));
        let line: Line = Arc::new(Mutex::new(line));
        for _ in 0..config.lanes.max(1) {
            let abort = shutdown.abort().clone();
            let lane = Lane {
                store: store.clone(),
                bell: bell.clone(),
                line: Arc::clone(&line),
                abort,
            };
            shutdown.tasks().spawn(lane.run());
        }
        Self {
            line: sender,
            patience: config.patience,
        }
    }

    /// Stores the jobs of one request. Once a lane has taken them the jobs are stored, even if nobody waits for
    /// the answer. What no lane takes in time is refused: without a database, the line would otherwise move at the
    /// pace of timeouts, and its end learn of it long after its client has given up.
    pub(crate) async fn submit(
        &self,
        submission: Submission,
        memory: ReservedMemory,
    ) -> Result<Submitted, Problem> {
        let (answer, mut answered) = oneshot::channel();
        let place = Place::default();
        self.line
            .try_send(Waiting {
                submission,
                answer,
                memory,
                place: place.clone(),
            })
            .map_err(|error| match error {
                TrySendError::Full(_) => {
                    Problem::new(ProblemType::Overloaded, "Too many submits are under way.")
                }
                TrySendError::Closed(_) => Problem::new(ProblemType::Unavailable, "The process is stopping."),
            })?;
        let stored = match timeout(self.patience, &mut answered).await {
            Ok(stored) => stored,
            Err(_) if place.leave() => {
                return Err(Problem::new(
                    ProblemType::Unavailable,
                    "The jobs could not be stored in time. They were not accepted.",
                ));
            }
            Err(_) => answered.await,
        };
        Ok(stored.map_err(|lost| Problem::internal(&lost))??)
    }
}

struct Lane {
    store: Store,
    bell: Bell,
    line: Line,
    abort: CancellationToken,
}

impl Lane {
    async fn run(self) {
        loop {
            let group = self.next_group().await;
            if group.is_empty() {
                return;
            }
            // A defect must not take the lane with it. The group's requests then read that something failed.
            if AssertUnwindSafe(self.store_group(group))
                .catch_unwind()
                .await
                .is_err()
            {
                tracing::error!("storing a group of submits panicked");
            }
        }
    }

    /// Waits for submits. Once the process aborts, only those that stand in the line already are taken.
    async fn next_group(&self) -> Vec<Waiting> {
        // The lock is held while waiting: the other idle lanes wait behind it, in turn.
        let mut line = self.line.lock().await;
        if let Some(group) = self.abort.run_until_cancelled(take_group(&mut line)).await {
            return group;
        }
        line.close();
        take_group(&mut line).await
    }

    async fn store_group(&self, group: Vec<Waiting>) {
        let (mut submissions, mut answers) =
            (Vec::with_capacity(group.len()), Vec::with_capacity(group.len()));
        for Waiting {
            submission,
            answer,
            memory,
            place: _,
        } in group
        {
            submissions.push(submission);
            answers.push((answer, memory));
        }
        let results = self.store.submit(&submissions).await;
        if results.iter().any(Result::is_ok) {
            failpoint::hit("after_commit_before_answer");
        }
        self.ring(&submissions, &results);
        for ((answer, _memory), result) in answers.into_iter().zip(results) {
            // A client that has left reads the jobs later, or repeats the submit with its key.
            drop(answer.send(result));
        }
    }

    /// Rings the lanes that have new jobs.
    fn ring(&self, submissions: &[Submission], results: &[Result<Submitted, Error>]) {
        for (submission, result) in submissions.iter().zip(results) {
            let Ok(Submitted::Accepted(stored)) = result else {
                continue;
            };
            let jobs = submission.jobs.iter().zip(stored);
            let queued = jobs.filter(|(_, stored)| stored.state == JobState::Queued && !stored.existed);
            let mut lanes: Vec<&QueueName> = queued.map(|(job, _)| &job.queue).collect();
            lanes.sort_unstable();
            lanes.dedup();
            lanes.into_iter().for_each(|lane| self.bell.ring(lane));
        }
    }
}

/// Waits for a submit, and takes what stands behind it; nothing when no more can come. Dropping the future
/// loses nothing, since it ends as soon as it has taken something.
async fn take_group(line: &mut mpsc::Receiver<Waiting>) -> Vec<Waiting> {
    let mut jobs = 0;
    let mut group = Vec::new();
    while group.len() < MAX_REQUESTS && jobs < ENOUGH_JOBS {
        let next = if group.is_empty() {
            line.recv().await
        } else {
            line.try_recv().ok()
        };
        let Some(next) = next else { break };
        if next.place.leave() {
            jobs += next.submission.jobs.len();
            group.push(next);
        }
    }
    group
}
