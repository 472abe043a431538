//! Many jobs and more than one worker.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use domain::{JobId, JobState};
use serde_json::json;
use testkit::eventually;
use worker::{Done, Handler, JobError, JobScope, Registry};

use crate::world::{PATIENCE, World, job};

/// `test.count`: counts the starts of each job.
#[derive(Debug)]
struct Count(Arc<Mutex<HashMap<JobId, u32>>>);

impl Handler for Count {
    const KIND: &'static str = "test.count";
    type Payload = u32;

    async fn run(&self, _payload: u32, scope: JobScope) -> Result<Done, JobError> {
        *self.0.lock().unwrap().entry(scope.job_id).or_default() += 1;
        Ok(Done::empty())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_start_each_of_five_hundred_jobs_once() {
    let world = World::new().await;
    let starts = Arc::<Mutex<HashMap<JobId, u32>>>::default();
    let registry = || Registry::new().register(Count(Arc::clone(&starts)));
    let workers = [
        world.run(world.worker(registry()).await),
        world.run(world.worker(registry()).await),
    ];
    let mut ids = Vec::new();
    for _ in 0..10 {
        let jobs = (0..50)
            .map(|number| job("test.count", &json!(number), 1))
            .collect();
        ids.extend(world.submit_all(jobs).await);
    }
    eventually("all jobs have ended", PATIENCE, async || {
        let succeeded = "select count(*) from job where state = 'succeeded' and attempt = 1";
        (world.count(succeeded).await == 500).then_some(())
    })
    .await;
    assert_eq!(world.count("select count(*) from attempt").await, 500);
    for table in [
        "select count(*) from outbox",
        "select count(*) from claim",
        "select count(*) from due",
    ] {
        assert_eq!(world.count(table).await, 0, "{table}");
    }
    assert_eq!(world.job(ids[0]).await.state, JobState::Succeeded);
    for worker in workers {
        worker.drain().await;
    }
    let starts = starts.lock().unwrap();
    assert_eq!(starts.len(), 500);
    assert!(starts.values().all(|starts| *starts == 1));
}
