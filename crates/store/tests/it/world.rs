//! A database with a tenant, an api and a worker.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{Finish, JobId, LaneHolds, NewJob, Outcome, QueueName, StartedJob, TenantId, WorkerId};
use store::{
    Claim, Doorbell, Ending, Finished, Job, PoolConfig, Role, Store, Submission, Submitted, SubmittedJob,
    TakeDoorbells,
};
use testkit::TestDb;
use uuid::Uuid;

pub(crate) static NOTHING_HELD: LaneHolds = LaneHolds {
    everyone: false,
    rooms: BTreeMap::new(),
    most: None,
};
pub(crate) const LEASE: Duration = Duration::from_mins(10);

pub(crate) struct World {
    pub(crate) db: TestDb,
    pub(crate) tenant_id: TenantId,
    pub(crate) api: Store,
    pub(crate) worker: Store,
    pub(crate) worker_id: WorkerId,
}

impl World {
    pub(crate) async fn new() -> Self {
        let db = TestDb::create().await;
        let tenant_id = db.tenant().await;
        let api = db.store(Role::Api).await;
        let worker = db.store(Role::Worker).await;
        let worker_id = register(&worker).await;
        Self {
            db,
            tenant_id,
            api,
            worker,
            worker_id,
        }
    }

    /// With an api that soon gives up waiting for a lock.
    pub(crate) async fn impatient() -> Self {
        let world = Self::new().await;
        let config = PoolConfig {
            lock_timeout: Duration::from_secs(1),
            ..TestDb::pool_config()
        };
        let api = Store::open_url(&world.db.url(), Role::Api, config).await.unwrap();
        Self { api, ..world }
    }

    pub(crate) async fn submit(&self, job: NewJob) -> SubmittedJob {
        let submission = Submission {
            tenant_id: self.tenant_id,
            idempotency: None,
            jobs: vec![job],
        };
        match self.api.submit(&[submission]).await.remove(0).unwrap() {
            Submitted::Accepted(mut jobs) => jobs.remove(0),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn claim(&self, id: JobId) -> Claim {
        self.worker.claim(self.worker_id, &[id]).await.unwrap().remove(0)
    }

    pub(crate) async fn start(&self, id: JobId) -> StartedJob {
        match self.claim(id).await {
            Claim::Started(job) => *job,
            other => panic!("not started: {other:?}"),
        }
    }

    pub(crate) async fn end(&self, job: StartedJob, outcome: Outcome) -> Finished {
        let finish = Finish::decide(outcome, &job.policy, job.spent, 0.0);
        self.worker
            .finish(&[Ending {
                lease: job.lease,
                finish,
            }])
            .await
            .unwrap()
            .remove(0)
    }

    /// Takes up to ten doorbells of the default lane for announcement.
    pub(crate) async fn take_doorbells(&self, base: Duration) -> Vec<Doorbell> {
        let wanted = TakeDoorbells {
            queue: &QueueName::default_lane(),
            limit: 10,
            base,
            window: 1_000,
            holds: &NOTHING_HELD,
            after: None,
        };
        self.worker.take_doorbells(wanted).await.unwrap().doorbells
    }

    pub(crate) async fn job(&self, id: JobId) -> Job {
        self.api.job(self.tenant_id, id).await.unwrap().unwrap()
    }

    pub(crate) async fn events(&self, id: JobId) -> Vec<String> {
        let events = self.api.events(self.tenant_id, id).await.unwrap().unwrap();
        let numbers: Vec<u32> = events.iter().map(|event| event.number).collect();
        assert_eq!(
            numbers,
            (1..=u32::try_from(events.len()).unwrap()).collect::<Vec<_>>()
        );
        events.into_iter().map(|event| event.event).collect()
    }

    /// How many tokens the job has: one while it is alive or a dead letter, none otherwise.
    pub(crate) async fn tokens(&self, id: JobId) -> Vec<String> {
        let mut superuser = self.db.superuser().await;
        sqlx::query_scalar(
            "select 'outbox' from outbox where job_id = $1 union all select 'due' from due where job_id = $1
             union all select 'claim' from claim where job_id = $1
             union all select 'dead_letter' from dead_letter where job_id = $1",
        )
        .bind(id.0)
        .fetch_all(&mut superuser)
        .await
        .unwrap()
    }

    pub(crate) async fn sql(&self, statement: &'static str) {
        let mut superuser = self.db.superuser().await;
        sqlx::raw_sql(statement).execute(&mut superuser).await.unwrap();
    }
}

pub(crate) async fn register(worker: &Store) -> WorkerId {
    let id = WorkerId(random());
    worker.register_worker(id, "test", LEASE).await.unwrap();
    id
}

#[expect(clippy::disallowed_methods, reason = "tests need no repeatable ids")]
pub(crate) fn random() -> Uuid {
    Uuid::new_v4()
}
