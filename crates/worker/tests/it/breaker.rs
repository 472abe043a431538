//! A target that keeps failing is left alone: what reaches it is counted at the target.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::{BreakerPolicy, JobState, NewJob};
use serde_json::json;
use store::BreakerKey;
use testkit::eventually;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};
use worker::handlers::{HttpRequest, Targets};
use worker::{Registry, Worker};

use crate::http_receiver::{Behaviour, Receiver};
use crate::world::{PATIENCE, World, job, lane, states};

/// Opens after three failures, and stays open for longer than a test takes unless the test says otherwise.
fn policy() -> BreakerPolicy {
    BreakerPolicy {
        failures: 3,
        first: Duration::from_mins(10),
        max: Duration::from_mins(10),
        probe: Duration::from_mins(10),
    }
}

async fn worker(world: &World, policy: BreakerPolicy) -> Worker {
    let handler = HttpRequest::with_targets(world.store().await, Targets::Any);
    let handler = handler.unwrap().with_breaker(policy);
    world.worker(Registry::new().register(handler)).await
}

/// A real target whose answer can be changed between two requests, and that keeps what it has answered.
struct Target {
    server: MockServer,
    answer: Arc<AtomicU16>,
    answered: Arc<Mutex<Vec<u16>>>,
}

impl Target {
    async fn answering(status: u16) -> Self {
        let (answer, answered) = (
            Arc::new(AtomicU16::new(status)),
            Arc::<Mutex<Vec<u16>>>::default(),
        );
        let server = MockServer::start().await;
        let (now, log) = (Arc::clone(&answer), Arc::clone(&answered));
        let respond = move |_: &Request| {
            let status = now.load(Ordering::SeqCst);
            log.lock().unwrap().push(status);
            ResponseTemplate::new(status)
        };
        Mock::given(any()).respond_with(respond).mount(&server).await;
        Self {
            server,
            answer,
            answered,
        }
    }

    fn answer(&self, status: u16) {
        self.answer.store(status, Ordering::SeqCst);
    }

    fn url(&self) -> String {
        self.server.uri()
    }

    fn reached(&self) -> usize {
        self.answered.lock().unwrap().len()
    }

    fn successes(&self) -> usize {
        let answered = self.answered.lock().unwrap();
        answered.iter().filter(|status| **status == 200).count()
    }
}

fn call(url: &str, max_attempts: u32) -> NewJob {
    job("http.request", &json!({ "url": url }), max_attempts)
}

fn key(world: &World, url: &str) -> BreakerKey {
    BreakerKey {
        tenant_id: world.tenant_id,
        target: url::Url::parse(url).unwrap().origin().ascii_serialization(),
    }
}

/// Runs this many single-attempt jobs one after the other; answers where each went.
async fn run(world: &World, worker: &Worker, url: &str, count: usize) -> Vec<JobState> {
    let mut ended = Vec::new();
    for _ in 0..count {
        world.submit(call(url, 1)).await;
        ended.extend(states(&worker.run_once(&lane(), 1).await.unwrap()));
    }
    ended
}

#[tokio::test]
async fn an_open_breaker_keeps_every_request_away_and_spends_no_attempt() {
    let (world, target) = (World::new().await, Target::answering(503).await);
    let worker = worker(&world, policy()).await;
    assert_eq!(
        run(&world, &worker, &target.url(), 3).await,
        [JobState::Failed; 3]
    );
    assert_eq!(target.reached(), 3);

    let waiting = world
        .submit_all((0..20).map(|_| call(&target.url(), 1)).collect())
        .await;
    let outcomes = worker.run_once(&lane(), 20).await.unwrap();
    assert_eq!(states(&outcomes), [JobState::Scheduled; 20]);
    assert_eq!(target.reached(), 3, "none of the twenty");
    for id in waiting {
        let job = world.job(id).await;
        assert_eq!((job.attempts_spent, job.error_code), (0, None));
    }
    let resting = world
        .api
        .resting_target(&key(&world, &target.url()))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(resting.failures, 3);
    assert_eq!(resting.last_error, "the target answered 503 Service Unavailable");

    // Another worker knows it too, another path of the origin waits too, and another tenant's jobs do not.
    let other = self::worker(&world, policy()).await;
    let path = format!("{}/other", target.url());
    assert_eq!(run(&world, &other, &path, 1).await, [JobState::Scheduled]);
    assert_eq!(target.reached(), 3);
}

#[tokio::test]
async fn one_probe_finds_out_and_its_success_lets_all_through() {
    let (world, target) = (World::new().await, Target::answering(500).await);
    let worker = worker(&world, policy()).await;
    run(&world, &worker, &target.url(), 3).await;
    target.answer(200);
    world.sql("update breaker set open_until = now()").await;

    // A worker that has not seen it yet, so that no answer is kept: of ten who ask at once, one goes.
    let fresh = self::worker(&world, policy()).await;
    world
        .submit_all((0..10).map(|_| call(&target.url(), 1)).collect())
        .await;
    let ended = states(&fresh.run_once(&lane(), 10).await.unwrap());
    let succeeded = ended
        .iter()
        .filter(|state| **state == JobState::Succeeded)
        .count();
    assert!(succeeded >= 1, "{ended:?}");
    assert_eq!(target.successes(), succeeded, "each was sent");
    assert_eq!(target.reached(), 3 + succeeded);
    assert!(
        world
            .api
            .resting_target(&key(&world, &target.url()))
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        run(&world, &fresh, &target.url(), 3).await,
        [JobState::Succeeded; 3]
    );
}

