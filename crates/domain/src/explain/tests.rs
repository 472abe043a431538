use super::*;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

fn in_secs(secs: i64) -> DateTime<Utc> {
    now() + TimeDelta::seconds(secs)
}

fn waiting(change: impl FnOnce(&mut Waiting)) -> Standing {
    let mut waiting = Waiting {
        queue: QueueName::default_lane(),
        kind: "test.echo".parse().unwrap(),
        pause: None,
        limit: None,
        workers: 2,
        workers_of_kind: 1,
        run_at: now(),
        announced: None,
        ahead: 0,
        started_per_sec: 0.0,
    };
    change(&mut waiting);
    Standing::Waiting(Box::new(waiting))
}

fn told(standing: &Standing) -> (&'static str, Option<DateTime<Utc>>) {
    let explanation = explain(standing, now());
    (explanation.reason.code(), explanation.expected_start_at)
}

#[test]
fn nothing_keeps_a_job_that_is_next() {
    assert_eq!(told(&waiting(|_| {})), ("next_in_line", Some(now())));
}

#[test]
fn what_keeps_longest_comes_first() {
    let mut standing = waiting(|waiting| {
        waiting.pause = Some(Paused {
            everyone: false,
            since: in_secs(-60),
            reason: None,
        });
        waiting.workers = 0;
        waiting.workers_of_kind = 0;
        waiting.limit = Some(Limit {
            max_running_jobs: 2,
            running: 2,
            holders: Vec::new(),
        });
        waiting.announced = Some(false);
        waiting.ahead = 5;
    });
    type Remove = fn(&mut Waiting);
    let removals: [(&str, Remove); 7] = [
        ("queue_paused", |waiting| waiting.pause = None),
        ("no_worker", |waiting| waiting.workers = 1),
        ("no_worker_for_kind", |waiting| waiting.workers_of_kind = 1),
        ("tenant_limit", |waiting| waiting.limit = None),
        ("not_announced", |waiting| waiting.announced = Some(true)),
        ("behind", |waiting| waiting.ahead = 0),
        ("next_in_line", |_| {}),
    ];
    for (code, remove) in removals {
        assert_eq!(told(&standing).0, code);
        let Standing::Waiting(waiting) = &mut standing else {
            unreachable!("it waits");
        };
        remove(waiting);
    }
}

#[test]
fn a_limit_with_room_keeps_nobody() {
    let standing = waiting(|waiting| {
        waiting.limit = Some(Limit {
            max_running_jobs: 2,
            running: 1,
            holders: Vec::new(),
        });
    });
    assert_eq!(told(&standing).0, "next_in_line");
}

#[test]
fn the_wait_is_estimated_by_the_last_minute() {
    let ahead = |started_per_sec| {
        waiting(|waiting| {
            waiting.ahead = 9;
            waiting.started_per_sec = started_per_sec;
        })
    };
    assert_eq!(told(&ahead(2.0)), ("behind", Some(in_secs(5))));
    assert_eq!(told(&ahead(0.0)), ("behind", None));
    assert_eq!(told(&ahead(1e-300)), ("behind", None));
}

#[test]
fn a_job_that_is_due_later_says_why() {
    let later = |change: fn(&mut Later)| {
        let mut later = Later {
            run_at: in_secs(30),
            resting: None,
            attempts_spent: 0,
            error_code: None,
            snoozed: false,
        };
        change(&mut later);
        told(&Standing::Later(later))
    };
    let due = Some(in_secs(30));
    assert_eq!(later(|_| {}), ("scheduled", due));
    assert_eq!(later(|later| later.snoozed = true), ("snoozed", due));
    let failed: fn(&mut Later) = |later| {
        later.attempts_spent = 1;
        later.error_code = Some("timed_out".to_owned());
    };
    assert_eq!(later(failed), ("backing_off", due));
    let resting: fn(&mut Later) = |later| {
        later.snoozed = true;
        later.resting = Some(Resting {
            target: "https://example.com".to_owned(),
            until: in_secs(20),
            last_error: "no connection".to_owned(),
        });
    };
    assert_eq!(later(resting), ("target_resting", due));
}

#[test]
fn a_spread_retry_is_due_later_although_it_is_queued() {
    let standing = waiting(|waiting| {
        waiting.run_at = in_secs(40);
        waiting.ahead = 5;
    });
    assert_eq!(told(&standing), ("scheduled", Some(in_secs(40))));
}

#[test]
fn a_running_job_runs_until_its_lease_is_over() {
    let running = |lease_expires_at| {
        told(&Standing::Running(Running {
            attempt: 3,
            worker_id: WorkerId(uuid::Uuid::nil()),
            started_at: in_secs(-10),
            lease_expires_at,
            cancel_requested: false,
        }))
    };
    assert_eq!(running(Some(in_secs(5))), ("running", None));
    assert_eq!(running(Some(in_secs(-1))), ("worker_lost", Some(now())));
    assert_eq!(running(None), ("worker_lost", Some(now())));
    let ended = Standing::Ended {
        state: JobState::Cancelled,
        at: now(),
    };
    assert_eq!(told(&ended), ("ended", None));
}
