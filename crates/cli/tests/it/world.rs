//! An api that listens, with a tenant, a key, a worker, and `tandem` to talk to it.

use std::num::NonZeroU32;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use api::RateLimit;
use domain::{
    Failure, FailureCode, Finish, JobId, Outcome, QueueName, RetryPolicy, Scope, Scopes, TenantId, WorkerId,
};
use queue::postgres::Bell;
use runtime::credential::{ApiKey, KeyHasher};
use runtime::{Secret, Shutdown, clock, random};
use store::{Claim, Declare, Ending, KindDeclaration, NewApiKey, Role, Store, Submission};
use testkit::{TestDb, new_job};
use tokio::net::TcpListener;
use tokio::process::Command;

/// How long a test waits for what should happen at once.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// How many jobs a statement moves.
const BATCH: usize = 100;

pub(crate) struct World {
    pub(crate) db: TestDb,
    pub(crate) tenant_id: TenantId,
    store: Store,
    worker: Store,
    worker_id: WorkerId,
    url: String,
    key: ApiKey,
    shutdown: Shutdown,
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        let db = TestDb::create().await;
        let tenant_id = db.tenant().await;
        let (store, worker) = (db.store(Role::Api).await, db.store(Role::Worker).await);
        let worker_id = random::worker_id();
        let lease = Duration::from_secs(30);
        worker.register_worker(worker_id, "test", lease).await.unwrap();

        let hasher = KeyHasher::new(&Secret::new("a pepper for tests".to_owned()));
        let key = ApiKey::generate(&"test".parse().unwrap());
        let scopes: Scopes = Scope::ALL.into_iter().collect();
        let new = NewApiKey {
            id: key.id(),
            tenant_id,
            user_id: None,
            name: "test",
            secret_hash: &hasher.hash(&key),
            scopes: &scopes,
            expires_at: None,
        };
        db.store(Role::Owner).await.create_api_key(&new).await.unwrap();

        let shutdown = Shutdown::new();
        let url = serve(store.clone(), hasher, &shutdown).await;
        Self {
            db,
            tenant_id,
            store,
            worker,
            worker_id,
            url,
            key,
            shutdown,
        }
    }

    /// Makes a kind known, as a worker does.
    pub(crate) async fn declare(&self, name: &str, schema: &str) {
        let kind = KindDeclaration {
            name: name.parse().unwrap(),
            schema: Some(serde_json::from_str(schema).unwrap()),
            sensitive: Vec::new(),
        };
        let kinds = [kind];
        let declaring = self.worker.declare_kinds(self.worker_id, &kinds, Declare::Anew);
        declaring.await.unwrap();
    }

    /// Runs `tandem` as a script does: without a terminal.
    pub(crate) async fn tandem(&self, arguments: &[&str]) -> Ran {
        let output = Command::new(env!("CARGO_BIN_EXE_tandem"))
            .args(arguments)
            .env_clear()
            .env("TANDEM_URL", &self.url)
            .env("TANDEM_API_KEY", self.key.expose())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        Ran {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Changes the database behind everybody's back.
    pub(crate) async fn sql(&self, statement: &'static str) {
        let mut superuser = self.db.superuser().await;
        sqlx::raw_sql(statement).execute(&mut superuser).await.unwrap();
    }

    /// Jobs that have failed for good, in the order of their ids.
    pub(crate) async fn dead_letters(&self, count: usize, message: &str) -> Vec<JobId> {
        let ids = self.submit(count).await;
        assert_eq!(self.fail(&ids, message).await, count);
        ids
    }

    /// Jobs of one attempt that wait, in the order of their ids.
    pub(crate) async fn submit(&self, count: usize) -> Vec<JobId> {
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

    /// Starts jobs and lets them run.
    pub(crate) async fn start(&self, ids: &[JobId]) {
        let claims = self.worker.claim(self.worker_id, ids).await.unwrap();
        assert!(claims.iter().all(|claim| matches!(claim, Claim::Started(_))));
    }

    /// Starts those of the jobs that are queued, and lets them fail; answers how many.
    pub(crate) async fn fail(&self, ids: &[JobId], message: &str) -> usize {
        let mut failed = 0;
        for ids in ids.chunks(BATCH) {
            let claims = self.worker.claim(self.worker_id, ids).await.unwrap();
            let started = claims.into_iter().filter_map(|claim| match claim {
                Claim::Started(job) => Some(*job),
                _ => None,
            });
            let ending = started.map(|job| {
                let failure = Failure::new(FailureCode::HandlerError, message);
                Ending {
                    finish: Finish::decide(Outcome::Aborted(failure), &job.policy, job.spent, 0.0),
                    lease: job.lease,
                }
            });
            let endings: Vec<Ending> = ending.collect();
            failed += endings.len();
            self.worker.finish(&endings).await.unwrap();
        }
        failed
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.draining().cancel();
    }
}

/// Serves an api, for as long as the test's runtime lives; answers its address.
async fn serve(store: Store, hasher: KeyHasher, shutdown: &Shutdown) -> String {
    let plenty = NonZeroU32::new(1_000_000).unwrap();
    let mut config = api::Config::default();
    config.auth.rate_limit = RateLimit {
        per_second: plenty,
        burst: plenty,
    };
    let (tasks, draining) = (shutdown.tasks(), shutdown.draining().clone());
    let router = api::App::build(api::Parts {
        bell: Bell::start(store.pool().clone(), tasks, draining),
        store,
        queues: Vec::new(),
        lanes: vec![QueueName::default_lane()],
        hasher,
        key_environment: "test".parse().unwrap(),
        render_metrics: Arc::new(String::new),
        new_id: random::id,
        now: clock::now,
        shutdown: shutdown.clone(),
        config,
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let stopping = shutdown.clone();
    tasks.spawn(async move { api::serve(listener, router, config.server, &stopping).await });
    format!("http://{addr}")
}