#[tokio::test]
async fn a_probe_that_fails_opens_it_for_longer() {
    let (world, target) = (World::new().await, Target::answering(500).await);
    let longer = BreakerPolicy {
        max: Duration::from_hours(10),
        ..policy()
    };
    run(&world, &worker(&world, longer).await, &target.url(), 3).await;
    for minutes in [20, 40] {
        world.sql("update breaker set open_until = now()").await;
        let probing = worker(&world, longer).await;
        assert_eq!(
            run(&world, &probing, &target.url(), 2).await,
            [JobState::Failed, JobState::Scheduled]
        );
        let resting = world
            .api
            .resting_target(&key(&world, &target.url()))
            .await
            .unwrap()
            .unwrap();
        let rest = (resting.open_until - runtime::clock::now()).num_minutes();
        assert!((minutes - 3..=minutes).contains(&rest), "{rest} of {minutes} min");
    }
    assert_eq!(target.reached(), 5, "three failures and two probes");
}

#[tokio::test]
async fn refusals_and_lone_failures_open_nothing() {
    let (world, target) = (World::new().await, Target::answering(404).await);
    let worker = worker(&world, policy()).await;
    assert_eq!(
        run(&world, &worker, &target.url(), 5).await,
        [JobState::Failed; 5]
    );
    for status in [500, 500, 200, 500, 500, 400, 500, 500] {
        target.answer(status);
        run(&world, &worker, &target.url(), 1).await;
    }
    assert_eq!(target.reached(), 13, "two in a row are not three");
    let never = self::worker(
        &world,
        BreakerPolicy {
            failures: 0,
            ..policy()
        },
    )
    .await;
    target.answer(500);
    run(&world, &never, &target.url(), 5).await;
    assert_eq!(target.reached(), 18);
}

#[tokio::test]
async fn a_target_that_can_not_be_reached_is_left_alone_too() {
    let world = World::new().await;
    let (_nobody, address) = testkit::nobody_there();
    let url = format!("http://{address}/");
    let worker = worker(&world, policy()).await;
    assert_eq!(run(&world, &worker, &url, 3).await, [JobState::Failed; 3]);
    assert_eq!(run(&world, &worker, &url, 1).await, [JobState::Scheduled]);
}

#[tokio::test]
async fn a_target_that_never_answers_counts_by_its_limit_and_by_the_jobs_own() {
    let world = World::new().await;
    let by_its_limit = json!({"url": Receiver::start(Behaviour::Silent).await.url, "timeout_ms": 100});
    let by_the_jobs = json!({"url": Receiver::start(Behaviour::Silent).await.url});
    let worker = worker(&world, policy()).await;
    for (payload, timeout, told) in [
        // Far from the job's own, which on a busy machine might come first.
        (
            by_its_limit,
            Duration::from_mins(1),
            "the target did not answer within 100 ms",
        ),
        (
            by_the_jobs,
            Duration::from_secs(1),
            "the target did not answer within the job's timeout",
        ),
    ] {
        // On a busy machine an attempt may be stopped before its failure is counted.
        let mut tries = 0;
        loop {
            let call = NewJob {
                timeout,
                ..job("http.request", &payload, 1)
            };
            world.submit(call).await;
            tries += 1;
            match states(&worker.run_once(&lane(), 1).await.unwrap())[..] {
                [JobState::Scheduled] => break,
                ref failed => assert!(failed == [JobState::Failed] && tries < 20, "{failed:?}"),
            }
        }
        assert!(tries > 3, "{tries}");
        let key = key(&world, payload["url"].as_str().unwrap());
        let resting = world.api.resting_target(&key).await.unwrap().unwrap();
        assert_eq!(resting.last_error, told);
    }
}

#[tokio::test]
async fn a_target_that_recovers_gets_its_jobs_and_each_once() {
    let (world, target) = (World::new().await, Target::answering(503).await);
    let soon = BreakerPolicy {
        first: Duration::from_millis(300),
        max: Duration::from_millis(600),
        ..policy()
    };
    let running = [
        world.run(worker(&world, soon).await),
        world.run(worker(&world, soon).await),
    ];
    // Each job bears the few failures that open the breaker on both workers, and the probes that it may be.
    let ids = world
        .submit_all((0..50).map(|_| call(&target.url(), 1_000)).collect())
        .await;
    let url = target.url();
    eventually("a breaker that opens again", PATIENCE, async || {
        let resting = world.api.resting_target(&key(&world, &url)).await.unwrap()?;
        (resting.failures >= 6).then_some(())
    })
    .await;
    target.answer(200);
    for id in &ids {
        world.until(*id, JobState::Succeeded).await;
    }
    assert_eq!(target.successes(), 50, "each job once");
    assert!(
        world
            .api
            .resting_target(&key(&world, &url))
            .await
            .unwrap()
            .is_none()
    );
    let snoozed = "select count(*) from attempt where event = 'snoozed'";
    assert!(world.count(snoozed).await > 0);
    for worker in running {
        worker.drain().await;
    }
}
