//! Recording outcomes: many in one statement, and none dropped while it may still count.

use std::sync::Arc;
use std::time::Duration;

use domain::{Failure, FailureCode, Finish, JobId, JobState, Lease};
use store::{Ending, Finished, Store};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backoff::{Backoff, MAX_BACKOFF, give_way};
use crate::error::{Error, within};
use crate::meters::count_own_failure;
use crate::news::News;

/// The most outcomes of one statement.
const MAX_BATCH: usize = 100;
/// How long a statement may take; longer than Postgres itself lets it.
const PATIENCE: Duration = Duration::from_secs(15);

/// What became of an outcome.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Recorded {
    /// It is committed, and the job is in this state.
    As(JobState),
    /// The attempt was not this worker's any more.
    LeaseLost,
    /// The process ends and the database does not answer: the lease runs out, and the job starts again.
    GivenUp,
}

struct Request {
    ending: Ending,
    reply: oneshot::Sender<Recorded>,
}

/// Records outcomes. Copies share the task, which ends after the last one is dropped, with everything recorded.
#[derive(Clone, Debug)]
pub(crate) struct Finisher(Sender<Request>);

/// What the finisher needs.
#[derive(Clone)]
pub(crate) struct FinisherParts {
    pub(crate) store: Store,
    pub(crate) news: News,
    /// How many statements may be under way.
    pub(crate) statements: usize,
    /// How many outcomes may wait; who brings more waits too.
    pub(crate) waiting: usize,
    /// Cancelled when the process can't wait for the database any longer.
    pub(crate) give_up: CancellationToken,
}

impl Finisher {
    pub(crate) fn start(parts: FinisherParts, tasks: &TaskTracker) -> Self {
        let (sender, receiver) = mpsc::channel(parts.waiting);
        tasks.spawn(run(parts, receiver, tasks.clone()));
        Self(sender)
    }

    /// Hands an outcome over, waiting while too many wait already; the receiver tells what became of it.
    pub(crate) async fn hand_over(&self, ending: Ending) -> oneshot::Receiver<Recorded> {
        let (reply, recorded) = oneshot::channel();
        // Should the task be gone, the reply is dropped with the request, which tells as much.
        drop(self.0.send(Request { ending, reply }).await);
        recorded
    }

    /// Hands over an outcome that somebody will offer again, should it not be taken now.
    pub(crate) fn offer(&self, ending: Ending) {
        let (reply, _) = oneshot::channel();
        if self.0.try_send(Request { ending, reply }).is_err() {
            tracing::debug!("an outcome was offered in vain");
        }
    }

    /// Waits for the end of the task, which comes before the last copy is dropped only if the task has failed.
    pub(crate) async fn ended(&self) {
        self.0.closed().await;
    }
}

async fn run(parts: FinisherParts, mut requests: Receiver<Request>, tasks: TaskTracker) {
    let statements = Arc::new(Semaphore::new(parts.statements));
    loop {
        // A free statement first: whatever comes until there is one goes with it.
        let Ok(permit) = Arc::clone(&statements).acquire_owned().await else {
            return;
        };
        let mut batch = Vec::new();
        if requests.recv_many(&mut batch, MAX_BATCH).await == 0 {
            return;
        }
        // Attempts that are about to end, end now: a few microseconds that save statements.
        give_way().await;
        while batch.len() < MAX_BATCH {
            let Ok(request) = requests.try_recv() else { break };
            batch.push(request);
        }
        let parts = parts.clone();
        tasks.spawn(async move {
            record(&parts, batch).await;
            drop(permit);
        });
    }
}

async fn record(parts: &FinisherParts, batch: Vec<Request>) {
    let (mut endings, replies): (Vec<Ending>, Vec<_>) = batch
        .into_iter()
        .map(|request| (request.ending, request.reply))
        .unzip();
    let answers = match until_answered(parts, &endings).await {
        Ok(answers) => answers,
        Err(_) if parts.give_up.is_cancelled() => vec![Recorded::GivenUp; endings.len()],
        Err(error) => {
            tracing::error!(error.chain = %runtime::error_chain(&error), outcomes = endings.len(), "outcomes were refused, recording each alone");
            let mut answers = Vec::with_capacity(endings.len());
            for ending in &mut endings {
                answers.push(record_alone(parts, ending).await);
            }
            answers
        }
    };
    for (ending, answer) in endings.iter().zip(&answers) {
        if let Recorded::As(state) = answer {
            count_own_failure(ending.finish.failure.as_ref(), *state);
        }
    }
    let ended = endings
        .iter()
        .zip(&answers)
        .filter(|(_, answer)| is_end(**answer));
    parts.news.ended(
        ended
            .map(|(ending, _)| ending.lease.job_id)
            .collect::<Vec<JobId>>(),
    );
    for (reply, answer) in replies.into_iter().zip(answers) {
        if reply.send(answer).is_err() {
            tracing::trace!("nobody waits for this answer; the record stands");
        }
    }
}

