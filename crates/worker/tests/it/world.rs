//! A database with a tenant, who submits jobs, and workers, who run them.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use domain::{Backoff, JobId, JobState, Kind, NewJob, QueueName, RetryPolicy, TenantId, WorkerId};
use queue::postgres::{Bell, Listener, PostgresQueue};
use runtime::Shutdown;
use serde_json::value::to_raw_value;
use store::{Attempt, Job, PoolConfig, Role, Store, Submission, Submitted};
use testkit::{TestDb, eventually, new_job};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use uuid::Uuid;
use worker::{Config, Drained, Handle, Lane, MaintenanceConfig, Parts, Registry, StepOutcome, Worker};

/// Longer than anything takes that is going to happen at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct World {
    pub(crate) db: TestDb,
    pub(crate) tenant_id: TenantId,
    pub(crate) api: Store,
    tasks: TaskTracker,
    stop: CancellationToken,
    _stopped: DropGuard,
}

/// A worker that runs.
pub(crate) struct Running {
    pub(crate) handle: Handle,
    pub(crate) shutdown: Shutdown,
    pub(crate) drained: JoinHandle<Drained>,
}

impl Running {
    /// Has it end in good order, with nothing left.
    pub(crate) async fn drain(self) {
        self.shutdown.begin();
        let drained = self.drained.await.unwrap();
        assert_eq!(drained.abandoned, 0);
    }

    pub(crate) async fn worker_id(&self) -> WorkerId {
        eventually("the worker is registered", PATIENCE, async || {
            self.handle.status().worker_id
        })
        .await
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        let db = TestDb::create().await;
        let stop = CancellationToken::new();
        Self {
            tenant_id: db.tenant().await,
            api: db.store(Role::Api).await,
            tasks: TaskTracker::new(),
            _stopped: stop.clone().drop_guard(),
            stop,
            db,
        }
    }

    pub(crate) async fn store(&self) -> Store {
        store_at(&self.db.url()).await
    }

    /// A worker on the embedded queue, with impatient settings.
    pub(crate) async fn worker(&self, registry: Registry) -> Worker {
        self.worker_on(&self.store().await, registry, config())
    }

    pub(crate) fn worker_on(&self, store: &Store, registry: Registry, config: Config) -> Worker {
        let lane = |listener: &Listener| Lane {
            name: lane(),
            queue: Arc::new(PostgresQueue::new(store.pool().clone(), lane(), listener.clone())),
            dead_letters: None,
            receivers: 1,
        };
        self.worker_with(store, registry, config, lane)
    }

    pub(crate) fn worker_with(
        &self,
        store: &Store,
        registry: Registry,
        config: Config,
        lane: impl FnOnce(&Listener) -> Lane,
    ) -> Worker {
        self.worker_of(store, registry, config, |listener| vec![lane(listener)])
    }

    pub(crate) fn worker_of(
        &self,
        store: &Store,
        registry: Registry,
        config: Config,
        lanes: impl FnOnce(&Listener) -> Vec<Lane>,
    ) -> Worker {
        let listener = Listener::start(store.pool().clone(), &self.tasks, self.stop.clone());
        let parts = Parts {
            bell: Bell::start(store.pool().clone(), &self.tasks, self.stop.clone()),
            lanes: lanes(&listener),
            listener,
            store: store.clone(),
            registry,
            config,
            host: "test".to_owned(),
        };
        Worker::build(parts).unwrap()
    }

    pub(crate) fn run(&self, worker: Worker) -> Running {
        let shutdown = Shutdown::new();
        Running {
            handle: worker.handle(),
            drained: self.spawn(worker.run(shutdown.clone())),
            shutdown,
        }
    }

    pub(crate) fn spawn<F>(&self, work: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tasks.spawn(work)
    }

    pub(crate) async fn submit(&self, job: NewJob) -> JobId {
        self.submit_all(vec![job]).await.remove(0)
    }

    pub(crate) async fn submit_all(&self, jobs: Vec<NewJob>) -> Vec<JobId> {
        self.submit_for(self.tenant_id, jobs).await
    }

