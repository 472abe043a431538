//! What is told of fire times that were let go.

use chrono::TimeDelta;
use domain::JobId;
use domain::schedule::{Missed, Overlap, Rules, Skip};
use store::{Firing, ScheduleChange};

use super::fire::{firing, new_id};
use super::hourly;
use crate::world::World;

#[tokio::test]
async fn the_newest_fire_time_without_a_job_is_kept_with_the_reason() {
    let world = World::new().await;
    let fire = async |overlap, missed, late: TimeDelta| {
        let change = ScheduleChange {
            overlap,
            missed,
            ..hourly("nightly")
        };
        world.put(&change).await;
        world
            .sql("update schedule set next_fire_at = date_trunc('hour', now()) - interval '5 hours'")
            .await;
        let due = world.due().await.remove(0);
        let rules = Rules {
            timing: change.timing,
            overlap,
            missed,
            missed_after: due.missed_after,
        };
        let plan = rules.plan(due.due_at, due.due_at + late);
        let firing = Firing {
            job_ids: plan.fires.iter().map(|_| JobId(new_id())).collect(),
            plan,
            ..firing(&due)
        };
        let fired = world.worker.fire(&[firing]).await.unwrap().fired.remove(0);
        let told = world.schedule("nightly").await;
        // What has fired once does not again, so that each round finds the same.
        world.sql("delete from schedule_fire").await;
        let since_due = told.last_skipped_at.map(|at| (at - due.due_at).num_hours());
        (fired, since_due.zip(told.last_skip_reason))
    };
    let (hours, minutes) = (TimeDelta::hours, TimeDelta::minutes);

    let (fired, told) = fire(Overlap::Allow, Missed::All, hours(2)).await;
    assert_eq!((fired.jobs.len(), fired.skipped, told), (3, None, None));
    let (fired, told) = fire(Overlap::Allow, Missed::Latest, hours(2) + minutes(30)).await;
    assert_eq!(
        (fired.jobs.len(), fired.skipped, told),
        (1, Some(Skip::Missed), Some((1, Skip::Missed)))
    );
    let (fired, told) = fire(Overlap::Allow, Missed::Skip, hours(3) + minutes(30)).await;
    assert_eq!(
        (fired.jobs.len(), fired.skipped, told),
        (0, Some(Skip::Missed), Some((3, Skip::Missed)))
    );
    let (fired, told) = fire(Overlap::Skip, Missed::Latest, hours(3)).await;
    assert_eq!(
        (fired.jobs.len(), fired.skipped, told),
        (0, Some(Skip::Overlap), Some((3, Skip::Overlap))),
        "the previous job has not ended"
    );
    let last = world.schedule("nightly").await.last_job_id.unwrap();
    world.end_job(last).await;
    let (fired, told) = fire(Overlap::Skip, Missed::Latest, hours(3)).await;
    assert_eq!(
        (fired.jobs.len(), fired.skipped, told),
        (1, Some(Skip::Overlap), Some((2, Skip::Overlap))),
        "only the newest has a job"
    );
}
