//! A big day is dropped while everybody works.

use std::time::Duration;

use domain::{Finish, JobState, NewJob, Outcome, WorkerId};
use serde_json::json;
use sqlx::Executor as _;
use store::{Claim, Ending, Finished, PoolConfig, Role, Store, Submission, Submitted};
use tokio::time::Instant;

use crate::world::{PATIENCE, World, job, random, test_handlers};

/// How long anybody may wait for a lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// A day, 60 days ago, of 200,000 jobs that ended, of which some ended lately, and of jobs that live or are dead.
const BIG_DAY: &str = "
    set role tandem_owner;
    call create_partition('job', 'id', (now() at time zone 'utc')::date - 60);
    call create_partition('attempt', 'job_id', (now() at time zone 'utc')::date - 60);
    call create_partition('job_event', 'job_id', (now() at time zone 'utc')::date - 60);
    reset role;
    create temporary table day_job as
        select uuid_v7_floor((((now() at time zone 'utc')::date - 60) + i * interval '400 milliseconds') at time zone 'utc') as id,
               (select id from tenant) as tenant_id,
               case when i % 250 = 1 then 'scheduled' when i % 250 = 2 then 'queued' when i % 250 = 3 then 'failed'
                    else 'succeeded' end as state,
               now() - case when i % 250 = 4 then interval '1 day' else interval '60 days' end as finished_at
        from generate_series(1, 200000) i;
    insert into job (id, tenant_id, timeout_ms, backoff_initial_ms, backoff_max_ms, backoff_factor, max_attempts, kind, queue,
                     payload, attempt, version, finished_at, state)
        select id, tenant_id, 1000, 1000, 1000, 2, 5, 'test.echo', 'nobodys', 'null', 1, 3,
               case when state in ('failed', 'succeeded') then finished_at end, state
        from day_job;
    insert into attempt (job_id, attempt, tenant_id, worker_id, started_at, event)
        select id, 1, tenant_id, id, now(), state from day_job;
    insert into job_event (job_id, number, tenant_id, event)
        select id, n, tenant_id, 'started' from day_job, generate_series(2, 3) n;
    insert into due (job_id, tenant_id, run_at)
        select id, tenant_id, now() + interval '1 year' from day_job where state = 'scheduled';
    insert into outbox (job_id, tenant_id, queue) select id, tenant_id, 'nobodys' from day_job where state = 'queued';
    insert into dead_letter (job_id, tenant_id, kind, queue, error_code, attempt, fingerprint)
        select id, tenant_id, 'test.echo', 'nobodys', 'handler_error', 1, '' from day_job where state = 'failed'";
const SURVIVORS: i64 = 4 * 800;

/// Somebody who submits, claims and finishes, new jobs and those of the day, and does not wait for a lock.
struct Somebody<'a> {
    world: &'a World,
    api: Store,
    worker: Store,
    worker_id: WorkerId,
    slowest: Duration,
}

impl<'a> Somebody<'a> {
    async fn new(world: &'a World) -> Self {
        let url = format!(
            "{}?options[lock_timeout]={}",
            world.db.url(),
            LOCK_TIMEOUT.as_millis()
        );
        let config = PoolConfig {
            acquire_timeout: PATIENCE,
            lock_timeout: LOCK_TIMEOUT,
            ..PoolConfig::default()
        };
        let open = async |role| Store::open_url(&url, role, config).await.unwrap();
        let worker = open(Role::Worker).await;
        let worker_id = WorkerId(random());
        worker
            .register_worker(worker_id, "test", Duration::from_mins(10))
            .await
            .unwrap();
        let api = open(Role::Api).await;
        Self {
            world,
            api,
            worker,
            worker_id,
            slowest: Duration::ZERO,
        }
    }

    async fn timed<T>(&mut self, work: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let done = work.await;
        self.slowest = self.slowest.max(began.elapsed());
        done
    }

