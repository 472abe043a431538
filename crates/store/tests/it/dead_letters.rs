//! Dead letters: found, grouped, retried, discarded, announced and revived.

use std::time::Duration;

use domain::{Failure, FailureCode, JobId, JobState, NewJob, Outcome, QueueName, RetryPolicy, Tag};
use store::{Claim, DeadLetterFilter, RedrivenDeadLetters};
use testkit::new_job;

use crate::world::World;

fn default_lane() -> QueueName {
    QueueName::default_lane()
}

impl World {
    async fn dead_letter(&self, message: &str) -> JobId {
        self.dead_letter_of(new_job(), message).await
    }

    pub(crate) async fn dead_letter_of(&self, job: NewJob, message: &str) -> JobId {
        let policy = RetryPolicy {
            max_attempts: 1,
            ..RetryPolicy::default()
        };
        let id = self.submit(NewJob { policy, ..job }).await.id;
        self.fail(id, message).await;
        id
    }

    async fn fail(&self, id: JobId, message: &str) {
        let failure = Failure::new(FailureCode::HandlerError, message);
        self.end(self.start(id).await, Outcome::Aborted(failure)).await;
    }

    async fn dead_letters(&self, filter: &DeadLetterFilter) -> Vec<JobId> {
        let listed = self
            .api
            .list_dead_letters(self.tenant_id, filter, None, 100)
            .await
            .unwrap();
        let (counted, _) = self.api.count_dead_letters(self.tenant_id, filter).await.unwrap();
        assert_eq!(counted, listed.len() as u64);
        listed.into_iter().map(|letter| letter.job_id).collect()
    }
}

/// A filter that one member makes.
fn filter(set: impl FnOnce(&mut DeadLetterFilter)) -> DeadLetterFilter {
    let mut filter = DeadLetterFilter::default();
    set(&mut filter);
    filter
}

#[tokio::test]
async fn a_page_starts_after_the_one_before_and_tells_what_failed() {
    let world = World::new().await;
    let one = world.dead_letter("user 1 not found").await;
    let two = world.dead_letter("disk full").await;
    let all = DeadLetterFilter::default();
    assert_eq!(world.dead_letters(&all).await, [two, one], "newest first");

    let listed = world.api.list_dead_letters(world.tenant_id, &all, Some(two), 1);
    let letters = listed.await.unwrap();
    let [letter] = &letters[..] else {
        panic!("{letters:?}")
    };
    assert_eq!((letter.job_id, letter.attempt), (one, 1));
    assert_eq!(letter.error_code, "handler_error");
    assert_eq!(letter.error_message.as_deref(), Some("user 1 not found"));
    let fingerprint = Failure::new(FailureCode::HandlerError, "user 77 not found").fingerprint();
    assert_eq!(letter.fingerprint, fingerprint);

    let other = world.db.tenant().await;
    let of_other = world.api.list_dead_letters(other, &all, None, 10);
    assert!(of_other.await.unwrap().is_empty());
}

#[tokio::test]
async fn each_filter_selects() {
    let world = World::new().await;
    let one = world.dead_letter("user 1 not found").await;
    let tag: Tag = "night".parse().unwrap();
    let tagged = NewJob {
        tags: vec![tag],
        ..new_job()
    };
    let two = world.dead_letter_of(tagged, "disk full").await;
    let fingerprint = Failure::new(FailureCode::HandlerError, "user 2 not found").fingerprint();
    let all = DeadLetterFilter::default();
    let letters = world.api.list_dead_letters(world.tenant_id, &all, Some(two), 1);
    let later = letters.await.unwrap()[0].failed_at + Duration::from_micros(1);
    for (filter, selected) in [
        (filter(|f| f.fingerprint = Some(fingerprint)), &[one][..]),
        (filter(|f| f.job_ids = Some(vec![two])), &[two]),
        (filter(|f| f.tag = Some("night".to_owned())), &[two]),
        (filter(|f| f.failed_after = Some(later)), &[two]),
        (filter(|f| f.failed_before = Some(later)), &[one]),
        (filter(|f| f.queue = Some("default".to_owned())), &[two, one]),
        (filter(|f| f.queue = Some("low".to_owned())), &[]),
        (filter(|f| f.kind = Some("no.such".to_owned())), &[]),
        (filter(|f| f.error_code = Some("panicked".to_owned())), &[]),
    ] {
        assert_eq!(world.dead_letters(&filter).await, selected, "{filter:?}");
    }
}

#[tokio::test]
async fn failures_of_one_cause_are_one_group() {
    let world = World::new().await;
    for user in 1..=3 {
        world.dead_letter(&format!("user {user} not found")).await;
    }
    let last = world.dead_letter("disk full").await;
    let groups = world
        .api
        .group_dead_letters(world.tenant_id, &DeadLetterFilter::default(), 10)
        .await
        .unwrap();
    let counts: Vec<u64> = groups.iter().map(|group| group.count).collect();
    assert_eq!(counts, [3, 1]);
    assert_eq!(groups[0].example_message.as_deref(), Some("user 3 not found"));
    assert_eq!(groups[1].example_job_id, last);
    assert!(groups[0].first_failed_at < groups[0].last_failed_at);
}

