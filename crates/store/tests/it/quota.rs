//! What waits, for tenants that may not have any number of jobs waiting.

use domain::{NewJob, Outcome};
use testkit::new_job;

use crate::world::World;

#[tokio::test]
async fn what_waits_is_counted_up_to_the_quota() {
    let world = World::new().await;
    let lanes = ["default".parse().unwrap(), "other".parse().unwrap()];
    let waiting = async || {
        let waiting = world.api.waiting_jobs(world.tenant_id, &lanes).await.unwrap();
        waiting.map(|waiting| (waiting.limit, waiting.jobs))
    };
    assert_eq!(waiting().await, None);
    world.sql("update tenant set max_queued_jobs = 4").await;
    let id = world.submit(new_job()).await.id;
    world
        .submit(NewJob {
            queue: "other".parse().unwrap(),
            ..new_job()
        })
        .await;
    assert_eq!(waiting().await, Some((4, 2)));
    let started = world.start(id).await;
    assert_eq!(waiting().await, Some((4, 1)), "what runs does not wait");
    world
        .end(started, Outcome::Snoozed(std::time::Duration::from_mins(1)))
        .await;
    assert_eq!(waiting().await, Some((4, 2)), "what is due later does");
    for _ in 0..5 {
        world.submit(new_job()).await;
    }
    assert_eq!(waiting().await, Some((4, 4)));
}
