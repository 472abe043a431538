//! Several lanes on SQS: how they share a worker, and workers that share lanes.

use std::time::Duration;

use domain::{JobState, NewJob};
use queue::Receive;
use serde_json::{Value, json};
use testkit::eventually;
use tokio::time::timeout;
use worker::{Config, Lane, MaintenanceConfig, Registry};

use crate::dead_letter_scene::eager;
use crate::handlers::{Gate, Gates};
use crate::sqs_world::SqsWorld;
use crate::world::{PATIENCE, config, job, test_handlers};

/// A long poll of an idle lane lasts longer.
const SOON: Duration = Duration::from_secs(15);

fn job_in(lane: &Lane, kind: &str, payload: &Value) -> NewJob {
    NewJob {
        queue: lane.name.clone(),
        ..job(kind, payload, 1)
    }
}

#[tokio::test]
async fn idle_lanes_keep_no_slot_from_one_with_work_however_few_there_are() {
    let sqs = SqsWorld::new().await;
    let gates = Gates::new();
    let lanes = [
        sqs.lane(),
        sqs.another_lane("high").await,
        sqs.another_lane("low").await,
    ];
    let few = Config {
        concurrency: lanes.len(),
        receive_wait: Duration::from_secs(20),
        ..config()
    };
    let registry = Registry::new().register(Gate(gates.clone()));
    let running = sqs.world.run(sqs.worker_of(registry, few, lanes.to_vec()).await);
    running.worker_id().await;
    let mut begun = 0;
    for lane in &lanes {
        let jobs = (0..lanes.len())
            .map(|_| job_in(lane, "test.gate", &json!(null)))
            .collect();
        let ids = sqs.world.submit_all(jobs).await;
        begun += u32::try_from(ids.len()).unwrap();
        timeout(SOON, gates.until_begun(begun))
            .await
            .expect("all slots are for the lane with work");
        gates.open.add_permits(ids.len());
        for id in ids {
            sqs.world.until(id, JobState::Succeeded).await;
        }
    }
    running.drain().await;
    sqs.delete().await;
}

#[tokio::test]
async fn a_lane_whose_work_has_ended_gives_its_slots_back() {
    const SLOTS: usize = 40;
    let sqs = SqsWorld::new().await;
    let gates = Gates::new();
    let (first, second) = (sqs.lane(), sqs.another_lane("high").await);
    let many = Config {
        concurrency: SLOTS,
        receive_wait: Duration::from_secs(20),
        ..config()
    };
    let registry = Registry::new().register(Gate(gates.clone()));
    let lanes = vec![first.clone(), second.clone()];
    let running = sqs.world.run(sqs.worker_of(registry, many, lanes).await);
    running.worker_id().await;
    let mut begun = 0;
    // The first lane has its work while most slots are free. What idle lanes hold is a quarter of all at most.
    for (lane, jobs) in [(&first, 1), (&second, SLOTS * 3 / 4)] {
        let jobs = (0..jobs).map(|_| job_in(lane, "test.gate", &json!(null)));
        let ids = sqs.world.submit_all(jobs.collect()).await;
        begun += u32::try_from(ids.len()).unwrap();
        timeout(SOON, gates.until_begun(begun))
            .await
            .expect("no receive of the other lane keeps them");
        gates.open.add_permits(ids.len());
        for id in ids {
            sqs.world.until(id, JobState::Succeeded).await;
        }
    }
    running.drain().await;
    sqs.delete().await;
}

#[tokio::test]
async fn dead_letters_of_a_lane_are_cared_for_though_the_leader_does_not_serve_it() {
    let sqs = SqsWorld::with_dead_letters().await;
    // Three times as long a silence costs the leadership: longer than a busy machine stands still.
    let steady = || Config {
        maintenance: MaintenanceConfig {
            leader_check: Duration::from_secs(5),
            ..eager().maintenance
        },
        ..eager()
    };
    let leader = sqs.world.run(sqs.worker(test_handlers(), steady()).await);
    eventually("the first worker leads", PATIENCE, async || {
        leader.handle.status().leads.then_some(())
    })
    .await;
    let high = sqs.another_lane("high").await;
    let lanes = vec![sqs.lane(), high.clone()];
    let other = sqs
        .world
        .run(sqs.worker_of(test_handlers(), steady(), lanes).await);
    let id = sqs
        .world
        .submit(job_in(&high, "test.fail", &json!({"message": "no"})))
        .await;
    sqs.world.until(id, JobState::Failed).await;
    let dead_letters = high.dead_letters.unwrap();
    // The second time because the reconciliation missed it.
    for time in ["announced", "announced again"] {
        let delivery = eventually(&format!("the dead letter is {time}"), PATIENCE, async || {
            let receive = Receive {
                max: 1,
                wait: Duration::from_secs(1),
                visibility: Duration::from_secs(30),
            };
            dead_letters.receive(receive).await.unwrap().pop()
        })
        .await;
        assert_eq!(delivery.message.unwrap().job_id, id);
        dead_letters.delete(&[delivery.receipt]).await.unwrap();
    }
    assert!(leader.handle.status().leads, "the whole time");
    leader.drain().await;
    other.drain().await;
    sqs.delete().await;
}
