//! What a worker does, as far as a test wants it.

use domain::{Failure, FailureCode, Finish, JobId, Outcome, RetryPolicy, StartedJob};
use serde_json::Value;
use store::{Claim, Declare, Ending, KindDeclaration, Submission};

use super::World;
use crate::new_job;

/// How many jobs a statement moves.
const BATCH: usize = 100;

impl World {
    /// Makes a kind known.
    ///
    /// # Panics
    /// When the name is none, or the schema is no JSON.
    pub async fn declare(&self, name: &str, schema: &str) {
        let kind = KindDeclaration {
            name: name.parse().unwrap(),
            schema: Some(serde_json::from_str(schema).unwrap()),
            sensitive: Vec::new(),
        };
        let kinds = [kind];
        let declaring = self.worker.declare_kinds(self.worker_id, &kinds, Declare::Anew);
        declaring.await.unwrap();
    }

    /// Jobs of one attempt that wait, in the order of their ids.
    ///
    /// # Panics
    /// When they are refused.
    pub async fn submit(&self, count: usize) -> Vec<JobId> {
        let policy = RetryPolicy {
            max_attempts: 1,
            ..RetryPolicy::default()
        };
        let jobs = (0..count).map(|_| domain::NewJob { policy, ..new_job() });
        let submission = Submission {
            tenant_id: self.tenant_id,
            idempotency: None,
            jobs: jobs.collect(),
        };
        let mut ids: Vec<JobId> = submission.jobs.iter().map(|job| job.id).collect();
        ids.sort_unstable();
        self.store.submit(&[submission]).await.remove(0).unwrap();
        ids
    }

    /// Starts those of the jobs that are queued, and lets them run.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn start(&self, ids: &[JobId]) -> Vec<StartedJob> {
        let claims = self.worker.claim(self.worker_id, ids).await.unwrap();
        let started = claims.into_iter().filter_map(|claim| match claim {
            Claim::Started(job) => Some(*job),
            _ => None,
        });
        started.collect()
    }

    /// Ends jobs that run, all alike, and tells whoever waits for them.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn finish(&self, started: Vec<StartedJob>, outcome: impl Fn() -> Outcome) {
        let ids: Vec<JobId> = started.iter().map(|job| job.lease.job_id).collect();
        let endings = started.into_iter().map(|job| Ending {
            finish: Finish::decide(outcome(), &job.policy, job.spent, 0.0),
            lease: job.lease,
        });
        let endings: Vec<Ending> = endings.collect();
        self.worker.finish(&endings).await.unwrap();
        self.worker.notify_finished(&ids).await.unwrap();
    }

    /// Starts a job and ends it with this result.
    ///
    /// # Panics
    /// When it can't be started.
    pub async fn run(&self, id: JobId, result: &Value) {
        let started = self.start(&[id]).await;
        assert_eq!(started.len(), 1);
        self.succeed(started, result).await;
    }

    /// Ends jobs that run with this result.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn succeed(&self, started: Vec<StartedJob>, result: &Value) {
        let result = serde_json::value::to_raw_value(result).unwrap();
        self.finish(started, || Outcome::Succeeded(Some(result.clone())))
            .await;
    }

    /// Starts those of the jobs that are queued, and lets them fail for good; answers how many.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn fail(&self, ids: &[JobId], message: &str) -> usize {
        let mut failed = 0;
        for ids in ids.chunks(BATCH) {
            let started = self.start(ids).await;
            failed += started.len();
            let outcome = || Outcome::Aborted(Failure::new(FailureCode::HandlerError, message));
            self.finish(started, outcome).await;
        }
        failed
    }
}
