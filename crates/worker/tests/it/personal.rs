//! Personal data stays out of what is told about failures; and what a worker says about its kinds.

use std::collections::BTreeMap;

use domain::{JobState, NewJob};
use serde::Deserialize;
use serde_json::json;
use store::Role;
use testkit::{Logs, eventually};
use worker::schemars::{JsonSchema, Schema};
use worker::{Done, Handler, JobError, JobScope, Registry, payload_schema};

use crate::world::{PATIENCE, World, job, lane, states, test_handlers};

/// `test.pay`: fails, and tells all it knows.
#[derive(Debug)]
struct Pay;

#[derive(Debug, Deserialize, JsonSchema)]
struct Payment {
    card: Card,
    /// In cents.
    sum: u64,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Card {
    number: String,
    pin: u32,
}

impl Handler for Pay {
    const KIND: &'static str = "test.pay";
    const SENSITIVE: &'static [&'static str] = &["/card"];
    type Payload = Payment;

    fn payload_schema() -> Option<Schema> {
        payload_schema::<Payment>()
    }

    async fn run(&self, payment: Payment, _: JobScope) -> Result<Done, JobError> {
        Err(JobError::abort(format!(
            "{payment:?}: {} has no {} for pin {}",
            payment.card.number, payment.sum, payment.card.pin
        )))
    }
}

fn sensitive(pointers: &[&str], job: NewJob) -> NewJob {
    NewJob {
        sensitive: pointers.iter().map(|text| text.parse().unwrap()).collect(),
        ..job
    }
}

#[tokio::test]
async fn a_failure_tells_no_personal_data_to_anybody() {
    let world = World::new().await;
    let logs = Logs::capture();
    let worker = world.worker(test_handlers().register(Pay)).await;
    let payment = json!({"card": {"number": "4111-\"1111", "pin": 4321}, "sum": 7});
    let refused = json!({"card": {"number": "4111-\"1111", "pin": "secret-pin"}, "sum": 7});
    let panic = json!({"message": "no-secret is safe", "panic": true});
    let ids = world
        .submit_all(vec![
            job("test.pay", &payment, 1),
            job("test.pay", &refused, 1),
            sensitive(&["/message"], job("test.fail", &panic, 1)),
            sensitive(
                &["/message", "/missing/1"],
                job("test.fail", &json!({"message": "no-secret"}), 2),
            ),
        ])
        .await;
    let outcomes = worker.run_once(&lane(), 10).await.unwrap();
    assert_eq!(outcomes.len(), 4, "{outcomes:?}");
    let mut told = Vec::new();
    for id in &ids {
        told.push(world.failures(*id).await.remove(0).2);
    }
    assert_eq!(
        told[0],
        "Payment { card: Card { number: \"***\", pin: *** }, sum: 7 }: *** has no 7 for pin ***"
    );
    assert!(
        told[1].contains("card.pin: invalid type: string \"***\""),
        "{}",
        told[1]
    );
    assert_eq!(told[2], "the handler panicked: ***");
    assert_eq!(told[3], "***");
    let logged = format!("{:?}", logs.take());
    assert!(logged.contains("attempt failed"), "{logged}");
    for secret in ["4111", "4321", "secret"] {
        assert!(!logged.contains(secret), "{secret} is in {logged}");
    }
    let leaks = "select count(*) from job where error_message like '%secret%' or error_message like '%4111%'";
    assert_eq!(world.count(leaks).await, 0);
}

#[tokio::test]
async fn metadata_reaches_the_handler() {
    let world = World::new().await;
    let worker = world
        .worker(Registry::new().register(crate::handlers::Scope))
        .await;
    let metadata = BTreeMap::from([("source".to_owned(), "crm\0".to_owned())]);
    let submitted = NewJob {
        metadata: metadata.clone(),
        ..job("test.scope", &json!(null), 1)
    };
    let id = world.submit(submitted).await;
    let outcomes = worker.run_once(&lane(), 1).await.unwrap();
    assert_eq!(states(&outcomes), [JobState::Succeeded]);
    let job = world.job(id).await;
    let told: serde_json::Value = serde_json::from_str(job.result.unwrap().get()).unwrap();
    assert_eq!(told["metadata"], json!({"source": "crm\0"}));
    assert_eq!(job.metadata, metadata);
}

#[tokio::test]
async fn a_worker_makes_its_kinds_known_and_takes_them_with_it() {
    let world = World::new().await;
    let running = world.run(world.worker(Registry::new().register(Pay)).await);
    let api = world.db.store(Role::Api).await;
    let kind = eventually("the kind is known", PATIENCE, async || {
        let kind = api.kinds(10).await.unwrap().into_iter().next();
        kind.filter(|kind| kind.live)
    })
    .await;
    assert_eq!(
        (&*kind.name, &kind.sensitive[..]),
        ("test.pay", &["/card".to_owned()][..])
    );
    let schema: serde_json::Value = serde_json::from_str(kind.schema.unwrap().get()).unwrap();
    assert_eq!(schema["required"], json!(["card", "sum"]));
    let logs = Logs::capture();
    running.drain().await;
    let kinds = api.kinds(10).await.unwrap();
    assert!(kinds.len() == 1 && !kinds[0].live, "{:?}", logs.take());
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_declares_its_kinds_again() {
    let world = World::new().await;
    let worker = world.worker(Registry::new().register(Pay)).await;
    worker.beat().await.unwrap();
    world
        .sql("update worker set lease_expires_at = now(); update kind set schema = 'true'")
        .await;
    assert_eq!(worker.beat().await.unwrap(), worker::Beat::Lost);
    worker.beat().await.unwrap();
    let kinds = world.api.kinds(10).await.unwrap();
    assert!(kinds[0].live);
    let schema = kinds[0].schema.as_ref().unwrap().get();
    assert_eq!(schema, "true", "a newer worker's declaration stays");
}

#[test]
#[should_panic(expected = "\"card\" of test.wrong does not point to anything")]
fn what_is_no_pointer_is_told_at_the_start() {
    struct Wrong;
    impl Handler for Wrong {
        const KIND: &'static str = "test.wrong";
        const SENSITIVE: &'static [&'static str] = &["card"];
        type Payload = serde_json::Value;

        async fn run(&self, _: serde_json::Value, _: JobScope) -> Result<Done, JobError> {
            Ok(Done::empty())
        }
    }
    drop(Registry::new().register(Wrong));
}