#[tokio::test]
async fn a_bulk_retry_queues_jobs_at_the_pace_that_was_asked_for() {
    let world = World::new().await;
    let ids = [
        world.dead_letter("a").await,
        world.dead_letter("b").await,
        world.dead_letter("c").await,
    ];
    let redriven = world
        .api
        .redrive_dead_letters(
            &testkit::actor(world.tenant_id),
            &DeadLetterFilter::default(),
            2,
            Duration::from_secs(60),
        )
        .await
        .unwrap();
    let queues = vec!["default".to_owned()];
    assert_eq!(redriven, RedrivenDeadLetters { jobs: 2, queues });
    let nothing = DeadLetterFilter {
        kind: Some("no.such".to_owned()),
        ..DeadLetterFilter::default()
    };
    let actor = testkit::actor(world.tenant_id);
    let of_nothing = world
        .api
        .redrive_dead_letters(&actor, &nothing, 10, Duration::ZERO);
    assert_eq!(of_nothing.await.unwrap(), RedrivenDeadLetters::default());
    assert_eq!(world.tokens(ids[1]).await, ["outbox"]);
    assert_eq!(world.tokens(ids[2]).await, ["dead_letter"], "beyond the limit");
    let (first, second) = (world.job(ids[0]).await, world.job(ids[1]).await);
    assert_eq!(
        (first.state, first.attempts_spent, first.error_code),
        (JobState::Queued, 0, None)
    );
    assert_eq!((second.run_at - first.run_at).num_seconds(), 60);

    // The second one waits its turn: only the first is there to be taken.
    let taken = world.take_doorbells(Duration::from_secs(25)).await;
    let taken: Vec<JobId> = taken.into_iter().map(|doorbell| doorbell.job_id).collect();
    assert_eq!(taken, [ids[0]]);
    world.start(ids[0]).await;
    let backlog = world.worker.backlog().await.unwrap();
    assert_eq!(
        (backlog.lanes[0].jobs, backlog.lanes[0].oldest),
        (1, Duration::ZERO),
        "it is not late before its turn"
    );
}

#[tokio::test]
async fn a_discarded_job_stays_failed_and_may_still_be_retried() {
    let world = World::new().await;
    let id = world.dead_letter("no").await;
    let all = DeadLetterFilter::default();
    let discarded = world
        .api
        .discard_dead_letters(&testkit::actor(world.tenant_id), &all, 10)
        .await;
    assert_eq!(discarded.unwrap(), 1);
    assert!(world.tokens(id).await.is_empty());
    assert_eq!(world.job(id).await.state, JobState::Failed);
    assert_eq!(
        world.events(id).await,
        ["submitted", "started", "failed", "discarded"]
    );
    let again = world
        .api
        .discard_dead_letters(&testkit::actor(world.tenant_id), &all, 10)
        .await;
    assert_eq!(again.unwrap(), 0);

    assert!(
        !world.worker.revive(id, 1).await.unwrap(),
        "what was discarded is not revived by a message"
    );
    world
        .api
        .redrive(&testkit::actor(world.tenant_id), id)
        .await
        .unwrap();
    assert_eq!(world.tokens(id).await, ["outbox"]);
}

#[tokio::test]
async fn each_dead_letter_is_announced_once_and_again_when_its_message_is_gone() {
    let world = World::new().await;
    let (one, two) = (world.dead_letter("a").await, world.dead_letter("b").await);
    let lane = default_lane();
    let take = || async {
        let owed = world.worker.take_owed_dead_letters(&lane, 10).await.unwrap();
        owed.into_iter()
            .map(|notice| (notice.job_id, notice.attempt))
            .collect::<Vec<_>>()
    };
    let mut owed = take().await;
    owed.sort_unstable_by_key(|(id, _)| id.0);
    assert_eq!(owed, [(one, 1), (two, 1)]);
    assert!(take().await.is_empty());
    assert_eq!(world.worker.count_announced_dead_letters(&lane).await.unwrap(), 2);

    world.worker.owe_dead_letters(&[one]).await.unwrap();
    assert_eq!(take().await, [(one, 1)]);

    let unseen = |age| {
        world
            .worker
            .owe_unseen_dead_letters(&lane, std::slice::from_ref(&one), age, 10)
    };
    assert_eq!(
        unseen(Duration::from_secs(60)).await.unwrap(),
        0,
        "announced a moment ago"
    );
    assert_eq!(unseen(Duration::ZERO).await.unwrap(), 1);
    assert_eq!(take().await, [(two, 1)]);
}

#[tokio::test]
async fn a_message_revives_its_own_dead_letter_only() {
    let world = World::new().await;
    let id = world.dead_letter("no").await;
    assert_eq!(world.worker.dead_letters_among(&[id]).await.unwrap()[&id], 1);
    assert!(!world.worker.revive(id, 2).await.unwrap());
    assert!(world.worker.revive(id, 1).await.unwrap());
    assert!(!world.worker.revive(id, 1).await.unwrap());
    assert!(world.worker.dead_letters_among(&[id]).await.unwrap().is_empty());
    let started = world.start(id).await;
    assert_eq!(
        (started.lease.attempt, started.spent),
        (2, 1),
        "all attempts again"
    );
    assert!(matches!(world.claim(id).await, Claim::Held { .. }));
}
