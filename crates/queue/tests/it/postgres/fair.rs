//! Whose messages are received, when several tenants have some.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use domain::{LaneHolds, TenantId};
use queue::{Delivery, Queue, Receive};
use tokio::time::timeout;
use uuid::Uuid;

use super::{AT_ONCE, ONE, PATIENCE};
use crate::postgres_backend::{PostgresBackend, run};

fn tenant(number: u128) -> TenantId {
    TenantId(Uuid::from_u128(number))
}

async fn enqueue(backend: &PostgresBackend, tenant_id: TenantId, rows: i32) {
    let insert = "insert into outbox (job_id, tenant_id, queue)
        select gen_random_uuid(), $1, 'default' from generate_series(1, $2)";
    sqlx::query(insert)
        .bind(tenant_id.0)
        .bind(rows)
        .execute(&backend.admin)
        .await
        .unwrap();
}

fn up_to(max: usize) -> Receive {
    Receive { max, ..AT_ONCE }
}

fn owners(deliveries: &[Delivery]) -> BTreeMap<TenantId, usize> {
    let mut owners = BTreeMap::new();
    for delivery in deliveries {
        *owners
            .entry(delivery.message.as_ref().unwrap().tenant_id)
            .or_default() += 1;
    }
    owners
}

fn paused(tenant_id: TenantId) -> LaneHolds {
    with_room(tenant_id, 0)
}

fn with_room(tenant_id: TenantId, room: u32) -> LaneHolds {
    LaneHolds {
        everyone: false,
        rooms: BTreeMap::from([(tenant_id, room)]),
        most: None,
    }
}

#[tokio::test]
async fn a_job_behind_ten_thousand_of_another_tenant_is_among_the_first_two() {
    run(async |backend: &PostgresBackend| {
        for (busy, quiet) in [(2, 1), (3, 4)] {
            enqueue(backend, tenant(busy), 10_000).await;
            enqueue(backend, tenant(quiet), 1).await;
            let queue = backend.lane("default");
            let mut first = queue.receive(up_to(1)).await.unwrap();
            first.extend(queue.receive(up_to(1)).await.unwrap());
            assert_eq!(owners(&first), [(tenant(busy), 1), (tenant(quiet), 1)].into());
            sqlx::query("delete from outbox")
                .execute(&backend.admin)
                .await
                .unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_look_shares_what_it_takes_among_the_tenants_and_leaves_nobody_out() {
    run(async |backend: &PostgresBackend| {
        let queue = backend.lane("default");
        for number in 1..=5 {
            enqueue(backend, tenant(number), 100).await;
        }
        let taken = queue.receive(up_to(50)).await.unwrap();
        assert_eq!(
            owners(&taken),
            (1..=5).map(|number| (tenant(number), 10)).collect()
        );
        // Fewer than there are tenants, round after round.
        for _ in 0..3 {
            let mut round = Vec::new();
            for _ in 0..5 {
                round.extend(queue.receive(up_to(2)).await.unwrap());
            }
            assert_eq!(
                owners(&round),
                (1..=5).map(|number| (tenant(number), 2)).collect()
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_tenant_that_is_alone_gets_all_and_its_oldest_come_first() {
    run(async |backend: &PostgresBackend| {
        enqueue(backend, tenant(7), 300).await;
        let aged = "update outbox set visible_at = now() - interval '1 minute'
            where job_id in (select job_id from outbox order by job_id limit 40)";
        sqlx::query(aged).execute(&backend.admin).await.unwrap();
        let queue = backend.lane("default");
        assert_eq!(queue.receive(up_to(40)).await.unwrap().len(), 40);
        let oldest_left = "select count(*) from outbox where visible_at < now() - interval '30 s'";
        let left: i64 = sqlx::query_scalar(oldest_left)
            .fetch_one(&backend.admin)
            .await
            .unwrap();
        assert_eq!(left, 0);
        assert_eq!(queue.receive(up_to(100)).await.unwrap().len(), 100);
    })
    .await;
}

#[tokio::test]
async fn more_tenants_than_one_look_goes_to_are_all_served() {
    run(async |backend: &PostgresBackend| {
        let insert = "insert into outbox (job_id, tenant_id, queue, visible_at)
            select gen_random_uuid(), lpad(to_hex(number), 32, '0')::uuid, 'default',
                   case when number = 2500 then now() else now() + interval '1 hour' end
            from generate_series(1, 2500) number";
        sqlx::query(insert).execute(&backend.admin).await.unwrap();
        let queue = backend.lane_by_signals("default");
        let patient = Receive {
            wait: PATIENCE,
            ..up_to(10)
        };
        let taken = queue.receive(patient).await.unwrap();
        assert_eq!(owners(&taken), [(tenant(2_500), 1)].into());
    })
    .await;
}

#[tokio::test]
async fn what_is_held_stays_and_costs_the_others_nothing() {
    run(async |backend: &PostgresBackend| {
        let queue = backend.lane("default");
        enqueue(backend, tenant(1), 500).await;
        enqueue(backend, tenant(2), 20).await;
        queue.hold(&paused(tenant(1)));
        let taken = queue.receive(up_to(15)).await.unwrap();
        assert_eq!(owners(&taken), [(tenant(2), 15)].into());
        queue.hold(&with_room(tenant(1), 3));
        let taken = queue.receive(up_to(100)).await.unwrap();
        assert_eq!(owners(&taken), [(tenant(1), 3), (tenant(2), 5)].into());
        queue.hold(&LaneHolds {
            most: Some(4),
            ..with_room(tenant(2), 9)
        });
        let taken = queue.receive(up_to(100)).await.unwrap();
        assert_eq!(owners(&taken), [(tenant(1), 4)].into());
        enqueue(backend, tenant(2), 20).await;
        let taken = queue.receive(up_to(100)).await.unwrap();
        assert_eq!(owners(&taken), [(tenant(1), 4), (tenant(2), 4)].into());
        queue.hold(&LaneHolds {
            everyone: true,
            ..LaneHolds::default()
        });
        assert!(queue.receive(up_to(100)).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_waits_learns_that_nothing_is_held_any_more() {
    run(async |backend: &PostgresBackend| {
        backend.listener.listening().await;
        let queue = backend.lane_by_signals("default");
        enqueue(backend, tenant(1), 1).await;
        queue.hold(&paused(tenant(1)));
        let mut waiting = pin!(queue.receive(ONE));
        assert!(timeout(Duration::from_millis(300), &mut waiting).await.is_err());
        queue.hold(&LaneHolds::default());
        assert_eq!(waiting.await.unwrap().len(), 1);
    })
    .await;
}
