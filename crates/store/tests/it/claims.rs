//! When an attempt starts.

use std::time::Duration;

use sqlx::Executor as _;
use store::Claim;
use testkit::{eventually, new_job};

use crate::world::World;

#[tokio::test]
async fn an_attempt_starts_no_earlier_than_what_its_claim_sees() {
    let world = World::new().await;
    let job = new_job();
    let id = job.id;
    // A statement's time is that of its first moment, and what it sees is from after it was planned.
    let mut door = world.db.superuser().await;
    door.execute("begin; lock table claim in access exclusive mode")
        .await
        .unwrap();
    let opened = async {
        let waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        eventually(
            "the claim is being planned",
            Duration::from_secs(30),
            async || {
                let mut superuser = world.db.superuser().await;
                let count: i64 = sqlx::query_scalar(waiting)
                    .fetch_one(&mut superuser)
                    .await
                    .unwrap();
                (count == 1).then_some(())
            },
        )
        .await;
        world.submit(job).await;
        door.execute("commit").await.unwrap();
    };
    let (claim, ()) = tokio::join!(world.claim(id), opened);
    assert!(matches!(claim, Claim::Started(_)), "{claim:?}");
    let events = world.api.events(world.tenant_id, id).await.unwrap().unwrap();
    assert_eq!(events[1].event, "started");
    assert!(events[1].at >= events[0].at, "{events:?}");
    let attempts = world.api.attempts(world.tenant_id, id).await.unwrap().unwrap();
    assert_eq!(attempts[0].started_at, events[1].at);
}