    pub(crate) async fn submit_for(&self, tenant_id: TenantId, jobs: Vec<NewJob>) -> Vec<JobId> {
        let submission = Submission {
            tenant_id,
            idempotency: None,
            jobs,
        };
        match self.api.submit(&[submission]).await.remove(0).unwrap() {
            Submitted::Accepted(jobs) => {
                queue::postgres::ring(self.api.pool(), &[lane()]).await.unwrap();
                jobs.into_iter().map(|job| job.id).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn job(&self, id: JobId) -> Job {
        self.api.job(self.tenant_id, id).await.unwrap().unwrap()
    }

    pub(crate) async fn attempts(&self, id: JobId) -> Vec<Attempt> {
        self.api.attempts(self.tenant_id, id).await.unwrap().unwrap()
    }

    /// Each attempt's event and failure.
    pub(crate) async fn failures(&self, id: JobId) -> Vec<(String, String, String)> {
        let text = Option::unwrap_or_default;
        let told = |attempt: Attempt| {
            (
                text(attempt.event),
                text(attempt.error_code),
                text(attempt.error_message),
            )
        };
        self.attempts(id).await.into_iter().map(told).collect()
    }

    pub(crate) async fn until(&self, id: JobId, state: JobState) -> Job {
        eventually(&format!("job {id} is {state}"), PATIENCE, async || {
            let job = self.job(id).await;
            assert!(
                job.state == state || !job.state.is_terminal(),
                "waiting for {state}, but it is {}: {:?}",
                job.state,
                job.error_message
            );
            (job.state == state).then_some(job)
        })
        .await
    }

    pub(crate) async fn sql(&self, statement: &'static str) {
        let mut superuser = self.db.superuser().await;
        sqlx::raw_sql(statement).execute(&mut superuser).await.unwrap();
    }

    pub(crate) async fn count(&self, query: &'static str) -> i64 {
        let mut superuser = self.db.superuser().await;
        sqlx::query_scalar(query).fetch_one(&mut superuser).await.unwrap()
    }
}

/// A store that waits for a connection for as long as a busy machine may need for one.
pub(crate) async fn store_at(url: &str) -> Store {
    store_within(url, PATIENCE).await
}

/// A store that waits for a connection only so long, for tests in which there may be none.
pub(crate) async fn store_within(url: &str, acquire_timeout: Duration) -> Store {
    let config = PoolConfig {
        max_connections: 8,
        min_connections: 0,
        acquire_timeout,
        ..PoolConfig::default()
    };
    Store::open_url(url, Role::Worker, config).await.unwrap()
}

/// Settings that make everything happen soon, and nothing too soon on a busy machine.
pub(crate) fn config() -> Config {
    Config {
        concurrency: 20,
        // Most tests have one tenant.
        tenant_slots_percent: 100,
        receive_wait: Duration::from_secs(1),
        visibility: Duration::from_secs(10),
        heartbeat: Duration::from_millis(200),
        lease: Duration::from_mins(1),
        stop_grace: Duration::from_millis(300),
        hand_back: Duration::from_secs(10),
        maintenance: MaintenanceConfig {
            leader_check: Duration::from_millis(200),
            due: Duration::from_millis(100),
            recover: Duration::from_millis(200),
            ..MaintenanceConfig::default()
        },
        ..Config::default()
    }
}

pub(crate) fn lane() -> QueueName {
    QueueName::default_lane()
}

/// A job of a kind, tried `max_attempts` times almost without a wait.
pub(crate) fn job(kind: &str, payload: &serde_json::Value, max_attempts: u32) -> NewJob {
    let backoff = Backoff {
        initial: Duration::from_millis(1),
        ..Backoff::default()
    };
    NewJob {
        kind: kind.parse::<Kind>().unwrap(),
        payload: to_raw_value(payload).unwrap(),
        policy: RetryPolicy {
            max_attempts,
            backoff,
        },
        ..new_job()
    }
}

pub(crate) fn test_handlers() -> Registry {
    worker::handlers::test::register(Registry::new())
}

/// The states that the steps' jobs ended in.
pub(crate) fn states(outcomes: &[StepOutcome]) -> Vec<JobState> {
    let state = |outcome: &StepOutcome| match outcome {
        StepOutcome::Ended { state, .. } => *state,
        other => panic!("{other:?}"),
    };
    outcomes.iter().map(state).collect()
}

#[expect(clippy::disallowed_methods, reason = "tests need no repeatable ids")]
pub(crate) fn random() -> Uuid {
    Uuid::new_v4()
}
