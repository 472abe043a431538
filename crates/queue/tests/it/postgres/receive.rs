//! What wakes a receiver, and what it costs while it waits.

use std::pin::pin;
use std::time::Duration;

use queue::postgres::{Bell, PostgresQueue};
use queue::{Envelope, Queue, Receive};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Executor};
use tokio::join;
use tokio::time::{Instant, timeout};

use super::{AT_ONCE, ONE, PATIENCE, envelope, insert, message};
use crate::postgres_backend::{PostgresBackend, run};

/// Counts the looks: each is one statement that updates the outbox, also when there is nothing to update.
async fn count_looks(backend: &PostgresBackend) {
    let counter = "
        create sequence look;
        create function count_look() returns trigger language plpgsql security definer as $$
            begin perform nextval('public.look'); return null; end
        $$;
        create trigger count_look after update on outbox for each statement execute function count_look();";
    backend.admin.execute(counter).await.unwrap();
}

async fn looks(backend: &PostgresBackend) -> i64 {
    let looks = "select case when is_called then last_value else 0 end from look";
    sqlx::query_scalar(looks).fetch_one(&backend.admin).await.unwrap()
}

#[tokio::test]
async fn the_bell_wakes_a_receiver() {
    run(async |backend: &PostgresBackend| {
        backend.listener.listening().await;
        let bell = Bell::start(backend.pool.clone(), &backend.tasks, backend.stop.clone());
        let queue = backend.lane_by_signals("default");
        let mut waiting = pin!(queue.receive(ONE));
        assert!(timeout(Duration::from_millis(500), &mut waiting).await.is_err());

        insert(backend, "default").await;
        bell.ring(&"default".parse().unwrap());
        let deliveries = waiting.await.unwrap();
        assert_eq!(deliveries[0].message, Ok(message()));
    })
    .await;
}

#[tokio::test]
async fn a_message_without_a_signal_is_found_by_looking() {
    run(async |backend: &PostgresBackend| {
        backend.listener.listening().await;
        let queue = backend.lane("default");
        let mut waiting = pin!(queue.receive(ONE));
        assert!(timeout(Duration::from_millis(500), &mut waiting).await.is_err());
        insert(backend, "default").await;
        assert_eq!(waiting.await.unwrap()[0].message, Ok(message()));
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_waits_does_not_hammer_the_database() {
    run(async |backend: &PostgresBackend| {
        count_looks(backend).await;
        backend.listener.listening().await;
        let receive = Receive {
            wait: Duration::from_secs(9),
            ..ONE
        };
        assert!(backend.lane("default").receive(receive).await.unwrap().is_empty());
        assert_eq!(looks(backend).await, 2, "one at once, one after five seconds");
    })
    .await;
}

#[tokio::test]
async fn a_receiver_looks_again_when_a_hidden_message_is_due() {
    run(async |backend: &PostgresBackend| {
        count_looks(backend).await;
        backend.listener.listening().await;
        insert(backend, "default").await;
        backend
            .admin
            .execute("alter table outbox disable trigger count_look")
            .await
            .unwrap();
        backend
            .admin
            .execute("update outbox set visible_at = now() + interval '10 s'")
            .await
            .unwrap();
        backend
            .admin
            .execute("alter table outbox enable trigger count_look")
            .await
            .unwrap();

        let queue = backend.lane_by_signals("default");
        assert_eq!(queue.receive(ONE).await.unwrap().len(), 1);
        // One at once and one when it is due; a third if the two clocks disagree by a millisecond.
        let looks = looks(backend).await;
        assert!(looks <= 3, "{looks} looks");
    })
    .await;
}

#[tokio::test]
async fn a_waiting_receiver_learns_of_a_delayed_message() {
    run(async |backend: &PostgresBackend| {
        backend.listener.listening().await;
        let queue = backend.lane_by_signals("default");
        let mut waiting = pin!(queue.receive(ONE));
        assert!(timeout(Duration::from_millis(500), &mut waiting).await.is_err());

        let delay = Duration::from_secs(1);
        let delayed = [Envelope { delay, ..envelope() }];
        let sent_at = Instant::now();
        let (deliveries, sent) = join!(waiting, queue.send(&delayed));
        assert!(sent.unwrap().is_empty());
        assert_eq!(deliveries.unwrap().len(), 1);
        assert!(sent_at.elapsed() >= delay, "{:?}", sent_at.elapsed());
    })
    .await;
}

#[tokio::test]
async fn a_row_that_another_transaction_holds_is_skipped() {
    run(async |backend: &PostgresBackend| {
        insert(backend, "default").await;
        #[expect(clippy::disallowed_methods, reason = "its beginning is waited for")]
        let mut claim = backend.admin.begin().await.unwrap();
        claim.execute("select from outbox for update").await.unwrap();
        let queue = backend.lane("default");
        let received = timeout(PATIENCE, queue.receive(AT_ONCE))
            .await
            .expect("it does not wait for the lock");
        assert!(received.unwrap().is_empty());
        claim.rollback().await.unwrap();
        assert_eq!(queue.receive(AT_ONCE).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn lanes_do_not_share_messages() {
    run(async |backend: &PostgresBackend| {
        insert(backend, "slow").await;
        for other in ["fast", "tail"] {
            assert!(
                backend.lane(other).receive(AT_ONCE).await.unwrap().is_empty(),
                "{other}"
            );
        }
        assert_eq!(backend.lane("slow").receive(AT_ONCE).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_burst_after_a_quiet_time_is_read_by_the_index_with_the_plan_of_the_quiet_time() {
    run(async |backend: &PostgresBackend| {
        // One connection, so that its prepared statements can be looked at.
        let options = backend.pool.connect_options().as_ref().clone();
        let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
        let queue = PostgresQueue::new(pool.clone(), "default".parse().unwrap(), backend.listener.clone());
        backend
            .admin
            .execute("alter table outbox set (autovacuum_enabled = off)")
            .await
            .unwrap();
        backend.admin.execute("vacuum analyze outbox").await.unwrap();
        for _ in 0..10 {
            assert!(queue.receive(AT_ONCE).await.unwrap().is_empty());
        }
        let burst = "insert into outbox (job_id, tenant_id, queue)
            select gen_random_uuid(), gen_random_uuid(), 'default' from generate_series(1, 20000)";
        backend.admin.execute(burst).await.unwrap();
        for _ in 0..10 {
            assert_eq!(queue.receive(AT_ONCE).await.unwrap().len(), 1);
        }

        let statement =
            "select name, generic_plans from pg_prepared_statements where statement like '%skip locked%'";
        let (name, kept_plans): (String, i64) = sqlx::query_as(statement).fetch_one(&pool).await.unwrap();
        assert!(kept_plans >= 10, "{kept_plans}");
        let nobody = uuid::Uuid::nil();
        let explain =
            format!("explain execute {name} ('default', 50, 30, '{nobody}', 1000, '{{}}', '{{}}', 50)");
        let plan: Vec<String> = sqlx::query_scalar(AssertSqlSafe(explain))
            .fetch_all(&pool)
            .await
            .unwrap();
        let plan = plan.join("\n");
        let looks = plan.matches("using outbox_queue_tenant_visible_idx").count();
        assert_eq!(looks, 4, "{plan}");
        assert!(plan.contains("Index Scan using outbox_pkey"), "{plan}");
        assert!(!plan.contains("Seq Scan") && !plan.contains("Hash"), "{plan}");
        assert!(!plan.contains("Sort Key: o"), "{plan}");
    })
    .await;
}
