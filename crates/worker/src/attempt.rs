//! Runs one attempt to its outcome. Whatever the handler does, there is one.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use domain::{Failure, FailureCode, Kind, Outcome};
use runtime::metric;
use serde_json::value::{RawValue, to_raw_value};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use crate::handler::{Done, JobError, JobScope};
use crate::quiet;
use crate::registry::Handlers;
use crate::running::{Control, Stop};
use crate::slot::Slot;

/// How soon a handler that is dropped is gone, unless it blocks its thread.
const DROP_PATIENCE: Duration = Duration::from_secs(1);

/// What the handler came to.
type Answer = Result<Result<Done, JobError>, JoinError>;
/// The handler's own task: whatever it does to its thread, the attempt's time goes on.
type Work = AbortOnDropHandle<Result<Done, JobError>>;

/// What an attempt is run with.
pub(crate) struct Attempt<'a> {
    pub(crate) handlers: &'a Handlers,
    pub(crate) control: &'a Control,
    pub(crate) timeout: Duration,
    pub(crate) stop_grace: Duration,
    /// Taken until the handler's task is gone, which may be after the attempt's end.
    pub(crate) slot: Arc<Slot>,
}

impl Attempt<'_> {
    /// Runs the handler until it answers, or is made to end. `None` when the lease was lost: then there is nothing to
    /// record.
    pub(crate) async fn run(self, payload: Box<RawValue>, scope: JobScope) -> Option<Outcome> {
        let Some(handler) = self.handlers.find(&scope.kind) else {
            return Some(unknown_kind(&scope.kind));
        };
        let (slot, running) = (self.slot, handler.run(payload, scope));
        let handling = quiet::HANDLING.scope((), async move {
            let _slot = slot;
            running.await
        });
        let mut work = AbortOnDropHandle::new(detach(handling));
        tokio::select! {
            biased;
            answer = &mut work => return match self.control.reason() {
                None => Some(outcome(answer)),
                told => stopped(told, Some(answer)),
            },
            () = self.control.told().cancelled() => {}
            () = sleep(self.timeout) => {
                self.control.tell_handler();
                drop_handler(work);
                return Some(timed_out(self.timeout));
            }
        }
        let answer = tokio::select! {
            biased;
            () = self.control.lost().cancelled() => None,
            answer = &mut work => Some(answer),
            () = sleep(self.stop_grace) => None,
        };
        if answer.is_none() {
            drop_handler(work);
        }
        stopped(self.control.reason(), answer)
    }
}

/// Drops the handler, and tells of one that is still there after that. Nothing else waits for it.
fn drop_handler(mut work: Work) {
    work.abort();
    let watching = async move {
        if timeout(DROP_PATIENCE, &mut work).await.is_ok() {
            return;
        }
        metric::BLOCKED_HANDLERS.with([]).increment(1);
        tracing::error!(
            "the handler blocks its thread and can't be stopped, its slot stays taken until it ends"
        );
        drop(work.await);
        tracing::warn!("the handler that could not be stopped has ended");
    };
    drop(detach(watching));
}

#[expect(
    clippy::disallowed_methods,
    reason = "the worker's end must not wait for a handler that blocks its thread"
)]
fn detach<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(work.in_current_span())
}

/// The outcome of a handler that was told to stop. One that could finish in time has finished: its work is done, and
/// saying otherwise would have it done again. Any error of it is taken for the end that was asked for.
fn stopped(reason: Option<Stop>, answer: Option<Answer>) -> Option<Outcome> {
    match (reason, answer) {
        (Some(Stop::LeaseLost), _) => None,
        (_, Some(Ok(Ok(done)))) => Some(succeeded(done)),
        (Some(Stop::Shutdown), _) => Some(Outcome::Released),
        (Some(Stop::Cancelled) | None, _) => Some(Outcome::Cancelled),
    }
}

fn outcome(answer: Answer) -> Outcome {
    match answer {
        Ok(Ok(done)) => succeeded(done),
        Ok(Err(JobError::Retry { failure, after })) => Outcome::Failed {
            failure,
            retry_after: after,
        },
        Ok(Err(JobError::Abort(failure))) => Outcome::Aborted(failure),
        Ok(Err(JobError::Snooze(wait))) => Outcome::Snoozed(wait),
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => failed(FailureCode::Panicked, panic_message(&*panic)),
            // Nobody else drops handlers; the whole runtime does, at its end.
            Err(dropped) => failed(FailureCode::Panicked, dropped.to_string()),
        },
    }
}

fn succeeded(done: Done) -> Outcome {
    let result = done.result.map(|result| {
        let length_bytes = result.get().len();
        if length_bytes <= Done::MAX_RESULT_BYTES {
            return result;
        }
        tracing::warn!(
            length_bytes,
            limit_bytes = Done::MAX_RESULT_BYTES,
            "a result is too long to be kept"
        );
        let note = serde_json::json!({
            "omitted": "the result is longer than what is kept",
            "length_bytes": length_bytes,
            "limit_bytes": Done::MAX_RESULT_BYTES,
        });
        to_raw_value(&note).expect("texts and numbers are always JSON")
    });
    Outcome::Succeeded(result)
}

fn failed(code: FailureCode, message: impl Into<String>) -> Outcome {
    Outcome::Failed {
        failure: Failure::new(code, message),
        retry_after: None,
    }
}

/// Retried by the job's policy: while a new version rolls out, another worker may know the kind.
fn unknown_kind(kind: &Kind) -> Outcome {
    failed(
        FailureCode::UnknownKind,
        format!("this worker has no handler for {kind}"),
    )
}

fn timed_out(timeout: Duration) -> Outcome {
    failed(
        FailureCode::TimedOut,
        format!("the handler did not end within {} ms", timeout.as_millis()),
    )
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let told = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    match told {
        Some(told) => format!("the handler panicked: {told}"),
        None => "the handler panicked".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_that_finishes_although_it_was_told_to_stop_has_finished() {
        let done = || Some(Ok(Ok(Done::empty())));
        let error = || Some(Ok(Err(JobError::abort("I was told to"))));
        for reason in [Stop::Cancelled, Stop::Shutdown] {
            assert!(matches!(
                stopped(Some(reason), done()),
                Some(Outcome::Succeeded(None))
            ));
        }
        assert!(matches!(
            stopped(Some(Stop::Cancelled), error()),
            Some(Outcome::Cancelled)
        ));
        assert!(matches!(
            stopped(Some(Stop::Cancelled), None),
            Some(Outcome::Cancelled)
        ));
        assert!(matches!(
            stopped(Some(Stop::Shutdown), error()),
            Some(Outcome::Released)
        ));
        assert!(matches!(
            stopped(Some(Stop::Shutdown), None),
            Some(Outcome::Released)
        ));
        assert!(stopped(Some(Stop::LeaseLost), done()).is_none());
    }

    #[test]
    fn a_result_that_is_too_long_becomes_a_note() {
        let text = "x".repeat(Done::MAX_RESULT_BYTES);
        let Outcome::Succeeded(Some(result)) = succeeded(Done::json(&text).unwrap()) else {
            panic!("a success stays one")
        };
        let note: serde_json::Value = serde_json::from_str(result.get()).unwrap();
        assert_eq!(note["length_bytes"], text.len() + 2);
    }

    #[test]
    fn a_panic_tells_what_it_said() {
        assert_eq!(panic_message(&"oh"), "the handler panicked: oh");
        assert_eq!(panic_message(&"oh".to_owned()), "the handler panicked: oh");
        assert_eq!(panic_message(&7), "the handler panicked");
    }
}
