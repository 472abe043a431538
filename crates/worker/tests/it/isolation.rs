//! Handlers that do not behave: whatever they do to their thread or to themselves, their attempts end.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use domain::{JobState, NewJob};
use serde_json::json;
use testkit::eventually;
use tokio::time::timeout;
use worker::{Config, Done, Handler, JobError, JobScope, Registry, StepOutcome};

use crate::world::{PATIENCE, World, config, job, lane, states, test_handlers};

/// `test.block`: the first attempt blocks its thread until the test lets it go; the others succeed at once.
struct Block {
    begun: Arc<AtomicU32>,
    let_go: Mutex<mpsc::Receiver<()>>,
}

impl Handler for Block {
    const KIND: &'static str = "test.block";
    type Payload = serde_json::Value;

    async fn run(&self, _payload: serde_json::Value, scope: JobScope) -> Result<Done, JobError> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        if scope.attempt == 1 {
            // Ends with the test at the latest: the sender is dropped then, which is an error.
            self.let_go.lock().unwrap().recv().unwrap_or_default();
        }
        Ok(Done::empty())
    }
}

/// A handler that blocks until the sender sends or is dropped, and how many of its attempts have begun.
fn block() -> (Registry, mpsc::Sender<()>, Arc<AtomicU32>) {
    let (sender, let_go) = mpsc::channel();
    let begun = Arc::<AtomicU32>::default();
    let handler = Block {
        begun: Arc::clone(&begun),
        let_go: Mutex::new(let_go),
    };
    (test_handlers().register(handler), sender, begun)
}

async fn until_begun(begun: &AtomicU32) {
    eventually("the handler has begun", PATIENCE, async || {
        (begun.load(Ordering::SeqCst) > 0).then_some(())
    })
    .await;
}

fn soon_timed_out(kind: &str, max_attempts: u32) -> NewJob {
    NewJob {
        timeout: Duration::from_millis(50),
        ..job(kind, &json!(null), max_attempts)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_handler_that_blocks_its_thread_is_timed_out_and_its_job_tried_again() {
    let world = World::new().await;
    let (registry, _let_go, _) = block();
    let running = world.run(world.worker(registry).await);
    // The second attempt succeeds, for which a busy machine may need a while.
    let patient = NewJob {
        timeout: Duration::from_secs(3),
        ..soon_timed_out("test.block", 2)
    };
    let id = world.submit(patient).await;
    let job = world.until(id, JobState::Succeeded).await;
    assert_eq!((job.attempt, job.attempts_spent), (2, 2));
    assert_eq!(world.failures(id).await[0].1, "timed_out");
    running.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_handler_that_blocks_its_thread_is_cancelled() {
    let world = World::new().await;
    let (registry, _let_go, begun) = block();
    let running = world.run(world.worker(registry).await);
    let id = world.submit(job("test.block", &json!(null), 5)).await;
    until_begun(&begun).await;
    world
        .api
        .cancel(&testkit::actor(world.tenant_id), id)
        .await
        .unwrap();
    world.until(id, JobState::Cancelled).await;
    running.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_handler_that_blocks_its_thread_keeps_its_slot_until_it_ends() {
    let world = World::new().await;
    let (registry, let_go, _) = block();
    let one_slot = Config {
        concurrency: 1,
        ..config()
    };
    let worker = world.worker_on(&world.store().await, registry, one_slot);
    world.submit(soon_timed_out("test.block", 1)).await;
    assert_eq!(
        states(&worker.run_once(&lane(), 1).await.unwrap()),
        [JobState::Failed]
    );

    world.submit(job("test.echo", &json!(null), 1)).await;
    let next = timeout(Duration::from_millis(500), worker.run_once(&lane(), 1)).await;
    assert!(next.is_err(), "there is no slot: {next:?}");
    let_go.send(()).unwrap();
    let next = timeout(PATIENCE, worker.run_once(&lane(), 1)).await.unwrap();
    assert_eq!(states(&next.unwrap()), [JobState::Succeeded]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_handler_that_blocks_its_thread_does_not_keep_the_worker_from_ending() {
    let world = World::new().await;
    let (registry, _let_go, begun) = block();
    let running = world.run(world.worker(registry).await);
    let id = world.submit(job("test.block", &json!(null), 5)).await;
    until_begun(&begun).await;
    running.shutdown.begin();
    running.shutdown.abort().cancel();
    let drained = timeout(PATIENCE, running.drained).await.unwrap().unwrap();
    assert_eq!(drained.abandoned, 0);
    let job = world.job(id).await;
    assert_eq!((job.state, job.attempts_spent), (JobState::Queued, 0));
}

/// `test.drop`: never ends, and panics when it is dropped.
struct PanicOnDrop;

struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

impl Handler for PanicOnDrop {
    const KIND: &'static str = "test.drop";
    type Payload = serde_json::Value;

    async fn run(&self, _payload: serde_json::Value, _scope: JobScope) -> Result<Done, JobError> {
        let _guard = Guard;
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_handler_that_panics_when_it_is_dropped_uses_its_attempts_up() {
    let world = World::new().await;
    let running = world.run(world.worker(Registry::new().register(PanicOnDrop)).await);
    let id = world.submit(soon_timed_out("test.drop", 2)).await;
    let job = world.until(id, JobState::Failed).await;
    assert_eq!((job.attempt, job.attempts_spent), (2, 2));
    assert!(
        world
            .failures(id)
            .await
            .iter()
            .all(|(_, code, _)| code == "timed_out")
    );
    running.drain().await;
}

#[tokio::test]
async fn an_attempt_whose_end_can_not_be_recorded_is_spent() {
    let world = World::new().await;
    let worker = world.worker(test_handlers()).await;
    worker.beat().await.unwrap();
    let id = world.submit(job("test.echo", &json!(null), 1)).await;
    world
        .sql(
            "create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$;
             create trigger refuse before insert on attempt for each row execute function refuse()",
        )
        .await;
    let outcomes = worker.run_once(&lane(), 1).await.unwrap();
    assert_eq!(
        outcomes,
        [StepOutcome::GivenUp {
            job_id: id,
            attempt: 1
        }]
    );
    world.sql("drop trigger refuse on attempt").await;
    worker.beat().await.unwrap();
    worker.beat().await.unwrap();
    let job = world.until(id, JobState::Failed).await;
    assert_eq!(
        (job.attempts_spent, job.error_code.as_deref()),
        (1, Some("worker_lost"))
    );
}