fn is_end(answer: Recorded) -> bool {
    matches!(answer, Recorded::As(state) if state.is_terminal())
}

/// Records one outcome that may be what the database refuses. If it is, the job fails with what the database said: left
/// alone it would be running for as long as this worker lives.
async fn record_alone(parts: &FinisherParts, ending: &mut Ending) -> Recorded {
    for _ in 0..2 {
        let refusal = match until_answered(parts, std::slice::from_ref(ending)).await {
            Ok(answers) => return answers.first().copied().unwrap_or(Recorded::GivenUp),
            Err(_) if parts.give_up.is_cancelled() => return Recorded::GivenUp,
            Err(refusal) => refusal,
        };
        let chain = runtime::error_chain(&refusal).to_string();
        tracing::error!(job.id = %ending.lease.job_id, attempt = ending.lease.attempt, error = chain, "an outcome was refused");
        ending.finish = Finish::decide(
            domain::Outcome::Aborted(Failure::new(
                FailureCode::HandlerError,
                format!("the outcome ({}) could not be stored", ending.finish.event),
            )),
            &domain::RetryPolicy::default(),
            0,
            0.0,
        );
    }
    Recorded::GivenUp
}

/// Asks until there is an answer, or an error that asking again won't change, or the process must end.
async fn until_answered(parts: &FinisherParts, endings: &[Ending]) -> Result<Vec<Recorded>, Error> {
    let mut backoff = Backoff::new(Duration::from_millis(100), MAX_BACKOFF);
    let mut may_be_recorded = false;
    loop {
        let asking = within(PATIENCE, finish(&parts.store, endings, may_be_recorded));
        let asked = parts.give_up.run_until_cancelled(asking);
        may_be_recorded = true;
        let error = match asked.await {
            Some(Ok(answers)) => return Ok(answers),
            Some(Err(error)) => error,
            None => return Err(Error::NoAnswer(PATIENCE)),
        };
        if !error.is_transient() {
            return Err(error);
        }
        let wait = backoff.failed(runtime::random::jitter());
        tracing::warn!(error.chain = %runtime::error_chain(&error), outcomes = endings.len(), wait_ms = wait.as_millis(), "outcomes are not recorded yet");
        if parts
            .give_up
            .run_until_cancelled(tokio::time::sleep(wait))
            .await
            .is_none()
        {
            return Err(error);
        }
    }
}

/// Asks once. What was asked before and is lost now may have been recorded then, with only the answer lost.
async fn finish(
    store: &Store,
    endings: &[Ending],
    may_be_recorded: bool,
) -> Result<Vec<Recorded>, store::Error> {
    let finished = store.finish(endings).await?;
    let mut answers: Vec<Recorded> = finished.into_iter().map(Recorded::from).collect();
    if may_be_recorded && answers.contains(&Recorded::LeaseLost) {
        let pairs = endings.iter().zip(&mut answers);
        let lost: Vec<_> = pairs
            .filter(|(_, answer)| **answer == Recorded::LeaseLost)
            .collect();
        let leases: Vec<&Lease> = lost.iter().map(|(ending, _)| &ending.lease).collect();
        let recorded = store.recorded(&leases).await?;
        for (ending, answer) in lost {
            if let Some(state) = recorded.get(&(ending.lease.job_id, ending.lease.attempt)) {
                *answer = Recorded::As(*state);
            }
        }
    }
    Ok(answers)
}

impl From<Finished> for Recorded {
    fn from(finished: Finished) -> Self {
        match finished {
            Finished::Recorded(state) => Self::As(state),
            Finished::LeaseLost => Self::LeaseLost,
        }
    }
}
