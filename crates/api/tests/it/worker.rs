//! A worker, as far as the api notices it.

use std::time::Duration;

use domain::{Failure, FailureCode, Finish, JobId, Outcome, StartedJob, WorkerId};
use serde_json::value::to_raw_value;
use store::{Claim, Ending, Finished, Store};

pub(crate) struct Worker {
    pub(crate) store: Store,
    id: WorkerId,
}

impl Worker {
    pub(crate) async fn register(store: Store) -> Self {
        let id = runtime::random::worker_id();
        store
            .register_worker(id, "test", Duration::from_mins(10))
            .await
            .unwrap();
        Self { store, id }
    }

    pub(crate) fn id(&self) -> WorkerId {
        self.id
    }

    pub(crate) async fn start(&self, id: &str) -> StartedJob {
        let id: JobId = id.parse().unwrap();
        match self.store.claim(self.id, &[id]).await.unwrap().remove(0) {
            Claim::Started(job) => *job,
            other => panic!("not started: {other:?}"),
        }
    }

    /// Records the end without a word to those who wait.
    pub(crate) async fn end(&self, job: StartedJob, outcome: Outcome) {
        let finish = Finish::decide(outcome, &job.policy, job.spent, 0.0);
        let ending = Ending {
            lease: job.lease,
            finish,
        };
        let finished = self.store.finish(&[ending]).await.unwrap().remove(0);
        assert!(matches!(finished, Finished::Recorded(_)));
    }

    pub(crate) async fn succeed(&self, id: &str) {
        let result = to_raw_value(&serde_json::json!({ "done": true })).unwrap();
        self.end(self.start(id).await, Outcome::Succeeded(Some(result)))
            .await;
    }

    pub(crate) async fn fail(&self, id: &str) {
        self.fail_with(id, FailureCode::HandlerError, "no luck").await;
    }

    /// Lets the job become a dead letter.
    pub(crate) async fn fail_with(&self, id: &str, code: FailureCode, message: &str) {
        let failure = Failure::new(code, message);
        self.end(self.start(id).await, Outcome::Aborted(failure)).await;
    }
}