    async fn submit(&mut self, new: NewJob) -> domain::JobId {
        let submission = Submission {
            tenant_id: self.world.tenant_id,
            idempotency: None,
            jobs: vec![new],
        };
        let (api, id) = (self.api.clone(), submission.jobs[0].id);
        let answer = Box::pin(self.timed(api.submit(&[submission])))
            .await
            .remove(0)
            .unwrap();
        assert!(matches!(answer, Submitted::Accepted(_)), "{answer:?}");
        id
    }

    async fn run(&mut self, id: domain::JobId) {
        let (worker, worker_id) = (self.worker.clone(), self.worker_id);
        let claim = self
            .timed(worker.claim(worker_id, &[id]))
            .await
            .unwrap()
            .remove(0);
        let Claim::Started(started) = claim else {
            panic!("{id}: {claim:?}");
        };
        self.timed(worker.heartbeat(worker_id, Duration::from_mins(10)))
            .await
            .unwrap();
        let finish = Finish::decide(Outcome::Succeeded(None), &started.policy, started.spent, 0.0);
        let ending = Ending {
            lease: started.lease,
            finish,
        };
        let finished = self.timed(worker.finish(&[ending])).await.unwrap();
        assert_eq!(finished, [Finished::Recorded(JobState::Succeeded)]);
    }
}

#[tokio::test]
async fn a_big_day_is_dropped_while_everybody_works() {
    let world = World::new().await;
    world.sql(BIG_DAY).await;
    let mut superuser = world.db.superuser().await;
    superuser.execute("analyze").await.unwrap();
    let queued: Vec<uuid::Uuid> = sqlx::query_scalar("select job_id from outbox order by job_id desc")
        .fetch_all(&mut superuser)
        .await
        .unwrap();
    let sweeper = world.worker(test_handlers()).await;
    let mut somebody = Somebody::new(&world).await;
    let began = Instant::now();
    let dropping = async {
        // A lock that was not granted at once is asked for again, as by the leader.
        while !matches!(sweeper.maintain_once("retention", 1).await, Ok(Some(counts)) if counts.changed == 1)
        {
            assert!(began.elapsed() < Duration::from_mins(2));
        }
        began.elapsed()
    };
    tokio::pin!(dropping);
    let mut old = queued.into_iter().map(domain::JobId);
    let mut rounds = 0;
    let took = loop {
        let round = async {
            let id = Box::pin(somebody.submit(job("test.echo", &json!(null), 1))).await;
            somebody.run(id).await;
            if let Some(id) = old.next() {
                somebody.run(id).await;
                assert_eq!(
                    world.job(id).await.state,
                    JobState::Succeeded,
                    "found at any time"
                );
            }
        };
        tokio::pin!(round);
        // Both go on; the round that is under way when the day has been dropped ends as well.
        tokio::select! {
            took = &mut dropping => {
                round.await;
                break took;
            }
            () = &mut round => rounds += 1,
        }
    };
    tell(&format!(
        "a day of 200,000 jobs, {SURVIVORS} of which stay, was dropped in {took:.1?} beside {rounds} rounds of submit, \
         claim and finish; the slowest statement of these took {:.0?}",
        somebody.slowest
    ));
    assert!(rounds > 0);
    let in_rest = "select count(*) from job_rest";
    assert_eq!(world.count(in_rest).await, SURVIVORS);
    let histories = "select count(*) from attempt_rest where attempt = 1";
    assert_eq!(world.count(histories).await, SURVIVORS);
    let lost = "select count(*) from (select job_id from outbox union all select job_id from due union all
                select job_id from claim union all select job_id from dead_letter) t
                where not exists (select from job where id = job_id)";
    assert_eq!(world.count(lost).await, 0);
    let days = "select count(*) from pg_class where relkind = 'r'
                and relname ~ ('_p' || to_char((now() at time zone 'utc')::date - 60, 'YYYYMMDD'))";
    assert_eq!(world.count(days).await, 0);
    if let Some(id) = old.next() {
        somebody.run(id).await;
    }
}

#[expect(clippy::print_stderr, reason = "figures are for people")]
fn tell(figures: &str) {
    eprintln!("measured: {figures}");
}
